"""Class and score for images, from an exported model and nothing else."""

from pathlib import Path

import numpy as np
import paddle
import yaml

from ppghost import static
from ppghost.data.transforms import build_transforms
from ppghost.errors import InputError
from ppghost.export import FILES, read_labels


class Predictor:
    """An exported model, ready for images.

    Raises:
        InputError: MODEL_DIR lacks a file, or its inference.yml is not one.
    """

    def __init__(self, model_dir: Path):
        for name in FILES:
            if not (model_dir / name).is_file():
                raise InputError(f"{model_dir}: no exported model here, {name} is missing")
        description = _read_description(model_dir / "inference.yml")
        ops = description["PreProcess"]["transform_ops"]
        if not any("DecodeImage" in op for op in ops):
            ops = [{"DecodeImage": {"to_rgb": True, "channel_first": False}}, *ops]
        self.transform = build_transforms(ops, f"{model_dir}/inference.yml: transform_ops")
        post = next(iter(description["PostProcess"].values())) or {}
        self.topk: int = post.get("topk", 5)
        self.labels: list[str] = post.get("label_list", [])
        static.enable()
        self.scope = paddle.static.Scope()
        self.executor = paddle.static.Executor(paddle.CPUPlace())
        with paddle.static.scope_guard(self.scope):
            try:
                self.program, self.inputs, self.outputs = paddle.static.load_inference_model(
                    str(model_dir / "inference"), self.executor
                )
            except (ValueError, RuntimeError) as error:
                reason = str(error).strip().splitlines()[-1]
                raise InputError(f"{model_dir}: the model cannot be loaded: {reason}") from None

    def scores(self, image: Path) -> np.ndarray:
        """Softmax scores [class_num] of one image file.

        Raises:
            InputError: not an image that can be read.
        """
        try:
            data = image.read_bytes()
        except OSError as error:
            raise InputError(f"{image}: cannot read the image: {error.strerror}") from None
        try:
            # no op that inference.yml names is random; the generator is for the ops' signature
            tensor = self.transform(data, np.random.default_rng(0))
        except ValueError as error:
            raise InputError(f"{image}: {error}") from None
        with paddle.static.scope_guard(self.scope):
            [scores] = self.executor.run(
                self.program, feed={self.inputs[0]: tensor[None]}, fetch_list=self.outputs
            )
        return scores[0]


def predict(
    model_dir: Path, images: list[Path], topk: int | None = None, labels: Path | None = None
) -> list[dict]:
    """[{"image", "topk": [{"class_id", "score", "label"}]}], best first; label null if unknown.

    Raises:
        InputError: no such model, image or label file.
    """
    predictor = Predictor(model_dir)
    names = read_labels(labels) if labels else predictor.labels
    results = []
    for image in images:
        scores = predictor.scores(image)
        best = np.argsort(-scores, kind="stable")[: topk or predictor.topk]
        entries = [
            {
                "class_id": int(i),
                "score": float(scores[i]),
                "label": names[i] if i < len(names) else None,
            }
            for i in best
        ]
        results.append({"image": str(image), "topk": entries})
    return results


def _read_description(path: Path) -> dict:
    try:
        description = yaml.safe_load(path.read_text(encoding="utf-8"))
        description["PreProcess"]["transform_ops"], description["PostProcess"].values()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path}: does not describe an exported model; export it again") from None
    return description
