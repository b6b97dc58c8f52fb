"""What to measure and how: a campaign, from a YAML file, `-o key=value` and the command line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.android.benchmark_bin import POWER_MODES
from ppghost.deploy.devices.base import DeviceOptions
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.files import sha256
from ppghost.utils.schema_kinds import Parsed
from ppghost.utils.text import whole_number
from ppghost.utils.validation import check
from ppghost.utils.yaml_files import apply_override, read_yaml

#: rounds without a wanted precision, and the most with one
ROUNDS, MAX_ROUNDS = 40, 200


@dataclass(frozen=True)
class Campaign:
    """All settings of a measurement; each is a key of a campaign file.

    Values are checked, and taken in every form that a file may have: "2%" for 0.02, one path for
    a list of one.

    Attributes:
        models: `.nb` files or folders of them; of several targets, each device takes its own
        devices: serials, "host", or "all"
        threads: thread counts, one after the other
        rounds: how often each model is timed; with `precision`, at most (None: 40, or 200)
        repeats: inferences of one burst (one invocation of benchmark_bin) that count (None: 2 on
            this host, 5 on a phone, where every burst starts a process)
        burst_warmup: inferences before them in each burst
        warmup: inferences after loading, before the first round
        precision: stop as soon as each median's 95 % interval is narrower than this share of it
        detect: stop as soon as a slowdown by this share, between this campaign and a later one as
            long, would be found in 80 % of cases
        round_every: seconds from one round's start to the next one's, at the least (None: no
            pause). A machine's speed drifts: rounds over a minute give milliseconds that hold for
            longer
        time_limit: seconds after which no round is begun on a device, per thread count
        reference: model that every round's latencies are divided by (None: the first)
        power_mode: Paddle-Lite's, on a phone: big, little, all or none (no binding)
        affinity: a hexadecimal mask for `taskset` on a phone, with power_mode none
        max_temp: degrees Celsius above which a device is left to cool
        max_wait: seconds to wait for a device to cool or to come back
        benchmark_bin: the program for phones: a path, or paths by ABI (None: as remembered)
        device_folder: on a phone, to work in (None: /data/local/tmp, or another that can be)
        seed: of the order of models in each round
        input_shapes: of files that others made and that have no description, in feed order
        image: a file to time the models on, each by its own preprocessing (None: noise on this
            host, ones on a phone)
    """

    models: tuple[Path, ...] = ()
    devices: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1,)
    rounds: int | None = None
    repeats: int | None = None
    burst_warmup: int = 1
    warmup: int = 5
    precision: float | None = None
    detect: float | None = None
    round_every: float | None = None
    time_limit: float | None = None
    reference: str | None = None
    power_mode: str = "big"
    affinity: str | None = None
    max_temp: float | None = None
    max_wait: float = 300.0
    benchmark_bin: Mapping[str, Path] = field(default_factory=dict)
    device_folder: str | None = None
    seed: int = 0
    input_shapes: tuple[tuple[int, ...], ...] = ()
    image: Path | None = None

    def __post_init__(self) -> None:
        given = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) is not None or each.default is not None
        }
        for name, value in check(given, _SCHEMA, "", "campaign").items():
            object.__setattr__(self, name, value)
        if self.affinity and self.power_mode != "none":
            raise InputError(
                "affinity needs power_mode none: in every other mode Paddle-Lite binds its "
                "threads itself"
            )

    @property
    def max_rounds(self) -> int:
        """The number of rounds that is never exceeded."""
        wanted = self.precision or self.detect
        return self.rounds or (ROUNDS if wanted is None else MAX_ROUNDS)

    def device_options(self) -> DeviceOptions:
        """What it asks of its devices."""
        return DeviceOptions(self.benchmark_bin, self.power_mode, self.affinity, self.device_folder)

    def settings(self) -> dict[str, Any]:
        """All but models, devices and programs, as kept in a result."""
        kept = asdict(self)
        unkept = ("models", "devices", "benchmark_bin", "device_folder", "input_shapes", "image")
        for name in unkept:
            del kept[name]
        if self.image is not None:
            kept |= {"image": self.image.name, "image_sha256": sha256(self.image)}
        return {**kept, "threads": list(self.threads), "rounds": self.max_rounds}


def load_campaign(
    path: Path | None, overrides: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> Campaign:
    """The campaign of a file.

    Args:
        path: the file, None for the defaults alone. Paths in it are relative to it.
        overrides: "key=VALUE" in YAML, over the file.
        given: over both; values that are None or empty mean not given.

    Returns:
        The campaign, with the models of the file found from its folder.

    Raises:
        InputError: file and key that are wrong.
    """
    values = _read(path) if path else {}
    for override in overrides:
        apply_override(values, override)
    values |= {k: value for k, value in (given or {}).items() if value not in (None, (), [], {})}
    # once more in the constructor, which does not know the file
    return Campaign(**check(values, _SCHEMA, "", str(path or "campaign")))


def _read(path: Path) -> dict[str, Any]:
    values, here = read_yaml(path), path.parent
    if models := values.get("models"):
        values["models"] = [here / model for model in _paths(models)]
    if image := values.get("image"):
        values["image"] = here / Path(str(image)).expanduser()
    program = values.get("benchmark_bin")
    if isinstance(program, str):
        values["benchmark_bin"] = here / Path(program).expanduser()
    elif isinstance(program, dict):
        values["benchmark_bin"] = {
            abi: here / Path(str(file)).expanduser() for abi, file in program.items()
        }
    return values


def _positive(value: Any) -> int:
    return whole_number(value, minimum=1)


def _positives(value: Any) -> tuple[int, ...]:
    numbers = tuple(map(_positive, _list(value)))
    if not numbers:
        raise ValueError
    return numbers


def _shapes(value: Any) -> tuple[tuple[int, ...], ...]:
    shapes = _list(value)
    if shapes and not isinstance(shapes[0], list | tuple):
        shapes = [shapes]
    return tuple(map(_positives, shapes))


def _share(value: Any) -> float:
    share = float(value[:-1]) / 100 if isinstance(value, str) and value[-1] == "%" else float(value)
    if not 0 < share < 1:
        raise ValueError
    return share


def _quantity(value: Any) -> float:
    if isinstance(value, bool) or not float(value) > 0:
        raise ValueError
    return float(value)


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _paths(value: Any) -> tuple[Path, ...]:
    return tuple(Path(str(path)) for path in _list(value))


def _names(value: Any) -> tuple[str, ...]:
    return tuple(map(str, _list(value)))


def _mode(value: Any) -> str:
    if value not in POWER_MODES:
        raise ValueError
    return value


def _mask(value: Any) -> str:
    # YAML reads a mask of digits as a number
    if not re.fullmatch(r"[0-9a-fA-F]{1,16}", str(value)) or not int(str(value), 16):
        raise ValueError
    return str(value).lower()


def _folder(value: Any) -> str:
    # of a phone: it stands in commands there, where nothing is to be quoted
    if not re.fullmatch(r"(/[\w.-]+)+/?", str(value)):
        raise ValueError
    return str(value).rstrip("/")


def _image(value: Any) -> Path:
    path = Path(str(value))
    if not path.is_file():
        raise ValueError
    return path


def _programs(value: Any) -> dict[str, Path]:
    table = value if isinstance(value, Mapping) else {"*": value}
    return {str(abi): Path(path) for abi, path in table.items()}


_COUNT = Parsed(whole_number, tr("a whole number, 0 or more"))
_POSITIVE = Parsed(_positive, tr("a whole number above 0"))
_QUANTITY = Parsed(_quantity, tr("a number above 0"))
_SCHEMA = {
    "models": Parsed(_paths, tr("a path or a list of paths")),
    "devices": Parsed(_names, tr("a serial or a list of serials")),
    "threads": Parsed(_positives, tr("a list of whole numbers above 0")),
    "rounds": _POSITIVE,
    "repeats": _POSITIVE,
    "burst_warmup": _COUNT,
    "warmup": _COUNT,
    "precision": Parsed(_share, tr("a share such as 2% or 0.02")),
    "detect": Parsed(_share, tr("a share such as 5% or 0.05")),
    "round_every": _QUANTITY,
    "time_limit": _QUANTITY,
    "reference": Parsed(str, tr("a text")),
    "power_mode": Parsed(
        _mode, tr("one of {power_modes}").format(power_modes=", ".join(POWER_MODES))
    ),
    "affinity": Parsed(_mask, tr("a hexadecimal mask such as f0")),
    "max_temp": _QUANTITY,
    "max_wait": _QUANTITY,
    "benchmark_bin": Parsed(_programs, tr("a path, or paths by ABI")),
    "device_folder": Parsed(_folder, tr("an absolute path of plain names")),
    "seed": _COUNT,
    "image": Parsed(_image, tr("a file that is there")),
    "input_shapes": Parsed(_shapes, tr("a shape such as [1, 3, 224, 224], or a list of them")),
}
