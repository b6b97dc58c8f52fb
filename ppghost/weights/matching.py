"""Which tensor of a file is which of a network's."""

import logging
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.i18n import Message, tr
from ppghost.models.network import named_state
from ppghost.weights import dropout, names_1x, torch_names
from ppghost.weights.files import State, TensorSpec, read

logger = logging.getLogger(__name__)


class Match(NamedTuple):
    """How a state fits a network.

    `arrays` is keyed by parameter name, the rest by the file's names; `mismatched` holds the
    shape in the file and the shape wanted, `whole_numbers` the type in the file of what should be
    floating-point numbers.
    """

    arrays: dict[str, np.ndarray]
    missing: list[str]
    mismatched: dict[str, tuple[tuple[int, ...], tuple[int, ...]]]
    whole_numbers: dict[str, str]
    unexpected: list[str]


def tensor_specs(network) -> list[TensorSpec]:
    """The tensors of a network that has been called once (in any of Paddle's modes)."""
    from paddle.base.data_feeder import convert_dtype

    return [
        TensorSpec(structured, variable.name, tuple(variable.shape), convert_dtype(variable.dtype))
        for structured, variable in named_state(network).items()
    ]


def match(state: dict[str, np.ndarray], specs: list[TensorSpec]) -> Match:
    """Find each spec's tensor in `state`, by structured name, else by parameter name."""
    found = Match({}, [], {}, {}, [])
    used = set()
    for spec in specs:
        key = spec.structured if spec.structured in state else spec.parameter
        used |= {spec.structured, spec.parameter}
        if key not in state:
            found.missing.append(key)
        elif state[key].shape != spec.shape:
            found.mismatched[key] = (state[key].shape, spec.shape)
        elif spec.dtype.startswith("float") and state[key].dtype.kind != "f":
            found.whole_numbers[key] = str(state[key].dtype)
        else:
            found.arrays[spec.parameter] = state[key].astype(spec.dtype, copy=False)
    # a tensor that got another name when its network was built anew stands there under both
    known = {id(state[key]) for key in used if key in state}
    found.unexpected.extend(key for key, array in state.items() if id(array) not in known)
    return found


def load(path: str | Path, network, name: str, new_head_classes: int | None = None) -> Match:
    """The tensors in `path` for `network`, an instance of architecture `name`.

    Args:
        new_head_classes: when fine-tuning, the class count: a classifier of another width is
            left as initialised, with a warning.

        network: called once, in static mode (its Program says where dropout is).

    Raises:
        InputError: the file is of another architecture; says which tensors.
    """
    specs = tensor_specs(network)
    found = match(_translated(read(path), path, network, name), specs)
    wrong, head = dict(found.mismatched), []
    if new_head_classes is not None and found.arrays:
        head = [key for key, shapes in wrong.items() if _is_head(*shapes, new_head_classes)]
        wrong = {key: shapes for key, shapes in wrong.items() if key not in head}
    shapes = [
        tr("{key} {has} for {wanted}").format(key=key, has=list(has), wanted=list(wanted))
        for key, (has, wanted) in wrong.items()
    ]
    whole = [f"{key} {dtype}" for key, dtype in found.whole_numbers.items()]
    problems = [
        _some(found.missing, tr("missing")),
        _some(shapes, tr("of another shape")),
        _some(whole, tr("of whole numbers (quantized?)")),
    ]
    if any(problems):
        if len(found.missing) == len(specs) and names_1x.looks_like_1x(found.unexpected):
            raise InputError(
                "{path}: weights of PaddleClas 1.x, which are read for {families} and for "
                "networks that kept their names; the tensors of {name} have others since. "
                "Arch.pretrained: True fetches 2.x's",
                path=path,
                families=names_1x.FAMILIES,
                name=name,
            )
        problems.append(_some(found.unexpected, tr("unknown")))
        raise InputError(
            "{path}: not the weights of {name}: tensors {problems}{class_hint}",
            path=path,
            name=name,
            problems=tr("; ").join(filter(None, problems)),
            class_hint=_class_hint(wrong) if not found.missing else "",
        )
    if head:
        logger.warning("%s: classifier left as initialised: %s", path, ", ".join(head))
    if found.unexpected:
        logger.warning("%s: tensors not used: %s", path, _some(found.unexpected, tr("unknown")))
    broken = [key for key, array in found.arrays.items() if not np.isfinite(array).all()]
    if broken:
        logger.warning("%s: tensors %s", path, _some(broken, tr("hold NaN or infinity")))
    return found


