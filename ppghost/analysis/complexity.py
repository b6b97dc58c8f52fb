"""Where a network's parameters, multiply-accumulates and bytes are, counted on its Program."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from ppghost.analysis.ghost_modules import GhostModule, GhostTotals, find_ghost_modules, totals
from ppghost.analysis.graph import Graph
from ppghost.analysis.guidelines import Finding, findings_of
from ppghost.analysis.layers import Layer, bytes_left_of_folded, layers_of
from ppghost.analysis.parts import Part, parts_of
from ppghost.errors import InputError
from ppghost.formats.pir import is_pir
from ppghost.utils.text import whole_number


def _detail(default: Any = 0) -> Any:
    """A field that neither tells one network from another nor fits on a line."""
    return field(default=default, compare=False, repr=False)


class Totals(NamedTuple):
    """Trainable parameters, and multiply-accumulates of one image."""

    params: int
    macs: int


@dataclass(frozen=True)
class Complexity:
    """What one image costs a network. What each figure counts: docs/analysis.md.

    Attributes:
        name: of the network.
        input_shape: the image, [C, H, W].
        params: trainable parameters; BN's statistics are none.
        macs: multiply-accumulates of convolutions and matrix products for one image.
        flops: floating-point operations, two for a multiply-accumulate.
        activations: values that convolutions and matrix products write.
        memory_bytes: bytes read and written, operator by operator.
        folded_memory_bytes, folded_flops: where BN, bias and activation are computed with the
            convolution before them, as a converted model does.
        model_bytes: of all parameters, statistics among them.
        file_bytes: of an exported model's files, 0 where there are none.
        layers: every operator that computes or moves something.
        ghost_modules: each with the convolution that it replaces.
        findings: the ShuffleNetV2 paper's guidelines, where they are not kept.
    """

    name: str
    input_shape: tuple[int, ...]
    params: int
    macs: int
    flops: int = _detail()
    activations: int = _detail()
    memory_bytes: int = _detail()
    folded_memory_bytes: int = _detail()
    folded_flops: int = _detail()
    model_bytes: int = _detail()
    file_bytes: int = _detail()
    layers: tuple[Layer, ...] = _detail(())
    ghost_modules: tuple[GhostModule, ...] = _detail(())
    findings: tuple[Finding, ...] = _detail(())

    @property
    def intensity(self) -> float:
        """Floating-point operations for each byte moved."""
        return self.flops / self.memory_bytes if self.memory_bytes else 0.0

    @property
    def stages(self) -> list[Part]:
        """The network by resolution: "1/2" is half the image's height, "head" behind the pool."""
        return parts_of(self.layers, lambda layer: layer.stage)

    @property
    def blocks(self) -> list[Part]:
        """The network by its building blocks, as their names tell them."""
        return parts_of(self.layers, lambda layer: layer.block)

    @property
    def ghost_totals(self) -> GhostTotals | None:
        """What its ghost modules do for it; None without any."""
        return totals(self.ghost_modules, self.macs, self.params)

    @property
    def uncounted(self) -> list[str]:
        """Layers whose cost is unknown, and in no sum."""
        return [layer.name for layer in self.layers if not layer.is_known]

    def to_json(self) -> dict[str, Any]:
        """As `ppghost analyze --json` writes it."""
        ghost = self.ghost_totals
        return {
            **{key: getattr(self, key) for key in _FIGURES},
            "input_shape": list(self.input_shape),
            "intensity": self.intensity,
            "stages": [part.to_json() for part in self.stages],
            "blocks": [part.to_json() for part in self.blocks],
            "layers": [layer.to_json() for layer in self.layers],
            "ghost": asdict(ghost) if ghost else None,
            "ghost_modules": [module.to_json() for module in self.ghost_modules],
            "findings": [finding.to_json() for finding in self.findings],
            "uncounted": self.uncounted,
        }


_FIGURES = (
    "name", "input_shape", "params", "macs", "flops", "activations", "memory_bytes",
    "folded_memory_bytes", "folded_flops", "model_bytes", "file_bytes",
)  # fmt: skip


def analyze(
    target: str | Path | dict,
    *,
    image_size: int | Sequence[int] | None = None,
    class_num: int | None = None,
    ratio: float | None = None,
    dw_size: int | None = None,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
) -> Complexity:
    """Where a network's parameters, computation and memory access are.

    Args:
        target: the name of an architecture, a config (its file, or what `load_config` gave), or an
            exported model (its folder, or its program's file). Of an exported model only the
            program is read; what is found is kept in the user's cache.
        image_size: H and W (or one number for both) in place of the target's own.
        class_num: in place of the target's own.
        ratio: of ghost modules: s, how many maps are made of each of the primary convolution's.
        dw_size: of ghost modules: d, the size of the cheap depthwise convolution.
        input_shape: [N, C, H, W] for an exported model that leaves its inputs open, or shapes by
            their names.

    Raises:
        InputError: no such target, or a size or argument that it cannot have.
    """
    size = _image_size(image_size)
    arguments = _arguments(class_num, ratio, dw_size)
    if isinstance(target, str | Path) and is_exported(target):
        from ppghost.analysis.exported_models import analyze_exported

        if arguments:
            raise InputError(
                "{target}: an exported model has its size and its classes already", target=target
            )
        return analyze_exported(Path(target), size, input_shape)
    if input_shape is not None:
        raise InputError("{target}: is no exported model; give --image-size", target=target)
    from ppghost.analysis.architectures import analyze_architecture

    return analyze_architecture(target, size, arguments)


