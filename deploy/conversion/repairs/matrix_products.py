"""Products of matrices and vectors that Paddle-Lite has no kernel for, or reads wrongly."""

from ppghost.deploy.conversion.repairs.graph import Graph
from ppghost.deploy.conversion.repairs.operators import argument, attribute, set_attribute
from ppghost.deploy.conversion.repairs.replacement import Replacement, rewrite


def bmm_to_matmul(graph: Graph) -> list[str]:
    """Make every `bmm` a `matmul_v2`, which computes the same from the same inputs.

    Paddle-Lite lists bmm among its operators, but has no kernel for it on any of our targets.
    """
    return rewrite(graph, "bmm", lambda r: _matmul(r, r.x, r.input("Y")), reads=("X", "Y"))


def mv_to_matmul(graph: Graph) -> list[str]:
    """Make every `mv`, a matrix by a vector, a product with a matrix of one column."""

    def build(r: Replacement) -> str | None:
        rows, columns = r.shape(r.x)
        if columns < 1:
            return None
        column = r.reshape(r.input("Vec"), [columns, 1])
        product = _matmul(r, r.x, column, [rows, 1])
        return r.reshape(product, [rows])

    return rewrite(graph, "mv", build, reads=("X", "Vec"))


def dot_to_sum(graph: Graph) -> list[str]:
    """Make every `dot` a sum over the products of elements."""

    def build(r: Replacement) -> str:
        products = r.binary("mul", r.x, r.input("Y"))
        return r.add("reduce_sum", {"X": products}, dim=[-1], keep_dim=False, reduce_all=False)

    return rewrite(graph, "dot", build, reads=("X", "Y"))


def addmm_to_matmul(graph: Graph) -> list[str]:
    """Make every `addmm`, beta * input + alpha * x @ y, the operators that it is short for."""

    def build(r: Replacement) -> str:
        product = _matmul(r, r.x, r.input("Y"))
        product = r.scale(product, r.attribute("Alpha", 1.0))
        addend = r.scale(r.input("Input"), r.attribute("Beta", 1.0))
        return r.binary("add", product, addend)

    return rewrite(graph, "addmm", build, reads=("X", "Y", "Input"))


def einsum_to_matmul(graph: Graph) -> list[str]:
    """Make every `einsum` that is a product of matrices, perhaps a batch of them, a `matmul_v2`.

    That is: two operands, one index of each alone, one that is summed over, and the others, in
    both and in the result, in front.
    """

    def build(r: Replacement) -> str | None:
        operands = next(slot for slot in r.op.inputs if slot.parameter == "Operands").arguments
        inputs, _, result = r.attribute("equation").replace(" ", "").partition("->")
        terms = inputs.split(",")
        if len(terms) != 2 or not f"{inputs}{result}".replace(",", "").isalpha():
            return None
        left, right = terms
        batch = [i for i in result if i in left and i in right]
        rows, columns, summed = (
            [i for i in left if i not in right and i in result],
            [i for i in right if i not in left and i in result],
            [i for i in left if i in right and i not in result],
        )
        fits = (
            len(rows) == len(columns) == len(summed) == 1
            and sorted(left) == sorted([*batch, *rows, *summed])
            and sorted(right) == sorted([*batch, *columns, *summed])
            and sorted(result) == sorted([*batch, *rows, *columns])
        )
        if not fits:
            return None
        x = _ordered(r, operands[0], left, [*batch, *rows, *summed])
        y = _ordered(r, operands[1], right, [*batch, *summed, *columns])
        made = [*batch, *rows, *columns]
        sizes = dict(zip(result, r.shape(r.out), strict=True))
        product = _matmul(r, x, y, [sizes[i] for i in made])
        return _ordered(r, product, "".join(made), list(result))

    return rewrite(graph, "einsum", build, reads=("Operands",))


def matmul_to_mul(graph: Graph) -> list[str]:
    """Make every `matmul_v2` by a weight matrix a `mul`, as Paddle 1.x wrote such layers.

    Paddle-Lite's weight-only quantization (`--quant_model`) scales the rows of matmul_v2's weights
    and gets nonsense or NaN out of them; those of mul it handles rightly. The result is the same
    otherwise, and Paddle-Lite joins mul and the addition of the bias into its `fc`.
    """
    repaired = []
    for _, op in graph.operators("matmul_v2"):
        x, y = str(argument(op, "X")), str(argument(op, "Y"))
        flipped = attribute(op, "trans_x", False) or attribute(op, "trans_y", False)
        rank = len(graph.shape(x))
        if flipped or rank < 2 or not graph.is_parameter(y) or len(graph.shape(y)) != 2:
            continue
        op.type = "mul"
        set_attribute(op, "x_num_col_dims", rank - 1)
        set_attribute(op, "y_num_col_dims", 1)
        repaired.append(str(argument(op, "Out")))
    return repaired


def _matmul(r: Replacement, x: str, y: str, shape: list[int] | None = None) -> str:
    return r.add("matmul_v2", {"X": x, "Y": y}, shape, trans_x=False, trans_y=False)


def _ordered(r: Replacement, x: str, indices: str, wanted: list[str]) -> str:
    """`x`, whose axes go by `indices`, with its axes in the wanted order."""
    order = [indices.index(i) for i in wanted]
    return x if order == sorted(order) else r.transpose(x, order)
