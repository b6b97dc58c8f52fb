"""A network function as a `paddle.nn.Layer`, and what its builders share.

Names. A builder's `name` is the prefix of its parameter names, with "." written as "_": the
dots are the structure that PaddleClas's dygraph Layers have, so that one name gives both the
parameter name (`_ghostbottleneck_0_ghost_module_1_primary_conv_weights`) and the structured
name (`_ghostbottleneck_0.ghost_module_1.primary_conv._conv.weight`).
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple, Optional, overload

import paddle
from paddle import nn
from paddle.base.unique_name import UniqueNameGenerator
from paddle.utils import unique_name

from ppghost.i18n import tr

#: the Network whose body is running
_owner: ContextVar[Optional["Network"]] = ContextVar("owner", default=None)


class Network(nn.Layer):
    """A network function as a Layer, in every mode that Paddle has.

    Args:
        body: maps an image tensor [N, C, H, W] to the network's output, by builders.
        in_channels: C.
        structured_names: where the structured name differs from the builder's dotted name. Of one
            that is PaddleClas's: ending of the latter -> ending of the former; an ending starts
            with a dot. Or a function from a sub-layer's whole path to the path that it shall have.
        generated_names: whether the parameters have the names that Paddle makes up, numbered in
            the order of creation (`conv2d_0.w_0`), as in PaddleClas where it gives none.
        parts: networks that the body calls, by the name under which their tensors stand.

    Attributes:
        merges: what `ppghost.models.reparameterization` can merge in this network.
    """

    def __init__(
        self,
        body: Callable,
        in_channels: int = 3,
        structured_names: Mapping[str, str] | Callable[[str], str] | None = None,
        *,
        generated_names: bool = False,
        parts: Mapping[str, nn.Layer] | None = None,
    ):
        super().__init__()
        for name, part in (parts or {}).items():
            self.add_sublayer(name, part)
        self.body = body
        self.structured_names = structured_names or {}
        self.generated_names = generated_names
        # of its own: in static graph the ops between its layers take numbers too
        self._names = UniqueNameGenerator()
        self.merges: dict[str, Any] = {}
        if paddle.in_dynamic_mode():
            # An optimizer asks for the parameters before the first real batch, so that one pass
            # over a small blank image creates them; in eval mode, which leaves statistics alone.
            self.eval()
            with paddle.no_grad():
                self(paddle.zeros([1, in_channels, 32, 32]))
            self.train()

    def forward(self, x):
        # no context manager: paddle.jit.to_static warns of one
        token = _owner.set(self)
        try:
            return self.body(x)
        finally:
            _owner.reset(token)

    def sublayer(self, name: str, kind: str, create: Callable[[], nn.Layer]) -> nn.Layer:
        """A builder's sub-layer, created on the first call and registered at its path.

        Args:
            name: the builder's ("a.b.c").
            kind: what follows it in the path, "" for nothing.
            create: makes the sub-layer.

        Raises:
            ValueError: two of `structured_names` are for that name.
        """
        *parents, leaf = self._structured(name, kind).split(".")
        parent = self
        for part in parents:
            if part not in parent._sub_layers:
                parent.add_sublayer(part, nn.Layer())
            parent = parent._sub_layers[part]
        if leaf not in parent._sub_layers:
            layer = self._created(create)
            layer.training = self.training
            parent.add_sublayer(leaf, layer)
        return parent._sub_layers[leaf]

    def _created(self, create: Callable[[], nn.Layer]) -> nn.Layer:
        if not self.generated_names:
            return create()
        with unique_name.guard(self._names):
            return create()

    def _structured(self, name: str, kind: str) -> str:
        """The path of a builder's sub-layer, by `structured_names`."""
        end = f".{kind}" if kind else ""
        if callable(self.structured_names):
            return self.structured_names(name + end)
        rules = [rule for rule in self.structured_names.items() if name.endswith(rule[0])]
        if len(rules) > 1:
            endings = tr(" and ").join(ending for ending, _ in rules)
            raise ValueError(
                tr("structured name of {name}: both {endings} are rules for it").format(
                    name=name, endings=endings
                )
            )
        for ending, replacement in rules:
            return name.removesuffix(ending) + replacement + end
        return name + end


def running_network() -> Optional["Network"]:
    """The Network whose body is running, None outside of one."""
    return _owner.get()


def apply_layer(name: str | None, kind: str, create: Callable[[], nn.Layer], x):
    """Run x through the sub-layer `name.kind` of the Network that is running, or a new one.

    Args:
        name: the builder's dotted name; None only where no Network is running.
        kind: the last part of the sub-layer's path, "" for none.
        create: makes the sub-layer, on the first call.
        x: its input.

    Raises:
        ValueError: no name inside a Network.
    """
    owner = running_network()
    if owner is None:
        return create()(x)
    if name is None:
        raise ValueError(tr("inside a Network every builder needs a name, to be found again"))
    return owner.sublayer(name, kind, create)(x)


@overload
def parameter_name(name: str, suffix: str) -> str: ...
@overload
def parameter_name(name: None, suffix: str) -> None: ...
@overload
def parameter_name(name: str | None, suffix: str) -> str | None: ...
def parameter_name(name: str | None, suffix: str) -> str | None:
    """The parameter's name for a builder's dotted name, None where Paddle is to choose one."""
    owner = running_network()
    if name is None or (owner is not None and owner.generated_names):
        return None
    return f"{name.replace('.', '_')}_{suffix}"


class Architecture(NamedTuple):
    """A network by name.

    Attributes:
        family: the networks that it belongs to.
        build: its constructor, which takes `class_num` and other keys of `Arch`.
        input_shape: the image [C, H, W] that it is made for.
        static: whether its Layer can be called in static graph as it is. Others are converted as
            `paddle.jit.to_static` does.
        reparameterizable: whether its constructor takes `deploy=True`, which builds it as it is
            to be deployed (`ppghost.models.reparameterization`).
        task: what it is for, "classification" or "detection" (`ppghost.tasks`).
    """

    family: str
    build: Callable
    input_shape: tuple[int, int, int] = (3, 224, 224)
    static: bool = True
    reparameterizable: bool = False
    task: str = "classification"


def named_state(network: nn.Layer) -> dict[str, Any]:
    """As `network.state_dict()`: parameters and persistable buffers by their structured names.

    Paddle's copies all that it has found so far for each layer: 10,204 layers of GhostResNet1202
    took a third of the time that building it does.
    """
    found: dict[str, Any] = {}

    def collect(layer: nn.Layer, prefix: str) -> None:
        kept = {k: v for k, v in layer._buffers.items()
                if k not in layer._non_persistable_buffer_names_set}  # fmt: skip
        for name, tensor in (*layer._parameters.items(), *kept.items()):
            if tensor is not None:
                found[prefix + name] = tensor
        for name, part in layer._sub_layers.items():
            if part is not None:
                collect(part, f"{prefix}{name}.")

    collect(network, "")
    return found
