"""Learning rates: schedules against Paddle's own, and linear scaling."""

import numpy as np
import pytest
from paddle.optimizer import lr as paddles
from support.runs import load_optimizer

from ppghost.errors import InputError
from ppghost.training import schedules

pytestmark = pytest.mark.usefixtures("static")
EPOCHS, STEPS = 10, 7


def rates(schedule, count):
    found = []
    for _ in range(count):
        found.append(schedule())
        schedule.step()
    return found


def warm(after, steps, peak=0.3):
    return paddles.LinearWarmup(after, steps, 0.01, peak)


WARM_UP = {"warmup_epoch": 2, "warmup_start_lr": 0.01}
BY_EPOCH = {**WARM_UP, "by_epoch": True}
TENTHS = {"learning_rate": 0.3, "decay_epochs": [1], "values": [5, 4]}


@pytest.mark.parametrize(
    ("epochs", "settings", "reference"),
    [
        (10, {"name": "Constant", **WARM_UP}, lambda: paddles.LambdaDecay(0.3, lambda _: 1)),
        (10, {"name": "ConstLR", **WARM_UP}, lambda: warm(0.3, 14)),
        (10, {"name": "ConstLR", **BY_EPOCH}, lambda: warm(0.3, 2)),
        (10, {"name": "Cosine"}, lambda: paddles.CosineAnnealingDecay(0.3, 70)),
        (
            10,
            {"name": "Cosine", "eta_min": "1e-3", **WARM_UP},
            lambda: warm(paddles.CosineAnnealingDecay(0.3, 56, 0.001), 14),
        ),
        (
            10,
            {"name": "Cosine", **BY_EPOCH},
            lambda: warm(paddles.CosineAnnealingDecay(0.3, 8), 2),
        ),
        # PaddleClas cuts a warm-up that is longer than the training
        (10, {"name": "Cosine", **WARM_UP, "warmup_epoch": 12}, lambda: warm(0.3, 70)),
        (
            10,
            {"name": "Linear", "end_lr": 0.02, **WARM_UP},
            lambda: warm(paddles.PolynomialDecay(0.3, 56, 0.02), 14),
        ),
        (
            10,
            {"name": "Polynomial", "power": 2, "end_lr": 0.02},
            lambda: paddles.PolynomialDecay(0.3, 70, 0.02, power=2),
        ),
        (
            10,
            {"name": "Linear", "cycle": True, "power": 0.9},
            lambda: paddles.PolynomialDecay(0.3, 70, 0.0, power=0.9, cycle=True),
        ),
        (
            10,
            {"name": "Step", "step_size": 2.4, "gamma": 0.97, **WARM_UP},
            lambda: warm(paddles.StepDecay(0.3, 16, 0.97), 14),
        ),
        (
            10,
            {"name": "MultiStepDecay", "milestones": [3, 5], "by_epoch": True},
            lambda: paddles.MultiStepDecay(0.3, [3, 5], 0.1),
        ),
        (
            10,
            {"name": "MultiStepDecay", "milestones": [3, 5], "gamma": 0.5, **WARM_UP},
            lambda: warm(paddles.MultiStepDecay(0.3, [21, 35], 0.5), 14),
        ),
        # learning_rate wins over the lists: a tenth every 30 epochs, as PaddleClas reads it
        (
            70,
            {"name": "Piecewise", **TENTHS, **WARM_UP},
            lambda: warm(paddles.PiecewiseDecay([210, 420], [0.3, 0.03, 0.003]), 14),
        ),
        (
            10,
            {"name": "Piecewise", "learning_rate": 0, "decay_epochs": [3, 6], "values": [3, 2, 1]},
            lambda: paddles.PiecewiseDecay([21, 42], [3, 2, 1]),
        ),
        (
            10,
            {"name": "Piecewise", "learning_rate": 0, "decay_epochs": [3], "values": [3, 2]}
            | WARM_UP,
            lambda: warm(paddles.PiecewiseDecay([21], [3, 2]), 14, peak=3),
        ),
    ],
)
def test_rates_are_those_of_paddles_schedulers(tmp_path, epochs, settings, reference):
    loaded = load_optimizer(tmp_path, {"lr": {"learning_rate": 0.3, **settings}})
    schedule = schedules.learning_rate(loaded, epochs, STEPS)
    count = epochs if settings.get("by_epoch") else epochs * STEPS
    assert rates(schedule, count) == pytest.approx(rates(reference(), count), abs=1e-12)


def test_a_schedule_goes_to_any_step_at_once(tmp_path):
    loaded = load_optimizer(tmp_path, {"lr": {"learning_rate": 0.3, **WARM_UP}})
    walked, jumped = (schedules.learning_rate(loaded, EPOCHS, STEPS) for _ in range(2))
    rates(walked, 40)
    jumped.step(40)
    assert jumped.state_dict() == walked.state_dict()
    assert rates(jumped, 5) == rates(walked, 5)


