"""Schedules against Paddle's own, optimizers against the formulas of their papers."""

import numpy as np
import paddle
import pytest
import yaml
from paddle.optimizer import lr as paddles
from paddle.utils import unique_name

from ppghost import config
from ppghost.errors import InputError
from ppghost.train import optimizer

pytestmark = pytest.mark.usefixtures("static")
EPOCHS, STEPS = 10, 7


def load(tmp_path, optimizer_section, **settings):
    path = tmp_path / "config.yaml"
    content = {"Global": settings, "Arch": {"name": "A"}, "Optimizer": optimizer_section}
    path.write_text(yaml.safe_dump(content))
    return config.load(path)


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
    loaded = load(tmp_path, {"lr": {"learning_rate": 0.3, **settings}})
    schedule = optimizer.learning_rate(loaded, epochs, STEPS)
    count = epochs if settings.get("by_epoch") else epochs * STEPS
    assert rates(schedule, count) == pytest.approx(rates(reference(), count), abs=1e-12)


def test_a_schedule_goes_to_any_step_at_once(tmp_path):
    loaded = load(tmp_path, {"lr": {"learning_rate": 0.3, **WARM_UP}})
    walked, jumped = (optimizer.learning_rate(loaded, EPOCHS, STEPS) for _ in range(2))
    rates(walked, 40)
    jumped.step(40)
    assert jumped.state_dict() == walked.state_dict()
    assert rates(jumped, 5) == rates(walked, 5)


@pytest.mark.filterwarnings("ignore:There are some unused values")  # Paddle's, of its own state
def test_paddleclas_goes_on_from_our_schedule(tmp_path):
    loaded = load(tmp_path, {"lr": {"learning_rate": 0.3, **WARM_UP}})
    ours = optimizer.learning_rate(loaded, EPOCHS, STEPS)
    theirs = warm(paddles.CosineAnnealingDecay(0.3, 56), 14)
    ours.step(30)
    theirs.set_state_dict(ours.state_dict())
    ours.step()
    theirs.step()
    assert rates(theirs, 20) == pytest.approx(rates(ours, 20), abs=1e-12)


def test_the_rate_moves_once_per_update(tmp_path):
    section = {"lr": {"learning_rate": 0.3, "warmup_epoch": 1}}
    schedule = optimizer.learning_rate(load(tmp_path, section, update_freq=4), 3, steps_per_epoch=8)
    single = optimizer.learning_rate(load(tmp_path, section), 3, steps_per_epoch=2)
    assert rates(schedule, 24) == [rate for rate in rates(single, 6) for _ in range(4)]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({}, "learning_rate is missing"),
        (
            {"lr": {"name": "Piecewise", "decay_epochs": [3], "values": [1]}},
            "Piecewise needs .* got 1 and 1",
        ),
        (
            {
                "name": "AdamW",
                "lr": {"learning_rate": 1},
                "regularizer": {"name": "L2", "coeff": 1e-4},
            },
            "AdamW takes a number, weight_decay",
        ),
    ],
)
def test_check_names_what_training_lacks(tmp_path, section, message):
    with pytest.raises(InputError, match=message):
        optimizer.check(load(tmp_path, section))


WEIGHT, BIAS = np.array([[0.5], [-1.0], [2.0]]), np.array([0.25])
BATCHES = np.random.default_rng(3).normal(size=(3, 4, 3))


def gradients(weight, bias, batch):
    """Of the mean square of batch @ weight + bias."""
    error = 2 * (batch @ weight + bias) / len(batch)
    return batch.T @ error, error.sum(0)


def trained(loaded, batches=BATCHES):
    """The weight and the bias of a linear layer after one step on each batch."""
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup), unique_name.guard():
        network = paddle.nn.Linear(3, 1)
        loss = (network(paddle.static.data("x", [None, 3])) ** 2).mean()
        schedule = optimizer.learning_rate(loaded, EPOCHS, STEPS)
        optimizer.optimizer(loaded, schedule, network).minimize(loss)
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    with paddle.static.scope_guard(scope):
        executor.run(startup)
        tensors = [scope.find_var(p.name).get_tensor() for p in (network.weight, network.bias)]
        for tensor, start in zip(tensors, (WEIGHT, BIAS), strict=True):
            tensor.set(start.astype("float32"), paddle.CPUPlace())
        for batch in batches:
            executor.run(main, feed={"x": batch.astype("float32")})
        return [np.array(tensor) for tensor in tensors]


def expected(update, decays=(0.0, 0.0), batches=BATCHES):
    """The same by `update(w, g, state, t) -> w`, with L2 coefficients of weight and bias."""
    values, states = [WEIGHT, BIAS], [{}, {}]
    for t, batch in enumerate(batches, start=1):
        slopes = gradients(*values, batch)
        values = [
            update(w, g + decay * w, state, t)
            for w, g, state, decay in zip(values, slopes, states, decays, strict=True)
        ]
    return values


def sgd(w, g, state, t):
    return w - 0.1 * g


def momentum(w, g, state, t):
    state["v"] = 0.8 * state.get("v", 0) + g
    return w - 0.1 * state["v"]


def nesterov(w, g, state, t):
    state["v"] = 0.8 * state.get("v", 0) + g
    return w - 0.1 * (g + 0.8 * state["v"])


def adam(w, g, state, t):
    state["m"] = 0.7 * state.get("m", 0) + 0.3 * g
    state["v"] = 0.9 * state.get("v", 0) + 0.1 * g * g
    return w - 0.1 * state["m"] / (1 - 0.7**t) / (np.sqrt(state["v"] / (1 - 0.9**t)) + 1e-8)


