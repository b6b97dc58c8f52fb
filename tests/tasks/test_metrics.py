"""Accuracy inside a Program."""

import numpy as np
import paddle
import pytest

from ppghost.errors import InputError
from ppghost.tasks.metrics import Averages, topk_accuracy, wanted_ks


@pytest.mark.usefixtures("static")
def test_saturated_scores_are_still_ranked():
    """Softmax makes 1, 0, 0 and 0 of these logits; the last class is the second best."""
    program = paddle.static.Program()
    with paddle.static.program_guard(program):
        logits = paddle.static.data("logits", [None, 4], "float32")
        label = paddle.static.data("label", [None, 1], "int64")
        outputs = topk_accuracy([{"TopkAcc": {"topk": [1, 2]}}], logits, label)
    feed = {
        "logits": np.array([[1000.0, 1.0, 2.0, 3.0]], "float32"),
        "label": np.array([[3]], "int64"),
    }
    executor = paddle.static.Executor()
    top1, top2 = executor.run(program, feed=feed, fetch_list=list(outputs.values()))
    assert (float(top1), float(top2)) == (0.0, 1.0)


@pytest.mark.usefixtures("static")
def test_topk_counts_the_label_among_the_k_best():
    logits = np.array([[3, 2, 1, 0], [0, 1, 2, 3], [3, 2, 1, 0]], dtype="float32")
    labels = np.array([[0], [2], [3]])
    main = paddle.static.Program()
    with paddle.static.program_guard(main, paddle.static.Program()):
        x, y = paddle.static.data("x", [None, 4]), paddle.static.data("y", [None, 1], "int64")
        outputs = topk_accuracy([{"TopkAcc": {"topk": [1, 2, 5]}}], x, y)
        values = paddle.static.Executor().run(
            main, feed={"x": logits, "y": labels}, fetch_list=list(outputs.values())
        )
    # five best of four classes: left out, Paddle's op would fail
    assert dict(zip(outputs, map(float, values), strict=True)) == pytest.approx(
        {"top1": 1 / 3, "top2": 2 / 3}
    )


def test_averages_weigh_batches_by_size():
    averages = Averages()
    averages.add({"top1": 1.0}, 3)
    averages.add({"top1": 0.0}, 1)
    assert averages.means() == {"top1": 0.75}


def test_metrics_of_detectors_are_refused():
    with pytest.raises(InputError, match="COCOMetric is for detectors; a classifier takes TopkAcc"):
        wanted_ks([{"TopkAcc": {"topk": 1}}, {"COCOMetric": {}}])
