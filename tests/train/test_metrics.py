"""Accuracy inside a Program."""

import numpy as np
import paddle
import pytest

from ppghost.train.metrics import topk_accuracy


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
