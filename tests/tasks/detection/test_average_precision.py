"""Average precision of hand-made detections, where one can count along."""

import numpy as np
import pytest

from ppghost.data.annotations import Annotation, Objects
from ppghost.tasks.detection.evaluation import DetectionEvaluation, Found, coco_metrics
from ppghost.tasks.detection.voc import average_precision

SQUARE, OTHER, FAR = [0, 0, 10, 10], [20, 20, 40, 40], [50, 50, 60, 60]


def annotation(boxes, kinds, ignored=None):
    return Annotation("image.jpg", (100, 100), Objects.of(boxes, kinds, ignored), "here:1")


def found(*rows):
    classes, scores, boxes = zip(*rows, strict=True) if rows else ([], [], np.empty((0, 4)))
    return Found(np.array(classes, np.int64), np.array(scores), np.array(boxes, np.float64))


def test_coco_counts_classes_and_objects_whatever_their_class():
    truth = [annotation([SQUARE, OTHER], [0, 1]), annotation([OTHER], [1])]
    # all boxes are right; in the second image the class is not
    detections = [found((0, 0.9, SQUARE), (1, 0.8, OTHER)), found((0, 0.7, OTHER))]
    whole, of_each = coco_metrics(truth, detections, ["a", "b"])
    assert of_each["a"]["AP50"] == pytest.approx(1.0)  # its wrong one comes after the right one
    assert of_each["b"]["AP50"] == pytest.approx(51 / 101)  # recall 0.5 is reached at 51 of 101
    assert whole["AP50"] == pytest.approx((1 + 51 / 101) / 2)
    assert whole["class_agnostic_AP50"] == pytest.approx(1.0)


def test_coco_asks_for_tight_boxes_at_high_overlaps():
    near = [0, 0, 10, 8]  # overlap 0.8
    whole, _ = coco_metrics([annotation([SQUARE], [0])], [found((0, 0.9, near))], ["a"])
    assert (whole["AP50"], whole["AP75"]) == (pytest.approx(1), pytest.approx(1))
    assert whole["AP"] == pytest.approx(0.7)  # 0.5 to 0.8


def test_nothing_found_is_0_and_a_class_without_objects_counts_not():
    whole, of_each = coco_metrics([annotation([SQUARE], [0])], [found()], ["a", "b"])
    assert whole["AP"] == 0
    assert of_each["b"]["AP"] == -1


def test_voc_areas_and_eleven_points():
    truth = [(np.array([SQUARE, OTHER], float), np.array([False, False]))]
    scores = np.array([0.9, 0.8, 0.7])

    def precision(map_type, *boxes):
        found = [(scores, np.array(boxes, float))]
        return average_precision(truth, found, overlap=0.5, map_type=map_type)

    assert precision("area", SQUARE, FAR, OTHER) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert precision("11point", SQUARE, FAR, OTHER) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)
    # a miss comes first: the best precision, 2 / 3, is that of the second hit
    assert precision("area", FAR, SQUARE, OTHER) == pytest.approx(2 / 3)
    assert precision("integral", FAR, SQUARE, OTHER) == pytest.approx(0.5 * 1 / 2 + 0.5 * 2 / 3)


def test_voc_takes_a_second_box_for_a_miss_and_a_difficult_object_for_nothing():
    truth = [(np.array([SQUARE, OTHER], float), np.array([False, True]))]
    boxes = np.array([SQUARE, SQUARE, OTHER], float)
    value = average_precision(
        truth, [(np.array([0.7, 0.9, 0.8]), boxes)], overlap=0.5, map_type="area"
    )
    assert value == pytest.approx(1.0)
    none = [(np.empty((0, 4)), np.empty(0, bool))]
    assert average_precision(none, [(np.array([0.9]), boxes[:1])], overlap=0.5,
                             map_type="11point") is None  # fmt: skip


class Images:
    """Two images with an object each."""

    class_names = ("a", "b")

    def __len__(self):
        return 2

    def ground_truth(self, index):
        return [annotation([SQUARE], [0]), annotation([OTHER], [1])][index]


class Alone:
    def sum(self, values):
        return np.asarray(values, np.float64)


class Twice:
    """As if another process had had nothing to do but one of the images, once more."""

    def __init__(self, other):
        self.sums = iter(other)

    def sum(self, values):
        return np.asarray(values, np.float64) + next(self.sums)


def batch(rows, counts, index, scale):
    values = {
        "loss": 1.0, "loss_cls": 0.75, "loss_box": 0.25,
        "detections": np.array(rows, np.float32).reshape(-1, 6),
        "detection_counts": np.array(counts),
    }  # fmt: skip
    labels = {"index": np.array(index).reshape(-1, 1), "scale": np.array(scale, np.float32)}
    return values, labels


ENTRIES = [{"COCOMetric": {}}, {"VOCMetric": {"overlap_thresh": 0.5, "map_type": "area"}}]


def test_an_evaluation_puts_boxes_back_into_the_images_as_they_were():
    evaluation = DetectionEvaluation(Images(), ENTRIES, 5)
    # the network saw the first image twice as wide, the second half as wide and high
    rows = [[0, 0.9, 0, 0, 20, 10], [1, 0.8, 10, 10, 20, 20], [0, 0.1, 0, 0, 1, 1]]
    evaluation.add(*batch(rows, [1, 2], [0, 1], [[2, 1], [0.5, 0.5]]))
    metrics = evaluation.metrics(Alone())
    assert metrics["AP"] == pytest.approx(1.0)
    assert metrics["VOC_AP_area"] == pytest.approx(1.0)
    assert metrics["loss"] == 1.0
    assert metrics["samples"] == 2
    assert metrics["classes"]["b"] == {"AP": pytest.approx(1.0), "AP50": pytest.approx(1.0)}


def test_an_image_that_came_in_anothers_place_counts_once():
    evaluation = DetectionEvaluation(Images(), ENTRIES, 5)
    rows = [[0, 0.9, 0, 0, 10, 10]] * 2
    evaluation.add(*batch(rows, [1, 1], [0, 0], [[1, 1], [1, 1]]))
    metrics = evaluation.metrics(Alone())
    assert metrics["AP"] == pytest.approx(1.0)  # of the one image that was seen
    twin = np.zeros((2, 5, 6))
    twin[0, 0] = [1, 0.9, 0, 0, 10, 10]
    other = Twice([np.zeros(4), twin, np.array([1.0, 0.0])])
    assert evaluation.metrics(other)["AP"] == pytest.approx(1.0)
