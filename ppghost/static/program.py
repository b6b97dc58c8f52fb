"""A network as a static Program: what to feed it, what to fetch from it.

All are built under a fresh name guard, so that the same architecture has the same parameter names
in each; the Programs share their tensors through the scope that an Executor runs in.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.utils import unique_name

from ppghost.models import dy2static, factory
from ppghost.static import shape_folding
from ppghost.static.runtime import without_call_stacks
from ppghost.static.startup import run_startup, startup_program


@dataclass(frozen=True)
class Graph:
    """A Program, what to feed it, what to fetch from it, and the network inside."""

    program: paddle.static.Program
    startup: paddle.static.Program
    inputs: list
    outputs: dict
    network: paddle.nn.Layer


#: keys of Arch that are not arguments of the network
_NOT_ARGUMENTS = (
    "name", "pretrained", "use_ssld", "use_sync_bn", "is_rec", "use_ml_decoder",
    "infer_add_softmax", "infer_output_key",
)  # fmt: skip


def image_shape(config: dict) -> list[int]:
    """[C, H, W] of `Global.image_shape`; H and W are -1 where an export leaves them free."""
    return list(config["Global"]["image_shape"])


def with_image_shape(config: dict, shape: Sequence[int]) -> dict:
    """The config for images of another shape [C, H, W]."""
    return config | {"Global": config["Global"] | {"image_shape": list(shape)}}


def with_known_shape(config: dict) -> dict:
    """The config for images of one size: the architecture's own where `image_shape` is free."""
    own, shape = factory.find(config["Arch"]["name"]).input_shape, image_shape(config)
    shape = [size if size > 0 else own[axis] for axis, size in enumerate(shape)]
    return with_image_shape(config, shape)


def arch_arguments(config: dict) -> dict:
    """What `Arch` says to the network's constructor."""
    return {k: v for k, v in config["Arch"].items() if k not in _NOT_ARGUMENTS}


def build(
    config: dict,
    make_outputs: Callable[[paddle.nn.Layer, Any], dict],
    prepare: Callable[[paddle.nn.Layer], None] | None = None,
    batch: int | None = None,
) -> Graph:
    """The config's network, called on images in a Program of its own.

    Args:
        config: its `Arch` names the network, `Global.image_shape` the images' [C, H, W].
        make_outputs: called with the network and what it returned for the images
            [N, C, H, W]; appends to the Program what is made of it (losses, scores, further feeds)
            and returns what there is to fetch, by name.
        prepare: called with the network before it is called itself.
        batch: how many images, None to leave that open.

    Returns:
        The graph; its first input is the images. Further ones are for the caller to add.

    Raises:
        InputError: no such architecture, or one that cannot be built.
    """
    program, startup = paddle.static.Program(), startup_program()
    paddle.seed(config["Global"]["seed"] or 0)  # PaddleClas's networks draw their weights here
    with (
        paddle.static.program_guard(program, startup),
        unique_name.guard(),
        without_call_stacks(),
    ):
        image = paddle.static.data("image", [batch, *image_shape(config)], "float32")
        network = factory.create(config["Arch"]["name"], **arch_arguments(config))
        if prepare:
            prepare(network)
        with factory.building(config["Arch"]["name"]):
            outputs = network(image)
        shape_folding.fold_constant_shapes(program, outputs)
        outputs = make_outputs(network, outputs)
    return Graph(program, startup, [image], outputs, network)


def initialize(executor, graph: Graph, seed: int, scope) -> None:
    """Give every tensor of the graph in `scope` its first value, drawn from `seed`."""
    paddle.seed(seed)
    run_startup(executor, graph.startup, scope)
    assign(scope, dy2static.pop_initial_values(graph.network), executor.place)


def assign(scope, arrays: dict[str, np.ndarray], place=None) -> None:
    """Set tensors of the scope by name, in the memory of `place` (the CPU if None)."""
    place = place or paddle.CPUPlace()
    for name, array in arrays.items():
        scope.var(name).get_tensor().set(np.ascontiguousarray(array), place)


def fetch(scope, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Copies of tensors of the scope by name."""
    return {name: np.array(scope.find_var(name).get_tensor()) for name in names}
