"""Predictions straight from a config and its weights: an exported model that nobody keeps."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ppghost.errors import InputError
from ppghost.inference.detect import detect
from ppghost.inference.drawing import check_folder
from ppghost.inference.export import export
from ppghost.inference.images import find_images, images_of_list
from ppghost.inference.predict import predict
from ppghost.inference.preprocess import detects, read_model_description


def predict_with_config(
    config: dict[str, Any],
    images: Sequence[str | Path] = (),
    topk: int | None = None,
    labels: str | Path | None = None,
    **how: Any,
) -> list[dict[str, Any]]:
    """`predict` with the network and the weights of a config, as PaddleClas's `tools/infer.py`.

    Scores are those of softmax, whatever `Arch.infer_add_softmax` says of exports.

    Args:
        config: a checked configuration; `Global.pretrained_model` names the weights.
        images: image files; those of `Infer.infer_list`, or of `Infer.infer_imgs`, if empty.
        topk: as for `predict`.
        labels: as for `predict`.
        how: `batch_size` and `threads`, as for `predict`; `draw`, as for `predict_or_detect`.

    Raises:
        InputError: as for `export` and `predict_or_detect`, or the config names no images either.
        CheckFailed: as for `predict`.
    """
    images = images or images_of_config(config)
    arch = config["Arch"] | {"infer_add_softmax": True}
    with tempfile.TemporaryDirectory(prefix="ppghost-") as folder:
        export(config | {"Arch": arch}, folder)
        return predict_or_detect(folder, images, topk, labels, **how)


def predict_or_detect(
    model_dir: str | Path,
    images: Sequence[str | Path],
    topk: int | None = None,
    labels: str | Path | None = None,
    *,
    draw: Path | None = None,
    **how: Any,
) -> list[dict[str, Any]]:
    """`predict` or `detect`, as an exported model asks for.

    Args:
        model_dir: the folder of an exported model.
        images: image files.
        topk: as for `predict`.
        labels: as for both.
        draw: the folder that the results will be drawn into, to be refused before the work.
        how: `batch_size` and `threads`, as for `predict`.

    Raises:
        InputError: as for these, an option that the model's kind has not, or drawings that would
            take the place of the images.
        CheckFailed: as for these.
    """
    if not detects(read_model_description(Path(model_dir))):
        if draw:
            raise InputError("--draw is for detectors; classes have no place in an image")
        return predict(model_dir, images, topk, labels, **how)
    if draw:
        check_folder(draw, [Path(image) for image in images])
    if topk is not None:
        raise InputError("--topk is for classifiers; a detector's boxes are all shown")
    if how.get("batch_size") not in (None, 1):
        raise InputError("--batch-size is for classifiers; a detector takes one image at once")
    return detect(model_dir, images, labels, threads=how.get("threads"))


def images_of_config(config: dict[str, Any]) -> list[Path]:
    """The images of `Infer.infer_list`, relative to `infer_imgs`, or those of `infer_imgs`.

    Raises:
        InputError: there are none.
    """
    images, listed = config["Infer"]["infer_imgs"], config["Infer"].get("infer_list")
    if listed:
        return images_of_list(Path(listed), Path(images or Path(listed).parent))
    if not images:
        raise InputError("Infer.infer_imgs is missing; name images, or give them in the command")
    return find_images([images])


def output_of_config(config: dict[str, Any]) -> Path | None:
    """The file that `Infer.save_dir` means: PaddleClas puts `.json` behind a name without it."""
    place = config["Infer"].get("save_dir")
    if not place:
        return None
    path = Path(place)
    return path if path.suffix == ".json" else path.with_name(f"{path.name}.json")
