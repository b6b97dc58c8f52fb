"""Images with boxes: what a RetinaNet learns from them, predicts, and is measured by."""

from collections.abc import Sequence
from typing import Any

import paddle

from ppghost.data.loader import Dataset
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.models.anchors import AnchorGrid
from ppghost.models.retinanet import read_arguments
from ppghost.tasks.detection.decoding import scored_boxes, suppress
from ppghost.tasks.detection.evaluation import DetectionEvaluation, check_metrics, primary_name
from ppghost.tasks.detection.losses import retinanet_loss
from ppghost.tasks.detection.settings import nms_settings
from ppghost.tasks.detection.targets import RetinaTargets
from ppghost.tasks.task import Average

#: anchors that go into non-maximum suppression; more find no more objects (docs/results.md)
CANDIDATES = 1000


class Detection:
    """What a config's `Loss`, `Metric` and `Infer.PostProcess` make of a RetinaNet's outputs.

    Args:
        config: a checked configuration.

    Raises:
        InputError: sections that are for classifiers.
    """

    def __init__(self, config: dict[str, Any]):
        self._config = config
        arch = read_arguments(config["Arch"])
        self._grid = AnchorGrid.of(arch["levels"], arch["anchors"])
        self._nms = nms_settings(config)
        self._losses = {phase: _loss_of(config, phase) for phase in ("Train", "Eval")}
        self.collate = RetinaTargets(self._grid)

    @property
    def head_width(self) -> int:
        """Outputs of the head that tells classes."""
        return self._grid.per_position * self._config["Arch"]["class_num"]

    def labels(self, phase: str) -> list[paddle.static.Variable]:
        """What `RetinaTargets` makes: each anchor's class, deltas and weight in the loss.

        "classes" int64 [N, A], 0 for background; "deltas" float32 [N, A, 4]; "weights" float32
        [N, A]; and of each image its "index" in the data set, int64 [N, 1], and "scale", float32
        [N, 2].
        """
        # how many anchors there are follows from the images, which need not have the export's size
        shapes = {
            "classes": ([None, None], "int64"),
            "deltas": ([None, None, 4], "float32"),
            "weights": ([None, None], "float32"),
            "index": ([None, 1], "int64"),
            "scale": ([None, 2], "float32"),
        }
        return [paddle.static.data(name, *of) for name, of in shapes.items()]

    def loss_and_metrics(
        self,
        phase: str,
        outputs: Any,
        labels: list[paddle.static.Variable],
        average: Average,
    ) -> dict[str, paddle.static.Variable]:
        """ "loss", "loss_cls", "loss_box"; in evaluation the detections too (`predictions`)."""
        by_name = {label.name: label for label in labels}
        losses = retinanet_loss(
            self._losses[phase], outputs["logits"], outputs["deltas"], by_name, average
        )
        if phase == "Train":
            return losses
        check_metrics(self._config["Metric"]["Eval"])  # before the first epoch, not after it
        return losses | self.predictions(outputs)

    def predictions(self, outputs: Any) -> dict[str, paddle.static.Variable]:
        """ "detections" [R, 6]: class, score, x1, y1, x2, y2; "detection_counts" int32 [N].

        The rows of one image stand together; coordinates are pixels of the network's input.
        """
        height, width = outputs["image"].shape[2:]
        anchors = self._grid.boxes(int(height), int(width))
        boxes, scores = scored_boxes(outputs, anchors, CANDIDATES)
        rows, counts = suppress(boxes, scores, self._nms)
        return {"detections": rows, "detection_counts": counts}

    def evaluation(self, dataset: Dataset, outputs: Sequence[str]) -> DetectionEvaluation:
        """Start an evaluation of a data set by a graph with those outputs."""
        return DetectionEvaluation(
            dataset,  # type: ignore[arg-type] # of boxes, as `make_loader` made it
            self._config["Metric"]["Eval"],
            int(self._nms["keep_top_k"]),
        )

    @property
    def primary(self) -> str:
        """The first average precision of `Metric.Eval`."""
        return primary_name(self._config["Metric"]["Eval"])


def _loss_of(config: dict[str, Any], phase: str) -> dict[str, float]:
    entries = config["Loss"][phase]
    if len(entries) != 1 or "RetinaNetLoss" not in entries[0]:
        names = ", ".join(name for entry in entries for name in entry) or tr("nothing")
        raise InputError(
            "Loss.{phase} is {names}: a RetinaNet takes `- RetinaNetLoss: {{}}`",
            phase=phase,
            names=names,
        )
    return entries[0]["RetinaNetLoss"]