def _translated(state: State, path: str | Path, network, name: str) -> dict[str, np.ndarray]:
    """The tensors of a file as PaddleClas 2.x has them, under one of the network's names."""
    specs = tensor_specs(network)
    if not state.of_torch:
        given = _of_student(state.arrays, path)
        arrays = names_1x.renamed(given, name)
        if arrays is not given:
            logger.info("%s: weights of PaddleClas 1.x", path)
            _change_dropout(arrays, specs, network, name, dropout.DOWNGRADE, path)
        return arrays
    import paddle

    layers = network.sublayers()
    linear = {layer.weight.name for layer in layers if isinstance(layer, paddle.nn.Linear)}
    try:
        arrays = torch_names.translate(state.arrays, specs, linear, name)
    except torch_names.Unclear as error:
        reason = (
            _PYTORCH_GHOSTNET
            if name.startswith("GhostNet_")
            else tr("not those of {name}").format(name=name)
        )
        raise InputError(
            "{path}: PyTorch weights, {reason}: {error}", path=path, reason=reason, error=error
        ) from error
    _change_dropout(arrays, specs, network, name, dropout.UPSCALE, path)
    logger.info(
        "%s: PyTorch weights, matched by shapes and order: evaluate before you use them", path
    )
    return arrays


#: huawei-noah's release and timm's `ghostnet_100`
_PYTORCH_GHOSTNET = tr(
    "but PyTorch's GhostNet is another network than PaddleClas's (hard-sigmoid in its "
    "squeeze-and-excitation, whose widths are rounded to multiples of 4; no batch norm "
    "in its head): Arch.layout: timm builds that one"
)


def _of_student(arrays: dict[str, np.ndarray], path: str | Path) -> dict[str, np.ndarray]:
    """Of what PaddleClas's distillation saved, the student; anything else as it is."""
    own = {k.removeprefix(_STUDENT): v for k, v in arrays.items() if k.startswith(_STUDENT)}
    if own:
        logger.info("%s: of a distillation; its student's %d tensors are taken", path, len(own))
    return own or arrays


_STUDENT = "Student."


def _change_dropout(
    arrays: dict, specs: list[TensorSpec], network, name: str, trained: str, path
) -> None:
    """Scale what follows a dropout of another kind than the weights were trained with."""
    parameters = {spec.structured: spec.parameter for spec in specs}
    try:
        factors = dropout.factors(network, name, trained)
    except ValueError as error:
        raise InputError(
            "{path}: cannot be used in this network: {error}", path=path, error=error
        ) from error
    for structured, factor in factors.items():
        key = structured if structured in arrays else parameters[structured]
        if key in arrays:
            arrays[key] = arrays[key] * np.float32(factor)
            logger.info("%s: %s times %.4g, as its dropout is of another kind", path, key, factor)


def _is_head(has: tuple[int, ...], wanted: tuple[int, ...], classes: int) -> bool:
    """Whether two shapes differ in the class count and in nothing else."""
    if len(has) != len(wanted):
        return False
    return [b for a, b in zip(has, wanted, strict=True) if a != b] == [classes]


def _class_hint(wrong: dict[str, tuple]) -> str:
    """What to set where the shapes differ by one number alone: it is that of the classes."""
    differing = {
        pair
        for has, wanted in wrong.values()
        for pair in zip_longest(has, wanted, fillvalue=0)
        if pair[0] != pair[1]
    }
    if len(differing) != 1:
        return ""
    [(classes, wanted)] = differing
    if not classes or not wanted:  # other dimensions
        return ""
    return tr("; were they trained on {classes} classes (Arch.class_num, --class-num)?").format(
        classes=classes
    )


def _some(tensors: Sequence[str], what: str) -> str:
    """'12 missing (a, b, c, ...)', or '' for none."""
    more = ", ..." if len(tensors) > 3 else ""
    if not tensors:
        return ""
    return tr("{count} {what} ({names})").format(
        count=len(tensors), what=what, names=Message(", ").join(tensors[:3]) + more
    )
