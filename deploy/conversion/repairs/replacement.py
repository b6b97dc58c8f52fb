"""Operators that take the place of one operator."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import (
    argument,
    attribute,
    main_output,
    new_operator,
    replace_operator,
)
from ppghost.formats.program_desc import framework

if TYPE_CHECKING:
    import numpy as np


def rewrite(
    graph: Graph,
    kind: str,
    build: "Callable[[Replacement], str | None]",
    *,
    reads: Sequence[str] = ("X",),
    any_type: bool = False,
) -> list[str]:
    """Replace every operator of a type by others that compute the same.

    Args:
        graph: what to change.
        kind: the type.
        build: adds the new operators to the Replacement and returns the variable that takes the
            place of the operator's output, or None to leave the operator alone.
        reads: the input slots that `build` knows; an operator with others (for an attribute as a
            tensor) is left alone.
        any_type: whole numbers too are computed rightly; else float32 only.

    Returns:
        The outputs of the operators that were replaced.
    """
    replaced = []
    for block, op in graph.operators(kind):
        filled = [slot.parameter for slot in op.inputs if slot.arguments]
        if not set(filled) <= set(reads):
            continue
        if not any_type and graph.dtype(str(argument(op, reads[0]))) != framework().VarType.FP32:
            continue
        replacement = Replacement(graph, block, op)
        result = build(replacement)
        if result is not None:
            replaced.append(replacement.out)
            replacement.apply(result)
    return replaced


class Replacement:
    """Operators that are to take the place of one; `x` is its main input, `out` its output."""

    def __init__(self, graph: Graph, block: Any, op: Any) -> None:
        self.graph, self.op, self._block = graph, op, block
        self.out = main_output(op)
        self._ops: list[Any] = []
        self._made: list[str] = []

    @property
    def last(self) -> Any:
        """The operator that was added last."""
        return self._ops[-1]

    @property
    def x(self) -> str:
        """What the operator reads from its slot `X`."""
        return self.input("X")

    def input(self, slot: str) -> str:
        """The variable that the operator reads from a slot."""
        found = argument(self.op, slot)
        if found is None:
            raise KeyError(f"{self.op.type} has no {slot}")
        return found

    def shape(self, name: str) -> list[int]:
        """The declared sizes of a variable."""
        return self.graph.shape(name)

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute of the operator."""
        return attribute(self.op, name, default)

    def constant(self, values: "np.ndarray") -> str:
        """A new parameter."""
        return self.graph.add_parameter(f"{self.out}.constant", values)

    def add(
        self,
        kind: str,
        inputs: dict[str, str],
        sizes: list[int] | None = None,
        *,
        data_type: int | None = None,
        output: str = "Out",
        **attributes: Any,
    ) -> str:
        """Add an operator; returns its output, of the shape and type of the replaced one's."""
        name = self.graph.add_variable(
            self._block,
            f"{self.out}.{kind}",
            self.shape(self.out) if sizes is None else sizes,
            self.graph.dtype(self.out) if data_type is None else data_type,
        )
        self._made.append(name)
        self._ops.append(new_operator(kind, inputs, {output: name}, attributes))
        if kind in ("reshape2", "transpose2", "squeeze2", "unsqueeze2"):
            shadow = self.graph.add_variable(
                self._block, f"{name}.xshape", [0, *self.shape(next(iter(inputs.values())))],
                self.graph.dtype(name),
            )  # fmt: skip
            self._ops[-1].outputs.add(parameter="XShape", arguments=[shadow])
        return name

    def scale(self, x: str, scale: float, bias: float = 0.0) -> str:
        """x * scale + bias."""
        return self.unary("scale", x, scale=float(scale), bias=float(bias), bias_after_scale=True)

    def unary(self, kind: str, x: str, **attributes: Any) -> str:
        """An operator of one input that keeps its shape and type."""
        return self._of(x, kind, self.shape(x), **attributes)

    def binary(self, kind: str, x: str, y: str, shape: list[int] | None = None) -> str:
        """An elementwise operator; `kind` is "add", "mul", ..."""
        shape = self.shape(x) if shape is None else shape
        inputs, data_type = {"X": x, "Y": y}, self.graph.dtype(x)
        return self.add(f"elementwise_{kind}", inputs, shape, data_type=data_type, axis=-1)

    def reduce(self, kind: str, x: str, axes: list[int]) -> str:
        """The "sum" or "max" of `x` over axes, counted from the first, which become 1."""
        sizes = [1 if axis in axes else size for axis, size in enumerate(self.shape(x))]
        return self._of(x, f"reduce_{kind}", sizes, dim=axes, keep_dim=True, reduce_all=False)

    def transpose(self, x: str, order: list[int]) -> str:
        """`x` with its axes in another order."""
        sizes = self.shape(x)
        return self._of(x, "transpose2", [sizes[axis] for axis in order], axis=order)

    def reshape(self, x: str, shape: list[int]) -> str:
        """`x` in another shape, of which one size may be -1 and those that stay may be 0."""
        return self._of(x, "reshape2", shape, shape=shape)

    def apply(self, result: str) -> None:
        """Put the operators in place of the old one, with `result` for its output."""
        if result not in self._made:
            # nothing is left to compute: opt takes this away
            result = self.scale(result, 1.0)
        for op in self._ops:
            for slot in (*op.inputs, *op.outputs):
                slot.arguments[:] = [self.out if n == result else n for n in slot.arguments]
        replace_operator(self._block, self.op, self._ops)
        for var in [var for var in self._block.vars if var.name == result]:
            self._block.vars.remove(var)

    def _of(self, x: str, kind: str, sizes: list[int], **attributes: Any) -> str:
        data_type = self.graph.dtype(x)
        return self.add(kind, {"X": x}, sizes, data_type=data_type, **attributes)
