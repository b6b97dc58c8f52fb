"""`NAME.nb.json`, the description that `convert` writes beside a `.nb`."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar

import msgspec

from ppghost.deploy.nb.difference import OutputCheck
from ppghost.deploy.nb.header import NbInfo, inspect_nb
from ppghost.deploy.nb.output_check import CHECK_CORRELATION
from ppghost.deploy.nb.reference import GENERATORS, MAX_VALUES, Reference
from ppghost.errors import InputError
from ppghost.formats.program_desc import InputSpec
from ppghost.i18n import tr
from ppghost.utils.files import read_json, write_json

if TYPE_CHECKING:
    pass

T = TypeVar("T")


class KernelOptions(TypedDict):
    """What `convert` asked for besides a target: fp16 kernels, "int8" or "int16" weights."""

    fp16: bool
    weights: str | None


class Preprocess(TypedDict):
    """How an image becomes the input: inference.yml's `transform_ops`, and whether they are those
    of a detector, PaddleDetection's."""

    transform_ops: list[Any]
    boxes: bool


@dataclass(frozen=True, kw_only=True)
class Sidecar:
    """What is known of a `.nb` besides its content.

    What older sidecars, or those of models that we did not export, do not tell is None.

    Attributes:
        model: the network's name.
        weights: of which training they are, as inference.yml says.
        params: of the network, counted by `ppghost export`.
        macs: multiply-accumulates of one image, counted by `ppghost export`.
        source_files: names of the exported model's files.
        source_sha256: over their contents.
        inputs: in feed order.
        options: what was asked for.
        repairs: how many operators each repair changed.
        repair_sites: by repair, the output variables of those operators; {} in older sidecars.
        check: what of the file was checked: "x86" (its outputs, or those of the same program and
            weights in a file for x86), "weights only", or "none: " and why; None for an older file.
        output_check: of `convert` on this host; None where nothing was run.
        references: the right outputs for some inputs.
        info: what the `.nb` says about itself.
        command: the command line that made it.
        preprocess: of an image, as inference.yml says it.
    """

    model: str
    weights: str | None
    params: int | None
    macs: int | None
    source_files: list[str]
    source_sha256: str | None
    inputs: list[InputSpec]
    options: KernelOptions
    repairs: dict[str, int]
    repair_sites: dict[str, list[str]]
    check: str | None
    output_check: OutputCheck | None
    references: list[Reference]
    info: NbInfo
    command: str | None
    preprocess: Preprocess | None = None

    def to_json(self) -> dict[str, Any]:
        """The sidecar's JSON form: its attributes, with those of `info` among them."""
        return {
            "model": self.model,
            "weights": self.weights,
            "params": self.params,
            "macs": self.macs,
            "source_files": self.source_files,
            "source_sha256": self.source_sha256,
            "inputs": self.inputs,
            "options": self.options,
            "repairs": self.repairs,
            "repair_sites": self.repair_sites,
            "check": self.check,
            "output_check": self.output_check,
            "reference": self.references[0] if self.references else None,
            "more_references": self.references[1:],
            **asdict(self.info),
            "command": self.command,
            "preprocess": self.preprocess,
        }

    def write(self, nb: Path) -> None:
        """Write it beside `nb`.

        Raises:
            InputError: it cannot be written.
        """
        write_json(sidecar_path(nb), Sidecar.to_json(self))


def sidecar_path(nb: Path) -> Path:
    """Where the description of `nb` lies."""
    return nb.with_name(nb.name + ".json")


def read_sidecar(nb: Path) -> Sidecar:
    """What lies beside `nb`, checked to be of that file.

    Raises:
        InputError: `nb` is no `.nb` file, or there is no valid sidecar of it.
    """
    info = inspect_nb(nb)
    path = sidecar_path(nb)
    if not path.is_file():
        raise InputError(
            "{nb}: no {name} beside it; convert with `ppghost convert`, or say "
            "--input-shape 1,3,224,224",
            nb=nb,
            name=path.name,
        )
    described = read_json(path)
    try:
        content = described["content_sha256"]
        sidecar = _from_json(described, info)
    except (KeyError, TypeError, ValueError, AttributeError, msgspec.ValidationError) as error:
        raise InputError("{path}: not a description of a .nb; convert again", path=path) from error
    if content != info.content_sha256:
        raise InputError(
            "{path}: describes another file than {name}; convert again", path=path, name=nb.name
        )
    return sidecar


def _from_json(described: Any, info: NbInfo) -> Sidecar:
    """`Sidecar.to_json` undone, for older forms too; raises what a wrong form raises."""
    return Sidecar(
        model=str(described["model"]),
        weights=_optional(described, "weights", str),
        params=_optional(described, "params", int),
        macs=_optional(described, "macs", int),
        source_files=_optional(described, "source_files", list) or [],
        source_sha256=_optional(described, "source_sha256", str),
        inputs=[_input(tensor) for tensor in described["inputs"]],
        options=_options(described.get("options") or {}),
        repairs=_optional(described, "repairs", dict) or {},
        repair_sites=_optional(described, "repair_sites", dict) or {},
        check=_optional(described, "check", str),
        output_check=_output_check(described["output_check"]),
        references=_references(described),
        info=info,
        command=_optional(described, "command", str),
        preprocess=msgspec.convert(described.get("preprocess"), Preprocess | None),
    )


def _options(described: Mapping[str, Any]) -> KernelOptions:
    options = msgspec.convert({"fp16": False, "weights": None, **described}, KernelOptions)
    if options["weights"] not in (None, *CHECK_CORRELATION):
        raise ValueError(tr("there are no {weights!r} weights").format(weights=options["weights"]))
    return options


def _optional(described: dict[str, Any], key: str, kind: type[T]) -> T | None:
    value = described.get(key)
    if value is None:
        return None
    # a bool is no count
    if type(value) is not kind:
        raise TypeError(
            tr("{key}: {value!r} is no {kind}").format(key=key, value=value, kind=kind.__name__)
        )
    return value


def _input(described: Any) -> InputSpec:
    spec = msgspec.convert(described, InputSpec)
    if min(spec["shape"], default=1) < 1:
        raise ValueError(
            tr("{name} has sizes {shape}").format(name=spec["name"], shape=spec["shape"])
        )
    return spec


def _output_check(described: Any) -> OutputCheck | None:
    return msgspec.convert(described, OutputCheck | None)


def _references(described: dict[str, Any]) -> list[Reference]:
    first = _optional(described, "reference", dict)
    if first is None:
        return []
    return [_reference(each) for each in [first, *(described.get("more_references") or [])]]


def _reference(described: dict[str, Any]) -> Reference:
    """`describe_reference` undone, for older forms too."""
    # the only kind there once was
    reference = msgspec.convert({"kind": "noise", **described}, Reference)
    if reference["kind"] not in GENERATORS or reference["seed"] < 0:
        raise ValueError(
            tr("no input of kind {kind!r}, seed {seed}").format(
                kind=reference["kind"], seed=reference["seed"]
            )
        )
    known = [min(math.prod(shape), MAX_VALUES) for shape in reference["shapes"]]
    if known != list(map(len, reference["outputs"])):
        raise ValueError(tr("outputs have other sizes than they should"))
    return reference


def read_inputs(nb: Path) -> dict[str, InputSpec] | None:
    """Declared inputs by name; None if `nb` has no sidecar.

    Raises:
        InputError: `nb` is no `.nb` file, or its sidecar is not valid.
    """
    if not sidecar_path(nb).is_file():
        return None
    return {tensor["name"]: tensor for tensor in read_sidecar(nb).inputs}
