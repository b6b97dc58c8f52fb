"""The arrays of make_paddledet_goldens.py, and what PaddleDetection made of them."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from ppghost.data.annotations import Objects, Target
from ppghost.models.anchors import AnchorGrid

GRID = AnchorGrid(levels=(4, 5), scales_per_octave=2)
CLASSES, MAPS = 3, ((4, 6), (2, 3))
BOXES = ([[10, 8, 70, 50], [60, 5, 95, 40], [2, 30, 20, 60]], [[30, 20, 90, 62]])
KINDS = ([0, 2, 1], [1])


@cache
def goldens() -> dict:
    return json.loads(Path(__file__).with_name("paddledet_goldens.json").read_text())


def targets() -> list[Target]:
    pairs = zip(BOXES, KINDS, strict=True)
    return [
        Target(Objects.of(boxes, kinds), index, (1.0, 1.0), (64, 96))
        for index, (boxes, kinds) in enumerate(pairs)
    ]


def predictions() -> tuple[np.ndarray, np.ndarray]:
    """Logits [2, 180, CLASSES] and deltas [2, 180, 4]."""
    rng = np.random.default_rng(0)
    logits = [rng.standard_normal((2, 6 * CLASSES, *size)) for size in MAPS]
    deltas = [0.5 * rng.standard_normal((2, 6 * 4, *size)) for size in MAPS]
    return _by_anchor(logits, CLASSES), _by_anchor(deltas, 4)


def _by_anchor(maps: list[np.ndarray], values: int) -> np.ndarray:
    rows = [part.transpose(0, 2, 3, 1).reshape(2, -1, values) for part in maps]
    return np.concatenate(rows, axis=1).astype(np.float32)
