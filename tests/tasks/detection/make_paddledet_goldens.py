"""Write paddledet_goldens.json: what PaddleDetection 2.6.0 makes of small arrays.

Run in an environment with paddlepaddle 2.6.2 and paddledet 2.6.0 (installed with --no-deps, with
scikit-learn, lapx, motmetrics, shapely, pyclipper, terminaltables and typeguard beside it).
"""

import json
import zlib  # noqa: F401  (before paddle)
from pathlib import Path

import numpy as np
import paddle
from ppdet.modeling.assigners.max_iou_assigner import MaxIoUAssigner
from ppdet.modeling.bbox_utils import bbox2delta
from ppdet.modeling.heads.retina_head import RetinaFeat, RetinaHead
from ppdet.modeling.layers import MultiClassNMS
from ppdet.modeling.losses.focal_loss import FocalLoss
from ppdet.modeling.losses.smooth_l1_loss import SmoothL1Loss
from ppdet.modeling.proposal_generator.anchor_generator import RetinaAnchorGenerator

CLASSES, MAPS = 3, ((4, 6), (2, 3))  # of an image of 64x96, at strides 16 and 32
BOXES = ([[10, 8, 70, 50], [60, 5, 95, 40], [2, 30, 20, 60]], [[30, 20, 90, 62]])
KINDS = ([0, 2, 1], [1])


def predictions() -> tuple[list, list]:
    """Logits and deltas of both levels, [2, 6 values, H, W]."""
    rng = np.random.default_rng(0)
    logits = [rng.standard_normal((2, 6 * CLASSES, *size)) for size in MAPS]
    deltas = [0.5 * rng.standard_normal((2, 6 * 4, *size)) for size in MAPS]
    return [part.astype("float32") for part in logits], [part.astype("float32") for part in deltas]


def main() -> None:
    generator = RetinaAnchorGenerator(
        octave_base_scale=4,
        scales_per_octave=2,
        aspect_ratios=[0.5, 1.0, 2.0],
        strides=[16.0, 32.0],
    )
    maps = [paddle.zeros([1, 8, *size]) for size in MAPS]
    anchors = paddle.concat(generator(maps))
    assigner = MaxIoUAssigner(0.5, 0.4, True)
    boxes = [paddle.to_tensor(np.array(each, "float32")) for each in BOXES]
    goldens = {"anchors": anchors.numpy().tolist(), "images": []}
    for each in boxes:
        matches, labels = (part.numpy() for part in assigner(anchors, each))
        held = labels == 1
        wanted = paddle.to_tensor(each.numpy()[matches[held]])
        deltas = bbox2delta(paddle.to_tensor(anchors.numpy()[held]), wanted, [1.0] * 4)
        image = {"matches": matches.tolist(), "labels": labels.tolist()}
        goldens["images"].append(image | {"deltas": deltas.numpy().tolist()})
    head = RetinaHead(
        num_classes=CLASSES,
        conv_feat=RetinaFeat(8, 8, 1, None, False),
        anchor_generator=generator,
        bbox_assigner=assigner,
        loss_class=FocalLoss(),
        loss_bbox=SmoothL1Loss(beta=1 / 9),
        nms=MultiClassNMS(),
    )
    outputs = [[paddle.to_tensor(part) for part in parts] for parts in predictions()]
    kinds = [paddle.to_tensor(np.array(each).reshape(-1, 1)) for each in KINDS]
    losses = head.get_loss(outputs, {"gt_bbox": boxes, "gt_class": kinds})
    goldens["losses"] = {name: float(value) for name, value in losses.items()}
    logits, deltas = ([part[:1].transpose([0, 2, 3, 1]) for part in parts] for parts in outputs)
    size, scale = paddle.to_tensor([[64.0, 96.0]]), paddle.to_tensor([[1.0, 1.0]])
    decoded, scores = head.decode(generator(maps), logits, deltas, size, scale)
    goldens |= {"boxes": decoded.numpy()[0].tolist(), "scores": scores.numpy()[0].tolist()}
    target = Path(__file__).with_name("paddledet_goldens.json")
    target.write_text(json.dumps(goldens) + "\n")


if __name__ == "__main__":
    main()