def count_architecture(name: str, shape: Sequence[int] | None = None, **arguments: Any) -> Totals:
    """Parameters and MACs of an architecture.

    Args:
        name: see `ppghost list`.
        shape: the image [C, H, W]; None for the one that the architecture is made for.
        arguments: of its constructor.

    Raises:
        InputError: no such architecture, or one that cannot be built so.
    """
    from ppghost.analysis.architectures import build

    graph, _ = build(name, shape, **arguments)
    return _totals(graph)


def count_macs(program: Any) -> int:
    """Multiply-accumulates of any program for one image.

    Args:
        program: a ProgramDesc of known sizes.
    """
    return _totals(Graph(program)).macs


def _totals(graph: Graph) -> Totals:
    macs = sum(layer.macs or 0 for layer, _ in layers_of(graph))
    return Totals(sum(tensor.size for tensor in graph.weights), macs)


def summarize(
    name: str,
    input_shape: Sequence[int],
    graph: Graph,
    names: Mapping[str, str] | None = None,
) -> Complexity:
    """All figures of a program.

    Args:
        name: of the network.
        input_shape: [C, H, W].
        graph: its program, for one image.
        names: what the layers of parameters are called, by parameter, where not as they are.

    Raises:
        InputError: a layer is left without a single value: the image is too small.
    """
    pairs = layers_of(graph, names)
    layers = [layer for layer, _ in pairs]
    _check_something_is_left(name, input_shape, layers)
    found = Complexity(
        name=name,
        input_shape=tuple(input_shape),
        params=sum(tensor.size for tensor in graph.weights),
        macs=sum(layer.macs or 0 for layer in layers),
        flops=sum(layer.flops or 0 for layer in layers),
        activations=sum(layer.activations or 0 for layer in layers if layer.macs),
        memory_bytes=sum(layer.memory_bytes or 0 for layer in layers),
        model_bytes=sum(tensor.bytes for tensor in graph.parameters.values()),
        layers=tuple(layers),
        ghost_modules=tuple(find_ghost_modules(graph, pairs)),
        findings=tuple(findings_of(name, graph, pairs)),
    )
    folded = [(layer, op) for layer, op in pairs if layer.folds_into and layer.is_known]
    saved = sum((layer.memory_bytes or 0) - bytes_left_of_folded(op) for layer, op in folded)
    # BN multiplies and adds; folded, it is a bias
    less = sum((layer.flops or 0) // 2 for layer, _ in folded if layer.kind == "norm")
    return replace(
        found,
        folded_memory_bytes=found.memory_bytes - saved,
        folded_flops=found.flops - less,
    )


def _check_something_is_left(
    name: str, input_shape: Sequence[int], layers: Sequence[Layer]
) -> None:
    """Refuse an image that a convolution or pooling leaves nothing of."""
    for layer in layers:
        lost = layer.input_shape is not None and layer.output_shape is None  # negative sizes
        spatial = layer.kind == "pooling" or layer.kernel is not None
        if (spatial and lost) or 0 in (layer.output_shape or ()):
            size = "x".join(map(str, input_shape[1:]))
            raise InputError(
                "{name}: cannot take images of {size}: of {layer_name} ({type}) nothing is "
                "left; give a larger image size",
                name=name,
                size=size,
                layer_name=layer.name,
                type=layer.type,
            )


def is_exported(target: str | Path) -> bool:
    """Whether a target is an exported model, its folder or its program."""
    path = Path(target)
    return path.is_dir() or path.suffix == ".pdmodel" or path.name == "__model__" or is_pir(path)


def _image_size(value: int | Sequence[int] | None) -> tuple[int, int] | None:
    if value is None:
        return None
    sizes = [value, value] if isinstance(value, int) else list(value)
    try:
        height, width = (whole_number(size, 1) for size in sizes)
    except ValueError as error:
        raise InputError(
            "image size: {value!r}: give one or two whole numbers above 0", value=value
        ) from error
    return height, width


def _arguments(class_num: int | None, ratio: float | None, dw_size: int | None) -> dict[str, Any]:
    """What of the arguments is given, checked."""
    given: dict[str, Any] = {}
    try:
        if class_num is not None:
            given["class_num"] = whole_number(class_num, 1)
        if dw_size is not None:
            given["dw_size"] = whole_number(dw_size, 1)
    except ValueError as error:
        key = "dw_size" if "class_num" in given or class_num is None else "class_num"
        raise InputError("{key}: {error}", key=key, error=error) from error
    if dw_size is not None and dw_size % 2 == 0:
        raise InputError("dw_size: is {dw_size}: a kernel has an odd size", dw_size=dw_size)
    if ratio is not None:
        if isinstance(ratio, bool) or not 1 <= ratio < float("inf"):
            raise InputError("ratio: is {ratio!r}: give a number of at least 1", ratio=ratio)
        given["ratio"] = int(ratio) if ratio == int(ratio) else ratio
    return given
