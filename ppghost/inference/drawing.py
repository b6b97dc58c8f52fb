"""Images with what was found in them."""

import colorsys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, ImageOps

from ppghost.errors import InputError
from ppghost.utils.files import output_errors

#: turns of the colour circle between classes: neighbours differ most by the golden ratio
_TURN = 0.618034


def color(class_id: int) -> tuple[int, int, int]:
    """A class's colour, RGB; never two alike among the first dozens."""
    red, green, blue = colorsys.hls_to_rgb(class_id * _TURN % 1, 0.45, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def draw_boxes(image: Path, boxes: list[dict[str, Any]], output: Path) -> None:
    """Write the image with a frame and a line of text for each box.

    Args:
        image: the file that they were found in.
        boxes: as `ppghost.inference.detect.detect` gives them.
        output: the file to write, in the form that its ending says.

    Raises:
        InputError: the image cannot be read, or the place cannot be written to.
    """
    canvas = with_boxes(image, boxes)
    with output_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        canvas.save(output)


def with_boxes(image: Path, boxes: list[dict[str, Any]]) -> Image.Image:
    """The image with a frame and a line of text for each box.

    Raises:
        InputError: the image cannot be read.
    """
    try:
        with Image.open(image) as file:
            # upright, as the network saw it
            canvas = ImageOps.exif_transpose(file).convert("RGB")
    except (OSError, ValueError) as error:
        raise InputError(
            "{image}: cannot be drawn on ({error})", image=image, error=error
        ) from error
    width = max(2, round(max(canvas.size) / 300))
    font = ImageFont.load_default(size=max(12, 6 * width))
    draw = ImageDraw.Draw(canvas)
    for box in reversed(boxes):  # the surest on top
        _draw(draw, box, width, font)
    return canvas


def _draw(draw: Any, box: dict[str, Any], width: int, font: Any) -> None:
    x, y, box_width, box_height = box["bbox"]
    shade = color(box["class_id"])
    draw.rectangle((x, y, x + box_width, y + box_height), outline=shade, width=width)
    label = box["label"] if box["label"] is not None else box["class_id"]
    text = f"{label} {box['score']:.2f}"
    left, top, right, bottom = draw.textbbox((x, y), text, font=font, anchor="lb")
    if top < 0:  # no room above
        top, bottom = y, y + bottom - top
    draw.rectangle((left, top, right + 2 * width, bottom), fill=shade)
    draw.text((left + width, top), text, fill="white", font=font, anchor="lt")


def check_folder(folder: Path, images: Iterable[Path]) -> None:
    """Raise InputError for a folder that images lie in: their drawings would take their places."""
    for image in images:
        if image.resolve().parent == folder.resolve():
            raise InputError(
                "{folder}: holds {name} itself; draw into another folder",
                folder=folder,
                name=image.name,
            )


def draw_results(results: list[dict[str, Any]], folder: Path, threshold: float) -> None:
    """Draw what was found in each image into a folder, under the images' names.

    Args:
        results: as `ppghost.inference.detect.detect` gives them.
        folder: made if need be.
        threshold: the least score of what is drawn.

    Raises:
        InputError: the folder cannot be written to.
    """
    taken: set[Path] = set()
    for result in results:
        if "error" not in result:
            boxes = [box for box in result["boxes"] if box["score"] >= threshold]
            draw_boxes(Path(result["image"]), boxes, _free(result["image"], folder, taken))


def _free(image: str, folder: Path, taken: set[Path]) -> Path:
    """Where the drawing of an image goes; two of one name get a number."""
    stem = Path(image).stem
    path, number = folder / f"{stem}.jpg", 1
    while path in taken:
        path, number = folder / f"{stem}_{number}.jpg", number + 1
    taken.add(path)
    return path
