"""Which `benchmark_bin` is used for which ABI: given, or remembered from the last time."""

import os
from collections.abc import Mapping
from pathlib import Path

from ppghost.deploy.devices.android.benchmark_bin import NAME
from ppghost.errors import InputError
from ppghost.utils.files import read_json, write_json


def memory_file() -> Path:
    """Where the program last used on each ABI is remembered."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "ppghost" / f"{NAME}.json"


def remember(abi: str, path: Path) -> None:
    """Use a program on devices of an ABI from now on, unless another is given.

    Args:
        abi: of the devices.
        path: of the program.

    Raises:
        InputError: the file of what is remembered cannot be read or written.
    """
    known = _remembered()
    if known.get(abi) != str(path.resolve()):
        write_json(memory_file(), {**known, abi: str(path.resolve())})


def choose(given: Mapping[str, Path], abi: str) -> Path:
    """The program for an ABI: given for it, given for any ("*"), else remembered.

    Args:
        given: programs by ABI.
        abi: of the device.

    Raises:
        InputError: none is known, or its file is not there.
    """
    path = given.get(abi) or given.get("*")
    if not path:
        remembered = _remembered().get(abi)
        if not remembered:
            raise InputError(
                "no {name} is known for {abi}; give Paddle-Lite's with --benchmark-bin "
                "PATH (once: it is remembered)",
                name=NAME,
                abi=abi,
            )
        path = Path(remembered)
    if not path.is_file():
        raise InputError(
            "{path}: no such {name}; give another with --benchmark-bin PATH", path=path, name=NAME
        )
    return path


def _remembered() -> dict[str, str]:
    file = memory_file()
    known = read_json(file) if file.exists() else {}
    if not isinstance(known, dict):
        raise InputError("{file}: not a table of {name} paths; delete it", file=file, name=NAME)
    return known
