"""A page with some of a teacher's labels, to be looked at before they are learnt from."""

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ppghost.errors import InputError
from ppghost.i18n import say, tr_as, translate
from ppghost.inference.drawing import with_boxes
from ppghost.utils.files import write_text

#: images on the page, and their longer side in pixels
SAMPLE, _SIDE = 24, 480
#: what HTML calls the language of a page
HTML_LANG = tr_as("HTML lang", "en")
_TEMPLATE = Path(__file__).with_name("label_page.html")


def write_page(
    path: Path,
    title: str,
    rows: Sequence[Mapping[str, Any]],
    images: Sequence[tuple[Path, list[dict[str, Any]], str]],
) -> None:
    """Write a page that needs no other file.

    Args:
        path: the file.
        title: its heading.
        rows: of the table: "name", "labels" and "threshold" of each class.
        images: (file, boxes as `ppghost.inference.drawing` takes them, caption) of all images; a
            sample is shown, taken at equal distances.

    Raises:
        InputError: the place cannot be written to.
    """
    import jinja2

    template = jinja2.Template(
        _TEMPLATE.read_text(encoding="utf-8"),
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    places = np.linspace(0, len(images) - 1, min(SAMPLE, len(images))).astype(int)
    shown = [
        {"name": file.name, "caption": caption, "data": data}
        for file, boxes, caption in (images[place] for place in places)
        if (data := _picture(file, boxes))
    ]
    content = template.render(
        title=title, rows=rows, images=shown, total=len(images), say=say, lang=translate(HTML_LANG)
    )
    write_text(path, content)


def _picture(image: Path, boxes: list[dict[str, Any]]) -> str | None:
    """A small JPEG with the boxes in it, in base64; None for an image that is gone by now."""
    try:
        picture = with_boxes(image, boxes)
    except InputError:
        return None
    picture.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    return base64.b64encode(file.getvalue()).decode()