def rmsprop(w, g, state, t):
    state["s"] = 0.9 * state.get("s", 0) + 0.1 * g * g
    state["v"] = 0.5 * state.get("v", 0) + 0.1 * g / np.sqrt(state["s"] + 1e-3)
    return w - state["v"]


def adamw(w, g, state, t):
    """Decoupled: the weight shrinks by itself, the bias does not (it is of one dimension)."""
    return adam(w * (1 - 0.1 * 0.2) if w.ndim == 2 else w, g, state, t)


MOMENTS = {"beta1": 0.7, "beta2": 0.9}
RMS = {"rho": 0.9, "momentum": 0.5, "epsilon": 1e-3}
L2 = {"regularizer": {"name": "L2", "coeff": 0.2}}


@pytest.mark.parametrize(
    ("section", "update", "decays"),
    [
        ({"name": "SGD"}, sgd, (0, 0)),
        ({"name": "SGD", **L2}, sgd, (0.2, 0.2)),
        ({"name": "Momentum", "momentum": 0.8, **L2}, momentum, (0.2, 0.2)),
        ({"name": "Momentum", "momentum": 0.8, "use_nesterov": True}, nesterov, (0, 0)),
        (
            {"name": "Momentum", "momentum": 0.8, "no_weight_decay_name": "norm bias", **L2},
            momentum,
            (0.2, 0),
        ),
        ({"name": "Adam", **MOMENTS, "weight_decay": 0.2}, adam, (0.2, 0.2)),
        ({"name": "RMSProp", **RMS, **L2}, rmsprop, (0.2, 0.2)),
        (
            {"name": "RMSProp", **RMS, **L2, "one_dim_param_no_weight_decay": True},
            rmsprop,
            (0.2, 0),
        ),
        (
            {
                "name": "AdamW",
                **MOMENTS,
                "weight_decay": 0.2,
                "one_dim_param_no_weight_decay": True,
            },
            adamw,
            (0, 0),
        ),
        (
            {"name": "AdamW", **MOMENTS, "weight_decay": 0.2, "no_weight_decay_name": "bias"},
            adamw,
            (0, 0),
        ),
    ],
)
def test_steps_follow_the_formula(tmp_path, section, update, decays):
    loaded = load(tmp_path, {**section, "lr": {"name": "Constant", "learning_rate": 0.1}})
    for ours, wanted in zip(trained(loaded), expected(update, decays), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-6)


def test_l1_pulls_by_the_sign(tmp_path):
    section = {"name": "SGD", "regularizer": {"name": "L1", "coeff": 0.2}}
    loaded = load(tmp_path, {**section, "lr": {"name": "Constant", "learning_rate": 0.1}})
    wanted = expected(lambda w, g, state, t: w - 0.1 * (g + 0.2 * np.sign(w)))
    np.testing.assert_allclose(trained(loaded)[0], wanted[0], rtol=1e-5)


def test_clip_norm_bounds_each_gradient_by_itself(tmp_path):
    section = {"name": "SGD", "clip_norm": 0.5, "lr": {"name": "Constant", "learning_rate": 0.1}}
    wanted = expected(lambda w, g, state, t: w - 0.1 * g * min(1, 0.5 / np.sqrt((g * g).sum())))
    for ours, value in zip(trained(load(tmp_path, section)), wanted, strict=True):
        np.testing.assert_allclose(ours, value, rtol=1e-5)


def test_update_freq_steps_on_the_mean_gradient(tmp_path):
    section = {"name": "SGD", "lr": {"name": "Constant", "learning_rate": 0.1}}
    loaded = load(tmp_path, section, update_freq=2)
    both = np.concatenate(BATCHES[:2])  # one batch of the double size has the mean gradient
    [wanted, _] = expected(sgd, batches=[both])
    np.testing.assert_allclose(trained(loaded, BATCHES[:1])[0], WEIGHT, rtol=1e-6)
    np.testing.assert_allclose(trained(loaded, BATCHES[:2])[0], wanted, rtol=1e-5)


def test_exempting_parameters_needs_the_network(tmp_path):
    section = {"name": "AdamW", "lr": {"learning_rate": 0.1}, "no_weight_decay_name": "norm"}
    loaded = load(tmp_path, section)
    schedule = optimizer.learning_rate(loaded, EPOCHS, STEPS)
    with pytest.raises(ValueError, match="found in the network"):
        optimizer.optimizer(loaded, schedule)


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
    loaded = load(tmp_path, {"lr": COSINE}, **settings)
    got, notice = optimizer.linear_scaling(loaded, total)
    assert got == factor
    assert (said is None and notice is None) or said in notice


def test_linear_scaling_needs_the_tuned_batch(tmp_path):
    loaded = load(tmp_path, {"lr": COSINE}, scale_lr=True)
    with pytest.raises(InputError, match=r"Global\.scale_lr needs Global\.tuned_batch_size"):
        optimizer.linear_scaling(loaded, 64)


def test_linear_scaling_reads_the_first_value_of_piecewise(tmp_path):
    piecewise = {"name": "Piecewise", "decay_epochs": [3], "values": [0.2, 0.1]}
    loaded = load(tmp_path, {"lr": piecewise}, tuned_batch_size=64)
    assert "rate 0.2 was tuned" in optimizer.linear_scaling(loaded, 32)[1]


def test_a_scaled_schedule_keeps_its_shape(tmp_path):
    loaded = load(tmp_path, {"lr": COSINE})
    plain = rates(optimizer.learning_rate(loaded, EPOCHS, STEPS), EPOCHS * STEPS)
    scaled = rates(optimizer.learning_rate(loaded, EPOCHS, STEPS, 0.25), EPOCHS * STEPS)
    np.testing.assert_allclose(scaled, np.array(plain) / 4, rtol=1e-12)
