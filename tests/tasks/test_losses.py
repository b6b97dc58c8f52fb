"""Losses against the textbook."""

import numpy as np
import paddle
import pytest

from ppghost.errors import InputError
from ppghost.tasks.losses import cross_entropy, main_output, total_loss

pytestmark = pytest.mark.usefixtures("static")
LOGITS = np.array([[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], dtype="float32")
LOG_P = LOGITS - np.log(np.exp(LOGITS).sum(1, keepdims=True))
IDS = np.array([[0], [2]])
SHARES = np.array([[0.3, 0.0, 0.7], [0.0, 1.0, 0.0]], dtype="float32")


def evaluate(make_loss, label):
    """The value of `make_loss(logits, label)` in a Program."""
    main = paddle.static.Program()
    with paddle.static.program_guard(main, paddle.static.Program()):
        logits = paddle.static.data("x", [None, 3])
        fed = paddle.static.data("y", [None, label.shape[1]], str(label.dtype))
        loss = make_loss(logits, fed)
        feed = {"x": LOGITS, "y": label}
        [value] = paddle.static.Executor().run(main, feed=feed, fetch_list=[loss])
    assert value.shape == ()
    return float(value)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("epsilon", [None, 0.1, 0.0, 1.0])
@pytest.mark.parametrize(
    ("label", "target"),
    [(IDS, np.eye(3)[IDS[:, 0]]), (SHARES, SHARES)],
    ids=["class ids", "shares"],
)
def test_cross_entropy_is_the_textbooks(label, target, epsilon, reduction):
    smooth = epsilon if epsilon == 0.1 else 0.0  # at its bounds PaddleClas smooths nothing
    target = target * (1 - smooth) + smooth / 3
    wanted = getattr(-(target * LOG_P).sum(1), reduction)()
    got = evaluate(lambda x, y: cross_entropy(x, y, epsilon, reduction), label)
    assert got == pytest.approx(wanted, rel=1e-6)


def test_losses_add_up_by_weight():
    plain, smooth = {"weight": 0.5, "epsilon": None}, {"weight": 2.0, "epsilon": 0.1}
    entries = [{"CELoss": plain}, {"CELoss": {**smooth, "reduction": "sum"}}]
    got = evaluate(lambda x, y: total_loss(entries, x, y), IDS)
    first = evaluate(cross_entropy, IDS)
    second = evaluate(lambda x, y: cross_entropy(x, y, 0.1), IDS)
    assert got == pytest.approx(0.5 * first + 2.0 * 2 * second, rel=1e-6)


def test_googlenets_auxiliary_classifiers_count_three_tenths():
    entries = [{"GoogLeNetLoss": {"weight": 1.0}}]
    got = evaluate(lambda x, y: total_loss(entries, [x, 2 * x, -x], y), IDS)
    parts = [evaluate(lambda x, y, k=k: cross_entropy(k * x, y), IDS) for k in (1, 2, -1)]
    assert got == pytest.approx(parts[0] + 0.3 * parts[1] + 0.3 * parts[2], rel=1e-6)


def test_a_loss_says_when_it_does_not_fit_the_network():
    plain = [{"CELoss": {"weight": 1.0, "epsilon": None}}]
    with pytest.raises(InputError, match="returns 2 outputs and CELoss takes one"):
        evaluate(lambda x, y: total_loss(plain, [x, x], y), IDS)
    with pytest.raises(InputError, match="use CELoss"):
        evaluate(lambda x, y: total_loss([{"GoogLeNetLoss": {"weight": 1.0}}], x, y), IDS)


def test_the_logits_that_count_are_the_first_or_those_so_named():
    assert main_output("x") == "x"
    assert main_output(["x", "auxiliary"]) == "x"
    assert main_output({"logits": "x", "features": "y"}) == "x"


def test_losses_of_detectors_are_refused():
    with pytest.raises(InputError, match="RetinaNetLoss is for detectors"):
        total_loss([{"RetinaNetLoss": {"gamma": 2.0}}], None, None)
