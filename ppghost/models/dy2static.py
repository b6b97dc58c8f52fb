"""Networks written for dygraph, as part of a static Program.

PaddleClas's networks compute in their constructors (`weight * 0.1`, numpy, copies of sub-layers)
and use the batch size in their forward, none of which a static graph can do. So the constructor
runs in dygraph; then the parameters become variables of the current Program, and the forward is
converted as `paddle.jit.to_static` converts it, which is how PaddleClas exports its networks.
"""

from collections.abc import Callable

import numpy as np
import paddle
from paddle.base.dygraph.base import _convert_into_variable, _to_static_mode_guard_
from paddle.jit.dy2static.program_translator import ProgramTranslator, convert_to_static


def construct(constructor: Callable, **arguments) -> paddle.nn.Layer:
    """`constructor(**arguments)`, its parameters in the current Program, to be called in it.

    The startup Program knows nothing of them: `initial_values` holds what they start from.
    """
    paddle.disable_static()
    try:
        network = constructor(**arguments)
    finally:
        paddle.enable_static()
    tensors = {}
    forward = convert_to_static(type(network).forward)
    with _to_static_mode_guard_(True):
        for layer in network.sublayers(include_self=True):
            for slots in (layer._parameters, layer._buffers):
                for name, tensor in slots.items():
                    if isinstance(tensor, paddle.Tensor):
                        tensors[tensor.name] = tensor
                        slots[name] = _convert_into_variable(tensor)

    def static_forward(*inputs, **keywords):
        recorder = ProgramTranslator.get_instance()._params_recorder
        with _to_static_mode_guard_(True):
            outputs = forward(network, *inputs, **keywords)
        # tensors that are no parameters, but plain attributes of some layer
        constants = recorder.pop(paddle.static.default_main_program())
        tensors.update((tensor.name, tensor) for tensor in constants)
        return outputs

    network.forward = static_forward
    network._initial_tensors = tensors
    return network


def pop_initial_values(network: paddle.nn.Layer) -> dict[str, np.ndarray]:
    """What the tensors of a network of `construct` start from, by name; the network keeps no copy.

    Nothing for any other network, and nothing the second time.
    """
    tensors = getattr(network, "_initial_tensors", {})
    values = {name: tensor.numpy() for name, tensor in tensors.items()}
    tensors.clear()
    return values


def set_eval_mode(network: paddle.nn.Layer) -> None:
    """Make a network that is yet to be called one for evaluation.

    Not `network.eval()`, which in some of PaddleClas's (Swin, LeViT) computes constants from the
    weights as they are now.
    """
    for layer in network.sublayers(include_self=True):
        layer.training = False
