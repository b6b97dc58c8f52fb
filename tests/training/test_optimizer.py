"""Optimizers against the formulas of their papers."""

import numpy as np
import paddle
import pytest
from paddle.utils import unique_name
from support.runs import load_optimizer

from ppghost.errors import InputError
from ppghost.training import optimizer, schedules

pytestmark = pytest.mark.usefixtures("static")
EPOCHS, STEPS = 10, 7


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
        optimizer.check(load_optimizer(tmp_path, section))


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
        schedule = schedules.learning_rate(loaded, EPOCHS, STEPS)
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
    loaded = load_optimizer(tmp_path, {**section, "lr": {"name": "Constant", "learning_rate": 0.1}})
    for ours, wanted in zip(trained(loaded), expected(update, decays), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-6)


def test_l1_pulls_by_the_sign(tmp_path):
    section = {"name": "SGD", "regularizer": {"name": "L1", "coeff": 0.2}}
    loaded = load_optimizer(tmp_path, {**section, "lr": {"name": "Constant", "learning_rate": 0.1}})
    wanted = expected(lambda w, g, state, t: w - 0.1 * (g + 0.2 * np.sign(w)))
    np.testing.assert_allclose(trained(loaded)[0], wanted[0], rtol=1e-5)


def test_clip_norm_bounds_each_gradient_by_itself(tmp_path):
    section = {"name": "SGD", "clip_norm": 0.5, "lr": {"name": "Constant", "learning_rate": 0.1}}
    wanted = expected(lambda w, g, state, t: w - 0.1 * g * min(1, 0.5 / np.sqrt((g * g).sum())))
    for ours, value in zip(trained(load_optimizer(tmp_path, section)), wanted, strict=True):
        np.testing.assert_allclose(ours, value, rtol=1e-5)


def test_update_freq_steps_on_the_mean_gradient(tmp_path):
    section = {"name": "SGD", "lr": {"name": "Constant", "learning_rate": 0.1}}
    loaded = load_optimizer(tmp_path, section, update_freq=2)
    both = np.concatenate(BATCHES[:2])  # one batch of the double size has the mean gradient
    [wanted, _] = expected(sgd, batches=[both])
    np.testing.assert_allclose(trained(loaded, BATCHES[:1])[0], WEIGHT, rtol=1e-6)
    np.testing.assert_allclose(trained(loaded, BATCHES[:2])[0], wanted, rtol=1e-5)


def test_exempting_parameters_needs_the_network(tmp_path):
    section = {"name": "AdamW", "lr": {"learning_rate": 0.1}, "no_weight_decay_name": "norm"}
    loaded = load_optimizer(tmp_path, section)
    schedule = schedules.learning_rate(loaded, EPOCHS, STEPS)
    with pytest.raises(ValueError, match="found in the network"):
        optimizer.optimizer(loaded, schedule)
