"""Schema ppghost.latency/1: the form of latency results in a file.

The dataclasses here are its one definition; `latency.schema.json` is made of them by
`python -m ppghost.deploy.latency.schema`. What a result is in memory: `results`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from ppghost.deploy.devices.notes import NoteOrText
from ppghost.deploy.latency.stats import Ratio, Stats
from ppghost.utils.files import write_json

SCHEMA: Final = "ppghost.latency/1"

Status = Literal["ok", "failed", "skipped"]


@dataclass
class ThrottledRounds:
    """How many rounds were throttled, and whether the figures are made of them all the same."""

    rounds: int
    in_stats: bool


@dataclass(kw_only=True)
class ResultFields:
    """What a result holds beside its rounds; optional is what files of other makers may lack."""

    model: str
    nb_sha256: str
    device: dict[str, Any]
    threads: int
    precision: str
    status: Status
    error: str | None
    stats: Stats | None
    output_check: Mapping[str, Any] | None
    weights: str | None = None
    params: int | None = None
    macs: int | None = None
    nb: str | None = None
    nb_bytes: int | None = None
    opt_version: str | None = None
    convert_command: str | None = None
    source_sha256: str | None = None
    check: str | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)
    power_mode: str | None = None
    affinity: str | None = None
    image: str | None = None
    image_sha256: str | None = None
    samples_are: str = "inference"
    warmup_ms: list[float] = field(default_factory=list)
    ratio: Ratio | None = None
    throttled: ThrottledRounds | None = None
    warning: str | None = None
    notes: list[NoteOrText] = field(default_factory=list)

    def common(self) -> dict[str, Any]:
        """These fields, by name."""
        return {each.name: getattr(self, each.name) for each in fields(ResultFields)}


@dataclass(kw_only=True)
class ResultRecord(ResultFields):
    """A result as it stands in a file."""

    samples_ms: list[float] = field(default_factory=list)
    conditions: list[dict[str, Any]] = field(default_factory=list)


@dataclass(kw_only=True)
class TimedLayer:
    """Layers of a network that are equal but for their weights, timed as one.

    Attributes:
        model: what its results are called.
        nb_sha256: of the file that was made of one of them.
        layers: their names in the network.
        ops: the types of their operators.
        input_shapes, output_shapes: of one of them.
        macs: multiply-accumulates of one of them; None if they were not counted.
        bytes: of what one of them reads and writes: inputs, parameters, outputs.
    """

    model: str
    nb_sha256: str
    layers: list[str]
    ops: list[str]
    input_shapes: list[list[int]]
    output_shapes: list[list[int]]
    macs: int | None
    bytes: int


@dataclass(kw_only=True)
class UntimedLayer:
    """A layer that could not be timed on its own, and why."""

    layer: str
    ops: list[str]
    reason: str


@dataclass(kw_only=True)
class KernelCount:
    """How often an operator is in the file of a whole network, and in those of its layers."""

    whole: int
    layers: int


@dataclass(kw_only=True)
class LayerPlan:
    """A network that was timed whole and layer by layer, for one target.

    Attributes:
        whole_sha256: of the network's own file; None if it could not be converted.
        idle_sha256: of a file that computes one value: what a run costs without work.
        layers: in the network's order.
        other_kernels: the operators that are not as often in the whole as in the layers.
    """

    network: str
    target: str
    whole_sha256: str | None
    idle_sha256: str
    layers: list[TimedLayer]
    not_timed: list[UntimedLayer] = field(default_factory=list)
    other_kernels: dict[str, KernelCount] = field(default_factory=dict)

    @property
    def is_same_kernels(self) -> bool:
        """Whether the whole was converted to exactly the kernels of its layers."""
        return not (self.whole_sha256 is None or self.not_timed or self.other_kernels)


@dataclass(kw_only=True)
class GuidelineNet:
    """One of the test nets of a design guideline (ShuffleNetV2, arXiv 1807.11164, section 2).

    Attributes:
        guideline: "G1" to "G4"; the first of each is what the others are compared with.
        variant: what is varied, as in "1:6".
        model: what its results are called; a net of two guidelines is timed once.
        macs: multiply-accumulates of one image; None if they were not counted.
        bytes: what its layers read and write: inputs, parameters, outputs.
    """

    guideline: str
    variant: str
    model: str
    macs: int | None
    bytes: int


@dataclass(kw_only=True)
class Plan:
    """What was to be measured, and how; see `ppghost.deploy.latency.campaign.Campaign`.

    Attributes:
        reference: the model that the others' latencies are divided by.
        order: for each round the models' numbers in the order in which they are run.
        repeats: None where it is left to the device, "unknown" in a file that does not tell.
        layers: of a network that was timed layer by layer; one for each target.
        image, image_sha256: what the models were timed on, a file's name and digest.
        guidelines: the test nets, where these were timed.
    """

    command: str | None = None
    models: list[dict[str, Any]] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    rounds: int | None = None
    repeats: int | Literal["unknown"] | None = "unknown"
    burst_warmup: int | None = None
    warmup: int | None = None
    precision: float | None = None
    detect: float | None = None
    round_every: float | None = None
    time_limit: float | None = None
    reference: str | None = None
    power_mode: str | None = None
    affinity: str | None = None
    max_temp: float | None = None
    max_wait: float | None = None
    image: str | None = None
    image_sha256: str | None = None
    seed: int | None = None
    order: list[list[int]] = field(default_factory=list)
    layers: list[LayerPlan] = field(default_factory=list)
    guidelines: list[GuidelineNet] = field(default_factory=list)


@dataclass(kw_only=True)
class FileFields:
    """What a file holds beside its results."""

    schema: Literal["ppghost.latency/1"] = SCHEMA
    created: str = ""
    host: dict[str, Any]
    plan: Plan


@dataclass(kw_only=True)
class LatencyRecord(FileFields):
    """A file of schema ppghost.latency/1, as it stands there."""

    results: list[ResultRecord]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a file of schema ppghost.latency/1."""
    schema = msgspec.json.schema(LatencyRecord)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


if __name__ == "__main__":
    write_json(Path(__file__).with_name("latency.schema.json"), json_schema())
