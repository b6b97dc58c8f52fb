"""Anchors, their objects and deltas: PaddleDetection's figures, and what it does not have."""

import numpy as np
import pytest
from goldens import BOXES, GRID, KINDS, goldens, targets

from ppghost.data.annotations import Objects, Target
from ppghost.models.anchors import AnchorGrid
from ppghost.tasks.detection.targets import (
    IGNORED,
    RetinaTargets,
    assign,
    encode,
    overlaps,
)

ANCHORS = GRID.boxes(64, 96)


def test_anchors_are_paddledetections():
    np.testing.assert_allclose(ANCHORS, goldens()["anchors"], atol=4e-5)


def test_an_odd_size_has_anchors_for_the_last_half_cell():
    grid = AnchorGrid(levels=(3, 5))
    assert grid.sizes(100, 50) == [(13, 7), (7, 4), (4, 2)]
    assert len(grid.boxes(100, 50)) == 9 * (13 * 7 + 7 * 4 + 4 * 2)


@pytest.mark.parametrize("image", [0, 1])
def test_each_anchor_has_the_object_that_paddledetection_gives_it(image):
    boxes = np.array(BOXES[image], np.float32)
    golden = goldens()["images"][image]
    given = assign(ANCHORS, boxes)
    labels = np.where(given >= 0, 1, np.where(given == IGNORED, -1, 0))
    np.testing.assert_array_equal(labels, golden["labels"])
    held = given >= 0
    np.testing.assert_array_equal(given[held], np.array(golden["matches"])[held])
    deltas = encode(ANCHORS[held], boxes[given[held]])
    np.testing.assert_allclose(deltas, golden["deltas"], atol=1e-6)


def test_overlaps_of_boxes_without_area_are_nothing():
    boxes = np.array([[0, 0, 10, 10], [5, 5, 5, 5]], np.float32)
    np.testing.assert_array_equal(overlaps(boxes, boxes), [[1, 0], [0, 0]])


def test_a_batch_has_labels_for_each_image_also_without_an_object():
    labels = RetinaTargets(GRID)([*targets(), Target(Objects.empty(), 7, (0.5, 2.0), (9, 9))],
                                 (3, 64, 96))  # fmt: skip
    assert {name: array.shape for name, array in labels.items()} == {
        "classes": (3, 180), "deltas": (3, 180, 4), "weights": (3, 180), "index": (3, 1),
        "scale": (3, 2),
    }  # fmt: skip
    assert not labels["classes"][2].any()
    assert (labels["weights"][2] == 1).all()
    assert labels["index"].ravel().tolist() == [0, 1, 7]
    assert set(labels["classes"][1]) == {0, KINDS[1][0] + 1}


def test_what_an_evaluation_ignores_is_neither_object_nor_background():
    objects = Objects.of(BOXES[1], KINDS[1], ignored=[True])
    labels = RetinaTargets(GRID)([Target(objects, 0, (1.0, 1.0), (64, 96))], (3, 64, 96))
    assert not labels["classes"].any()
    covered = overlaps(ANCHORS, objects.boxes)[:, 0] >= 0.4
    assert covered.any()
    np.testing.assert_array_equal(labels["weights"][0], np.where(covered, 0, 1))
