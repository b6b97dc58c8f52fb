"""Weights from one format to another, by way of the network that they are for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paddle
from paddle.utils import unique_name

from ppghost import weights
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.models import factory
from ppghost.static.runtime import static_graph
from ppghost.static.startup import startup_program

#: ending -> what writes it
WRITERS = {".pdparams": weights.write_state, ".safetensors": weights.write_safetensors}


def network(
    name: str, class_num: int | None = None, arguments: Mapping[str, Any] | None = None
) -> paddle.nn.Layer:
    """The architecture `name`, called once on its own input in a Program of its own.

    Args:
        name: see `ppghost list`.
        class_num: None for the architecture's own.
        arguments: others of its constructor.

    Raises:
        InputError: no such architecture, or one that no static graph can hold.
    """
    given = dict(arguments or {}) | ({} if class_num is None else {"class_num": class_num})
    channels, *size = factory.find(name).input_shape
    shape = [1, given.get("in_channels", channels), *size]
    with (
        static_graph(),
        paddle.static.program_guard(paddle.static.Program(), startup_program(initialize=False)),
        unique_name.guard(),
    ):
        made = factory.create(name, **given)
        with factory.building(name):
            made(paddle.static.data("image", shape, "float32"))
    return made


def convert(
    source: Path,
    target: Path,
    name: str,
    class_num: int | None = None,
    arguments: Mapping[str, Any] | None = None,
) -> dict:
    """Write the weights in `source`, of any format that is read, to `target`.

    Args:
        source: a file of weights.
        target: of a known ending.
        name: see `ppghost list`.
        class_num: None for the architecture's own.
        arguments: others of its constructor.

    Returns:
        {"loaded": structured names, "missing": [], "unexpected": names of the file}.

    Raises:
        InputError: `source` is not the weights of `name`, or `target` has an unknown ending or
            cannot be written.
    """
    if target.suffix not in WRITERS:
        raise InputError(
            "{target}: write to a file that ends in {writers}",
            target=target,
            writers=tr(" or ").join(WRITERS),
        )
    made = network(name, class_num, arguments)
    found = weights.load(source, made, name)
    specs = weights.tensor_specs(made)
    WRITERS[target.suffix](target, found.arrays, specs)
    loaded = [spec.structured for spec in specs]
    return {"loaded": loaded, "missing": found.missing, "unexpected": found.unexpected}
