"""Class and score for images, from an exported model and nothing else."""

from pathlib import Path

import numpy as np
import paddle

from ppghost.errors import InputError
from ppghost.formats.exported import FILES
from ppghost.formats.operators import check_known
from ppghost.inference.export import read_labels
from ppghost.inference.preprocess import ImageReader
from ppghost.utils.paddle import import_paddle


class Predictor:
    """An exported model, ready for images.

    Raises:
        InputError: MODEL_DIR lacks a file, its inference.yml is not one, or its program holds an
            operator that does more than compute.
    """

    def __init__(self, model_dir: Path):
        for name in FILES:
            if not (model_dir / name).is_file():
                raise InputError(f"{model_dir}: no exported model here, {name} is missing")
        self.read = ImageReader(model_dir)
        post = next(iter(self.read.description["PostProcess"].values())) or {}
        self.topk: int = post.get("topk", 5)
        self.labels: list[str] = post.get("label_list", [])
        import_paddle()
        paddle.enable_static()
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
        types = {op.type for block in self.program.blocks for op in block.ops}
        check_known(types, str(model_dir))

    def scores(self, image: Path) -> np.ndarray:
        """Softmax scores [class_num] of one image file.

        Raises:
            InputError: not an image that can be read.
        """
        tensor = self.read(image)
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
