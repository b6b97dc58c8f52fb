"""Boxes of several forms of an image become one answer."""

import numpy as np

from ppghost.inference.thresholds import thresholds_by_count
from ppghost.inference.voting import vote


def rows(*boxes):
    return np.array(boxes, np.float64).reshape(-1, 6)


def test_the_box_is_the_mean_by_score_and_the_score_that_of_all_forms():
    found = [
        rows([1, 0.9, 0, 0, 10, 10]),
        rows([1, 0.3, 2, 0, 12, 10]),
        rows(),
    ]
    [merged] = vote(found)
    np.testing.assert_allclose(merged, [1, 0.4, 0.5, 0, 10.5, 10])


def test_a_form_votes_once_for_an_object():
    found = [rows([0, 0.8, 0, 0, 10, 10], [0, 0.6, 1, 0, 11, 10]), rows([0, 0.4, 0, 0, 10, 10])]
    [merged] = vote(found)
    np.testing.assert_allclose(merged, [0, 0.6, 0, 0, 10, 10])


def test_classes_and_objects_apart_do_not_vote_for_each_other():
    found = [rows([0, 0.5, 0, 0, 10, 10], [1, 0.7, 0, 0, 10, 10], [0, 0.9, 6, 0, 16, 10])]
    merged = vote(found)
    np.testing.assert_allclose(merged[:, :2], [[0, 0.9], [1, 0.7], [0, 0.5]])


def test_nothing_found_is_nothing():
    assert vote([rows(), rows()]).shape == (0, 6)


def test_each_class_gets_as_many_labels_as_it_has_objects_in_the_training_set():
    scores = [np.array([0.2, 0.9, 0.5, 0.4]), np.array([0.3, 0.1]), np.array([0.8])]
    limits = thresholds_by_count(scores, [1.5, 4.0, 0.1], images=2)
    assert limits == [0.4, 0.1, float("inf")]
