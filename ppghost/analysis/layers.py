"""A network's layers: what each is called, where it stands, and what it costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ppghost.analysis import operators
from ppghost.analysis.graph import Graph, Operation
from ppghost.analysis.names import layer_names
from ppghost.analysis.stages import stages_of

CONVOLUTION_KINDS = ("convolution", "pointwise", "depthwise", "group", "transposed")
_WHOLE_NUMBERS = ("INT32", "INT64", "BOOL")


@dataclass(frozen=True)
class Layer:
    """One operator of a network, for one image.

    Attributes:
        name: the builder's where the network is ours, else from its parameters.
        type: Paddle's name of the operator.
        kind: "convolution", "pointwise", "depthwise", "group", "transposed", "fc", "matmul",
            "recurrent", "norm", "bias", "activation", "element-wise", "pooling", "data movement" or
            "other".
        block: the building block that it is part of, by its name.
        stage: the resolution, as a part of the image's ("1/4"), or "head" behind the global pool.
        input_shape, output_shape: with the batch, which is 1; None where they are unknown.
        params: trainable parameters.
        macs: multiply-accumulates; None, as what follows, where they cannot be known.
        flops: floating-point operations, two for a multiply-accumulate.
        activations: values written.
        memory_bytes: bytes read and written.
        read_bytes: parameters among them.
        groups, kernel: of a convolution.
        folds_into: the layer as part of which a runtime computes it (BN, bias and activation
            behind a convolution), None where it cannot.
    """

    name: str
    type: str
    kind: str
    block: str
    stage: str
    input_shape: tuple[int, ...] | None
    output_shape: tuple[int, ...] | None
    params: int
    macs: int | None
    flops: int | None
    activations: int | None
    memory_bytes: int | None
    read_bytes: int | None
    groups: int | None = None
    kernel: tuple[int, ...] | None = None
    folds_into: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether its cost is."""
        return self.macs is not None

    @property
    def intensity(self) -> float | None:
        """Floating-point operations for each byte moved."""
        return self.flops / self.memory_bytes if self.flops and self.memory_bytes else None

    def to_json(self) -> dict[str, Any]:
        """As `ppghost analyze --json` writes it."""
        return vars(self) | {"intensity": self.intensity}


def layers_of(
    graph: Graph, names: Mapping[str, str] | None = None
) -> list[tuple[Layer, Operation]]:
    """Every layer with its operator, in the order of the program.

    Args:
        graph: the program.
        names: what the layers of parameters are called, by parameter, where not as they are.
    """
    operations = [op for op in graph.operations if _is_layer(op)]
    called = layer_names(operations, names)
    stages = stages_of(graph)
    folded = fold_targets(graph)
    weights = {id(tensor): tensor.size for tensor in graph.weights}
    found = []
    for op in operations:
        name, block = called[op]
        cost = operators.cost_of(op)
        target = folded.get(op)
        is_convolution = op.type in operators.CONVOLUTIONS | operators.TRANSPOSED
        kernel = op.input("Filter")
        layer = Layer(
            name=name,
            type=op.type,
            kind=operators.kind_of(op),
            block=block,
            stage=stages[op],
            input_shape=op.main_input.shape if op.main_input else None,
            output_shape=op.main_output.shape if op.main_output else None,
            # a parameter that several layers share is counted where it is used first
            params=sum(weights.pop(id(tensor), 0) for tensor in op.parameters),
            macs=cost and cost.macs,
            flops=cost and cost.flops,
            activations=op.main_output.size if cost and op.main_output else None,
            memory_bytes=cost and cost.read + cost.written,
            read_bytes=cost and cost.read,
            groups=op.attribute("groups", 1) if is_convolution else None,
            kernel=kernel.shape[2:] if is_convolution and kernel and kernel.shape else None,
            folds_into=called[target][0] if target else None,
        )
        found.append((layer, op))
    return found


def _is_layer(op: Operation) -> bool:
    """Whether it works on values: not on views of them, nor on the numbers that shapes are."""
    if operators.is_view(op) or op.main_output is None:
        return False
    values = [*op.reads(), *op.writes()]
    return bool(op.reads()) and any(tensor.dtype not in _WHOLE_NUMBERS for tensor in values)


def fold_targets(graph: Graph) -> dict[Operation, Operation]:
    """What runtimes compute while they write the result of a convolution or matrix product.

    These are BN, a bias and one activation, in this order, each the only one that reads what is
    before it.

    Returns:
        The convolution or product by what is computed with it.
    """
    fetched = {id(tensor) for tensor in graph.fetched}
    folded: dict[Operation, Operation] = {}
    for op in graph.operations:
        if operators.kind_of(op) not in (*CONVOLUTION_KINDS, "fc"):
            continue
        result, rank = op.main_output, 0
        while result is not None and len(result.readers) == 1 and id(result) not in fetched:
            [reader] = result.readers
            reached = _fold_rank(reader, op)
            if reached <= rank:
                break
            folded[reader] = op
            result, rank = reader.main_output, reached
    return folded


def _fold_rank(op: Operation, target: Operation) -> int:
    """The place of an operator among what is folded, 0 if it cannot be."""
    kind = operators.kind_of(op)
    if kind == "bias":
        return 1
    if op.type in ("batch_norm", "sync_batch_norm") and target.type in (
        operators.CONVOLUTIONS | operators.TRANSPOSED
    ):
        return 2
    return 3 if kind == "activation" else 0


def bytes_left_of_folded(op: Operation) -> int:
    """What is still read of a folded operator: a bias for each channel, or its parameters."""
    scale = op.input("Scale")
    if operators.kind_of(op) == "norm" and scale is not None:
        return scale.bytes
    return sum(tensor.bytes for tensor in op.parameters)
