"""Networks that are known by name, or by a config: built as Programs, for their graphs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import paddle
from paddle.utils import unique_name

from ppghost.analysis.complexity import Complexity, summarize
from ppghost.analysis.graph import Graph
from ppghost.analysis.names import is_automatic
from ppghost.analysis.shapes import reason
from ppghost.config import loading
from ppghost.errors import InputError
from ppghost.formats.program_desc import framework
from ppghost.models import dy2static, factory
from ppghost.static.program import arch_arguments, image_shape, with_known_shape
from ppghost.static.runtime import static_graph, without_call_stacks
from ppghost.static.shape_folding import fold_constant_shapes
from ppghost.static.startup import startup_program


def analyze_architecture(
    target: str | Path | dict, size: tuple[int, int] | None, arguments: dict[str, Any]
) -> Complexity:
    """All figures of a network that is built for it.

    Args:
        target: the name of an architecture, a config's file, or a loaded config.
        size: H and W, None for the target's own.
        arguments: of the constructor, in place of the target's own.

    Raises:
        InputError: no such network, or a size or argument that it cannot have.
    """
    if isinstance(target, str | Path) and Path(target).suffix in (".yaml", ".yml"):
        target = loading.load_config(target)
    if isinstance(target, dict):
        name, shape = target["Arch"]["name"], image_shape(with_known_shape(target))
        arguments = arch_arguments(target) | arguments
    else:
        name, shape = str(target), list(factory.find(str(target)).input_shape)
    if size is not None:
        shape = [shape[0], *size]
    graph, names = build(name, shape, **arguments)
    return summarize(name, shape, graph, names)


def build(
    name: str, shape: Sequence[int] | None = None, **arguments: Any
) -> tuple[Graph, dict[str, str]]:
    """An architecture's graph for one image, as it is evaluated.

    Args:
        name: see `ppghost list`.
        shape: the image [C, H, W]; None for the one that the architecture is made for.
        arguments: of its constructor.

    Returns:
        The graph, and what the layers of parameters are called where these have no names.

    Raises:
        InputError: no such architecture, or one that cannot be built so.
    """
    own = factory.find(name).input_shape
    shape = own if shape is None else tuple(shape)
    program = paddle.static.Program()
    # the network shall never run: no operator need give its parameters values
    startup = startup_program(initialize=False)
    with (
        static_graph(),
        paddle.static.program_guard(program, startup),
        unique_name.guard(),
        without_call_stacks(),
    ):
        network = factory.create(name, **arguments)
        dy2static.set_eval_mode(network)
        try:
            with factory.building(name):
                outputs = network(paddle.static.data("image", [1, *shape], "float32"))
        except (InputError, RuntimeError, ValueError) as error:
            if shape == own:
                raise
            size, cause = "x".join(map(str, shape[1:])), error.__cause__ or error
            raise InputError(
                "{name} cannot take images of {size}: {cause}",
                name=name,
                size=size,
                cause=reason(cause),
            ) from error
        fold_constant_shapes(program, outputs)
        desc = framework().ProgramDesc.FromString(program.desc.serialize_to_string())
        return Graph(desc), _structured_names(network)


def _structured_names(network: paddle.nn.Layer) -> dict[str, str]:
    """The path of the Layer of each parameter, where Paddle itself chose parameters' names."""
    parameters = dict(network.named_parameters())
    if not any(is_automatic(parameter.name) for parameter in parameters.values()):
        return {}
    return {
        parameter.name: path.rpartition(".")[0].removesuffix("._conv") or path
        for path, parameter in parameters.items()
    }