@pytest.mark.filterwarnings("ignore:There are some unused values")  # Paddle's, of its own state
def test_paddleclas_goes_on_from_our_schedule(tmp_path):
    loaded = load_optimizer(tmp_path, {"lr": {"learning_rate": 0.3, **WARM_UP}})
    ours = schedules.learning_rate(loaded, EPOCHS, STEPS)
    theirs = warm(paddles.CosineAnnealingDecay(0.3, 56), 14)
    ours.step(30)
    theirs.set_state_dict(ours.state_dict())
    ours.step()
    theirs.step()
    assert rates(theirs, 20) == pytest.approx(rates(ours, 20), abs=1e-12)


def test_the_rate_moves_once_per_update(tmp_path):
    section = {"lr": {"learning_rate": 0.3, "warmup_epoch": 1}}
    schedule = schedules.learning_rate(
        load_optimizer(tmp_path, section, update_freq=4), 3, steps_per_epoch=8
    )
    single = schedules.learning_rate(load_optimizer(tmp_path, section), 3, steps_per_epoch=2)
    assert rates(schedule, 24) == [rate for rate in rates(single, 6) for _ in range(4)]


@pytest.mark.parametrize(
    ("settings", "reference"),
    [
        ({"name": "Cosine"}, lambda: warm(paddles.CosineAnnealingDecay(0.3, 60), 10)),
        # milestones count from the first step, as PaddleDetection puts them behind its warm-up
        (
            {"name": "MultiStepDecay", "milestones": [3, 8], "gamma": 0.5},
            lambda: paddles.PiecewiseDecay(
                [*range(1, 11), 21, 56], [*np.linspace(0.01, 0.3, 11), 0.15, 0.075]
            ),
        ),
    ],
)
def test_a_warm_up_counts_in_steps_too(tmp_path, settings, reference):
    section = {"lr": {"learning_rate": 0.3, "warmup_start_lr": 0.01, **settings}}
    schedule = schedules.learning_rate(
        load_optimizer(tmp_path, section, warmup_steps=10), EPOCHS, STEPS
    )
    assert rates(schedule, 70) == pytest.approx(rates(reference(), 70), abs=1e-12)


COSINE = {"name": "Cosine", "learning_rate": 0.4, "eta_min": 0.1, **WARM_UP}


@pytest.mark.parametrize(
    ("settings", "total", "factor", "said"),
    [
        ({}, 64, 1.0, None),  # nothing is known of the tuned batch
        ({"tuned_batch_size": 1024}, 1024, 1.0, None),
        ({"tuned_batch_size": 1024, "scale_lr": True}, 1024, 1.0, None),
        (
            {"tuned_batch_size": 1024},
            256,
            1.0,
            "0.4 was tuned for a total batch of 1024; for 256 linear scaling says 0.1; ",
        ),
        (
            {"tuned_batch_size": 1024, "scale_lr": True},
            2048,
            2.0,
            "0.4 was tuned for a total batch of 1024; for 2048 it is scaled to 0.8",
        ),
    ],
)
def test_linear_scaling_tells_and_applies_if_asked(tmp_path, settings, total, factor, said):
    loaded = load_optimizer(tmp_path, {"lr": COSINE}, **settings)
    got, notice = schedules.linear_scaling(loaded, total)
    assert got == factor
    assert (said is None and notice is None) or said in notice


def test_linear_scaling_needs_the_tuned_batch(tmp_path):
    loaded = load_optimizer(tmp_path, {"lr": COSINE}, scale_lr=True)
    with pytest.raises(InputError, match=r"Global\.scale_lr needs Global\.tuned_batch_size"):
        schedules.linear_scaling(loaded, 64)


def test_linear_scaling_reads_the_first_value_of_piecewise(tmp_path):
    piecewise = {"name": "Piecewise", "decay_epochs": [3], "values": [0.2, 0.1]}
    loaded = load_optimizer(tmp_path, {"lr": piecewise}, tuned_batch_size=64)
    assert "rate 0.2 was tuned" in schedules.linear_scaling(loaded, 32)[1]


def test_a_scaled_schedule_keeps_its_shape(tmp_path):
    loaded = load_optimizer(tmp_path, {"lr": COSINE})
    plain = rates(schedules.learning_rate(loaded, EPOCHS, STEPS), EPOCHS * STEPS)
    scaled = rates(schedules.learning_rate(loaded, EPOCHS, STEPS, 0.25), EPOCHS * STEPS)
    np.testing.assert_allclose(scaled, np.array(plain) / 4, rtol=1e-12)
