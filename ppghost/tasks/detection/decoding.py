"""From a RetinaNet's outputs to boxes with scores, as ops of the current Program."""

from typing import Any

import numpy as np
import paddle
from paddle.nn import functional
from paddle.nn.initializer import Assign

from ppghost.tasks.detection.targets import MAX_LOG_RATIO


def decode(
    deltas: paddle.static.Variable, anchors: paddle.static.Variable, height: int, width: int
) -> paddle.static.Variable:
    """Boxes [N, M, 4] (x1, y1, x2, y2), cut off at the image, of deltas and anchors [N, M, 4]."""
    corner, end = anchors[:, :, :2], anchors[:, :, 2:]
    size = paddle.subtract(end, corner)
    shift = paddle.multiply(deltas[:, :, :2] + 0.5, size)
    middle = paddle.add(corner, shift)
    growth = paddle.exp(paddle.clip(deltas[:, :, 2:], max=MAX_LOG_RATIO))
    half = paddle.multiply(size * 0.5, growth)
    boxes = paddle.concat([paddle.subtract(middle, half), paddle.add(middle, half)], axis=2)
    x, y = paddle.clip(boxes[:, :, 0::2], 0, width), paddle.clip(boxes[:, :, 1::2], 0, height)
    return paddle.concat([x[:, :, :1], y[:, :, :1], x[:, :, 1:], y[:, :, 1:]], axis=2)


def scored_boxes(outputs: dict[str, Any], anchors: np.ndarray, candidates: int) -> tuple:
    """The anchors with the highest score of any class: boxes [N, M, 4] and scores [N, C, M].

    Args:
        outputs: the network's.
        anchors: [A, 4].
        candidates: M, or all anchors if there are no more.
    """
    logits, deltas = outputs["logits"], outputs["deltas"]
    height, width = outputs["image"].shape[2:]
    places = _constant("anchors", anchors)
    if len(anchors) > candidates:
        _, best = paddle.topk(logits.max(axis=-1), candidates, axis=1)
        logits, deltas, places = _picked(best, logits, deltas, places)
    else:
        places = paddle.unsqueeze(places, 0)
    boxes = decode(deltas, places, int(height), int(width))
    return boxes, paddle.transpose(functional.sigmoid(logits), [0, 2, 1])


def _picked(best, logits, deltas, anchors) -> tuple:
    """The rows `best` [N, M] of each image's logits and deltas, and of the anchors."""
    if logits.shape[0] == 1:  # what a phone computes: plain gathers, which Paddle-Lite has
        row = paddle.reshape(best, [-1])
        picked = (paddle.gather(paddle.squeeze(part, 0), row) for part in (logits, deltas))
        return (*(paddle.unsqueeze(part, 0) for part in (*picked, paddle.gather(anchors, row))),)
    of_image = [
        paddle.take_along_axis(part, best.unsqueeze(-1).expand([-1, -1, part.shape[2]]), axis=1)
        for part in (logits, deltas)
    ]
    rows = paddle.gather(anchors, paddle.reshape(best, [-1]))
    return (*of_image, paddle.reshape(rows, [-1, best.shape[1], 4]))


def _constant(name: str, array: np.ndarray) -> paddle.static.Variable:
    """A tensor of the model; as attributes of an op thousands of numbers would be read slowly."""
    return paddle.static.create_parameter(
        list(array.shape),
        "float32",
        attr=paddle.ParamAttr(name=name, initializer=Assign(array), trainable=False),
    )


def suppress(
    boxes: paddle.static.Variable, scores: paddle.static.Variable, settings: dict
) -> tuple[paddle.static.Variable, paddle.static.Variable]:
    """Non-maximum suppression, class by class: rows (class, score, x1, y1, x2, y2), and how many.

    Args:
        boxes: [N, M, 4].
        scores: [N, C, M].
        settings: `score_threshold`, `nms_threshold`, `nms_top_k`, `keep_top_k`.

    Returns:
        The rows of all images, one after the other, float32 [R, 6], and each image's number of
        them, int32 [N].
    """
    block = paddle.static.default_main_program().current_block()
    rows = block.create_var(name="detections", dtype="float32", shape=[-1, 6])
    index = block.create_var(dtype="int32", shape=[-1, 1])
    counts = block.create_var(name="detection_counts", dtype="int32", shape=[-1])
    block.append_op(
        type="multiclass_nms3",
        inputs={"BBoxes": boxes, "Scores": scores},
        outputs={"Out": rows, "Index": index, "NmsRoisNum": counts},
        attrs={
            "background_label": -1,
            "score_threshold": settings["score_threshold"],
            "nms_top_k": settings["nms_top_k"],
            "nms_threshold": settings["nms_threshold"],
            "keep_top_k": settings["keep_top_k"],
            "nms_eta": 1.0,
            "normalized": True,
        },
    )
    rows.stop_gradient = counts.stop_gradient = True
    return rows, counts
