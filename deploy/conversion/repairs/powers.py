"""Powers: Paddle-Lite's `pow` is exp(p log x), which is nonsense for x <= 0."""

from collections.abc import Callable
from typing import Any

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import attribute, main_output
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite


def pow_to_products(graph: Graph) -> list[str]:
    """Make every `pow` products, roots or a reciprocal where they do, else an `elementwise_pow`.

    The kernels of the latter call `std::pow`, which is right, and slow.
    """
    import numpy as np

    def build(r: Replacement) -> str:
        exponent = r.attribute("factor", 1.0)
        result = _power(r, exponent)
        if result is None:
            result = r.binary("pow", r.x, r.constant(np.array([exponent], np.float32)))
        return result

    return rewrite(graph, "pow", build)


def elementwise_pow_to_products(graph: Graph) -> list[str]:
    """Make every `elementwise_pow` by a number that products, roots or a reciprocal do those.

    `x ** 2` is exported so: a call of `std::pow` for each element, in fp32 only, is right but slow.
    """
    producers, rewritten = graph.producers(), graph.rewritten()
    exponents = []

    def build(r: Replacement) -> str | None:
        exponents.append(r.input("Y"))
        if exponents[-1] in rewritten or r.shape(r.x) != r.shape(r.out):
            return None
        exponent = _number(graph, producers, exponents[-1])
        return None if exponent is None else _power(r, exponent)

    replaced = rewrite(graph, "elementwise_pow", build, reads=("X", "Y"))
    uses = graph.uses()
    for block, op in graph.operators("fill_constant"):
        if (name := main_output(op)) in exponents and not uses[name]:
            block.ops.remove(op)
    return replaced


def _power(r: Replacement, exponent: float) -> str | None:
    square = lambda: r.unary("square", r.x)  # noqa: E731
    forms: dict[float, Callable[[], str]] = {
        -2.0: lambda: r.unary("reciprocal", square()),
        -1.0: lambda: r.unary("reciprocal", r.x),
        -0.5: lambda: r.unary("rsqrt", r.x),
        0.5: lambda: r.unary("sqrt", r.x),
        1.0: lambda: r.x,
        1.5: lambda: r.binary("mul", r.x, r.unary("sqrt", r.x)),
        2.0: square,
        3.0: lambda: r.binary("mul", square(), r.x),
        4.0: lambda: r.unary("square", square()),
    }
    form = forms.get(exponent)
    return None if form is None else form()


def _number(graph: Graph, producers: dict[str, Any], name: str) -> float | None:
    """The value of a variable of one element, if it is known before the program runs."""
    if graph.is_parameter(name):
        values = graph.parameter(name)
        return float(values.ravel()[0]) if values.size == 1 else None
    op = producers.get(name)
    if op is None or op.type != "fill_constant" or attribute(op, "shape", []) not in ([], [1]):
        return None
    if any(slot.arguments for slot in op.inputs):
        return None
    text = attribute(op, "str_value", "")
    return float(text) if text else attribute(op, "value", 0.0)
