"""A network of ours beside PaddleClas's of the same name."""

import numpy as np
import paddle
import yaml
from paddle.utils import unique_name
from paddleclas.ppcls.arch import backbone

from ppghost.config import loading as config
from ppghost.models import factory
from ppghost.static.program import assign, fetch
from ppghost.tasks.classification import Classification
from ppghost.training import program
from ppghost.training.schedules import learning_rate
from support.building import building

#: of the step that is compared; high, to show which parameters decay
LEARNING_RATE, DECAY = 0.1, 0.05


def both(name, **arguments):
    """(PaddleClas's Layer, ours), each as it starts from one seed."""
    networks = []
    for build in (getattr(backbone, name), lambda **keys: factory.create(name, **keys)):
        paddle.seed(3)
        with unique_name.guard():
            networks.append(build(**arguments))
    return networks


def described(network):
    """What weight files and optimizers go by: names, shapes, order."""
    return [(k, t.name, tuple(t.shape), t.stop_gradient) for k, t in network.state_dict().items()]


def share_lively_statistics(theirs, ours):
    """Give PaddleClas's BN statistics that trained ones could be, and ours all of its tensors."""
    for layer in theirs.sublayers():
        if isinstance(layer, paddle.nn.BatchNorm):
            layer._mean.set_value(paddle.randn(layer._mean.shape) * 0.1)
            layer._variance.set_value(paddle.rand(layer._variance.shape) + 0.5)
    ours.set_state_dict(theirs.state_dict())


def arrays_of(network):
    """Its tensors by parameter name."""
    return {tensor.name: tensor.numpy().copy() for tensor in network.state_dict().values()}


def static_logits(name, images, arrays, **arguments):
    """What our network computes in static graph for evaluation, with tensors by parameter name."""
    paddle.enable_static()
    scope = paddle.static.Scope()
    with building() as main:
        image = paddle.static.data("image", [None, *images.shape[1:]])
        logits = factory.create(name, **arguments)(image)
    assign(scope, arrays)
    with paddle.static.scope_guard(scope):
        feed, executor = {"image": images}, paddle.static.Executor()
        return executor.run(main.clone(for_test=True), feed=feed, fetch_list=[logits])[0]


def dygraph_step(network, images, labels):
    """One step with momentum and decay; (loss, tensors by parameter name)."""
    optimizer = paddle.optimizer.Momentum(
        LEARNING_RATE,
        parameters=network.parameters(),
        weight_decay=paddle.regularizer.L2Decay(DECAY),
    )
    logits = network(paddle.to_tensor(images))
    loss = paddle.nn.functional.cross_entropy(logits, paddle.to_tensor(labels))
    loss.backward()
    optimizer.step()
    return float(loss), arrays_of(network)


def static_step(path, name, images, labels, before):
    """The same by the Program that `ppghost train` makes of a config, written to `path`."""
    settings = {
        # the kernels that dygraph has; oneDNN's sum in another order
        "Global": {"image_shape": list(images.shape[1:]), "onednn": False},
        "Arch": {"name": name, "class_num": int(labels.max()) + 1},
        "Loss": {"Train": [{"CELoss": {"weight": 1.0}}]},
        "Optimizer": {
            "name": "Momentum",
            "momentum": 0.9,
            "lr": {"name": "Constant", "learning_rate": LEARNING_RATE},
            "regularizer": {"name": "L2", "coeff": DECAY},
        },
    }
    path.write_text(yaml.safe_dump(settings))
    settings = config.load_config(path)
    paddle.enable_static()
    graph = program.build_training(
        settings, Classification(settings), learning_rate(settings, 1, 1)
    )
    scope, executor = paddle.static.Scope(), paddle.static.Executor()
    with paddle.static.scope_guard(scope):
        executor.run(graph.startup)
        assign(scope, before)
        feed = {"image": images, "label": labels}
        [loss] = executor.run(graph.program, feed=feed, fetch_list=[graph.outputs["loss"]])
        return float(loss), fetch(scope, list(before))


def assert_close(actual, expected, message=""):
    """Within 1e-5 of the largest value."""
    bound = 1e-5 * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=bound, err_msg=message)
