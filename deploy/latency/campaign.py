"""What to measure and how: a campaign, from a YAML file, `-o key=value` and the command line."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.android.benchmark_bin import POWER_MODES
from ppghost.deploy.devices.base import DeviceOptions
from ppghost.errors import InputError

#: rounds without a wanted precision, and the most with one
ROUNDS, MOST_ROUNDS = 40, 200


@dataclass(frozen=True)
class Campaign:
    """All settings of a measurement; each is a key of a campaign file.

    models: `.nb` files or folders of them; of several targets, each device takes its own
    devices: serials, "host", or "all"
    threads: thread counts, one after the other
    rounds: how often each model is timed; with `precision`, at most (None: 40, or 200)
    repeats: inferences of one burst (one invocation of benchmark_bin) that count (None: 2 on this
        host, 5 on a phone, where every burst starts a process)
    burst_warmup: inferences before them in each burst
    warmup: inferences after loading, before the first round
    precision: stop as soon as each median's 95 % interval is narrower than this share of it
    round_every: seconds from one round's start to the next one's, at the least (None: no pause).
        A machine's speed drifts: rounds over a minute give milliseconds that hold for longer
    time_limit: seconds after which no round is begun on a device, per thread count
    reference: model that every round's latencies are divided by (None: the first)
    power_mode: Paddle-Lite's, on a phone: big, little, all or none (no binding)
    affinity: a hexadecimal mask for `taskset` on a phone, with power_mode none
    max_temp: degrees Celsius above which a device is left to cool
    max_wait: seconds to wait for a device to cool or to come back
    benchmark_bin: the program for phones: a path, or paths by ABI (None: as remembered)
    seed: of the order of models in each round
    """

    models: tuple[Path, ...] = ()
    devices: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1,)
    rounds: int | None = None
    repeats: int | None = None
    burst_warmup: int = 1
    warmup: int = 5
    precision: float | None = None
    round_every: float | None = None
    time_limit: float | None = None
    reference: str | None = None
    power_mode: str = "big"
    affinity: str | None = None
    max_temp: float | None = None
    max_wait: float = 300.0
    benchmark_bin: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, parse in _PARSERS.items():
            value = getattr(self, name)
            if value is None and getattr(Campaign, name, ...) is None:
                continue
            try:
                object.__setattr__(self, name, parse(value))
            except (TypeError, ValueError, AttributeError):
                raise InputError(
                    f"{name}: {value!r} is not {_EXPECTED[parse]}; see `ppghost bench --help`"
                ) from None
        if self.affinity and self.power_mode != "none":
            raise InputError(
                "affinity needs power_mode none: in every other mode Paddle-Lite binds its "
                "threads itself"
            )

    @property
    def most_rounds(self) -> int:
        """The number of rounds that is never exceeded."""
        return self.rounds or (ROUNDS if self.precision is None else MOST_ROUNDS)

    def device_options(self) -> DeviceOptions:
        """What it asks of its devices."""
        return DeviceOptions(self.benchmark_bin, self.power_mode, self.affinity)

    def settings(self) -> dict[str, Any]:
        """All but models, devices and programs, as kept in a result."""
        kept = asdict(self)
        for name in ("models", "devices", "benchmark_bin"):
            del kept[name]
        return {**kept, "threads": list(self.threads), "rounds": self.most_rounds}


def load_campaign(
    path: Path | None, overrides: Sequence[str] = (), given: Mapping[str, Any] = {}
) -> Campaign:
    """The campaign in `path` (None: the defaults), changed by `overrides` ("key=VALUE" in YAML)
    and then by `given`, whose None values mean not given.

    Paths in the file are relative to it. Raises InputError that names file and key.
    """
    values = _read(path) if path else {}
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise InputError(f"-o {override}: expected key=VALUE")
        _check_key(name, f"-o {override}")
        values[name] = _yaml(text, f"-o {override}")
    values |= {name: value for name, value in given.items() if value not in (None, (), [], {})}
    try:
        return Campaign(**values)
    except InputError as error:
        raise InputError(f"{path}: {error}" if path else str(error)) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = _yaml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise InputError(f"{path}: cannot read the campaign ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file in UTF-8") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: holds no keys; see configs/bench/ for examples")
    for name in values:
        _check_key(name, str(path))
    here = path.parent
    if models := values.get("models"):
        values["models"] = [here / path for path in _paths(models)]
    program = values.get("benchmark_bin")
    if isinstance(program, str):
        values["benchmark_bin"] = here / Path(program).expanduser()
    elif isinstance(program, dict):
        values["benchmark_bin"] = {
            abi: here / Path(str(one)).expanduser() for abi, one in program.items()
        }
    return values


def _check_key(name: object, where: str) -> None:
    known = [one.name for one in fields(Campaign)]
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(known)}"
        raise InputError(f"{where}: unknown key {name!r}; {hint}")


def _yaml(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "cannot be parsed"
        raise InputError(f"{where}: not valid YAML ({problem})") from None


def _positive(value: Any) -> int:
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError
    return int(value)


def _count(value: Any) -> int:
    return _positive(value + 1) - 1


def _positives(value: Any) -> tuple[int, ...]:
    numbers = tuple(map(_positive, _list(value)))
    if not numbers:
        raise ValueError
    return numbers


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
    return tuple(Path(str(one)) for one in _list(value))


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


def _programs(value: Any) -> dict[str, Path]:
    table = value if isinstance(value, Mapping) else {"*": value}
    return {str(abi): Path(path) for abi, path in table.items()}


_PARSERS = {
    "models": _paths, "devices": _names, "threads": _positives, "rounds": _positive,
    "repeats": _positive, "burst_warmup": _count, "warmup": _count, "precision": _share,
    "round_every": _quantity, "time_limit": _quantity, "reference": str, "power_mode": _mode,
    "affinity": _mask, "max_temp": _quantity, "max_wait": _quantity, "benchmark_bin": _programs,
    "seed": _count,
}  # fmt: skip
_EXPECTED = {
    _paths: "a path or a list of paths",
    _names: "a serial or a list of serials",
    _positives: "a list of whole numbers above 0",
    _positive: "a whole number above 0",
    _count: "a whole number, 0 or more",
    _share: "a share such as 2% or 0.02",
    _quantity: "a number above 0",
    str: "a text",
    _mode: f"one of {', '.join(POWER_MODES)}",
    _mask: "a hexadecimal mask such as f0",
    _programs: "a path, or paths by ABI",
}
