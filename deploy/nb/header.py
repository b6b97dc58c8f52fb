"""What a Paddle-Lite `.nb` file says about itself, read without the runtime.

The runtime executes a file made for another target silently and prints garbage, and aborts the
process on a damaged one; so every file is asked here first.

Layout (opt 2.13, read off its files; little endian):
    u16 meta version | char[16] opt version | u64 topology size | topology (flatbuffer)
    u16, u16 | u16 size of what follows = 6 | u16 parameters | u32 largest tensor
    per parameter: u32 size | that many bytes
"""

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ppghost.errors import InputError

META_VERSION = 2
_HEADER = struct.Struct("<H16sQ")
_PARAMS_HEADER = struct.Struct("<HHHHI")
_SIZE = struct.Struct("<I")

#: one string per operator of the program: op/alias/target/precision/layout
_KERNEL = re.compile(rb"([a-z0-9_]+)/\w+/(\d+)/(\d+)/\d+")
_TARGETS = {1: "host", 2: "x86", 4: "arm", 5: "opencl", 17: "metal", 18: "nnadapter"}
_PRECISIONS = {1: "fp32", 2: "int8", 3: "int32", 4: "any", 5: "fp16", 7: "int64"}
#: a file holds kernels of several targets; the first of these found says what it was made for
#: ("arm" kernels fill the gaps of an "opencl" file, "host" kernels those of every file)
_DECISIVE = ("metal", "nnadapter", "opencl", "arm", "x86", "host")


@dataclass(frozen=True)
class NbInfo:
    """A `.nb` file's own account of itself.

    `kernels` counts operators by "target/precision", as in {"arm/fp32": 136, "host/any": 17}.
    `fallbacks` counts, by "operator target/precision", those that are computed on another unit
    or in a higher precision than the file was made for, as in {"softmax arm/fp32": 1}.
    `content_sha256` ignores the bytes of the version field after its NUL: opt leaves them
    uninitialised, so a plain hash differs from run to run.
    """

    opt_version: str
    meta_version: int
    target: str
    precision: str
    kernels: dict[str, int]
    fallbacks: dict[str, int]
    bytes: int
    content_sha256: str


def inspect_nb(path: Path) -> NbInfo:
    """Read the header and the kernel table of a file.

    Raises:
        InputError: the file is missing, empty, truncated or not a `.nb` of this generation.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            "{path}: cannot be read ({strerror})", path=path, strerror=error.strerror or error
        ) from error
    if not data:
        raise InputError("{path}: empty file; convert the model again", path=path)
    if len(data) < _HEADER.size:
        raise InputError(
            "{path}: not a Paddle-Lite .nb file (only {count} bytes)", path=path, count=len(data)
        )
    meta_version, version, topology_size = _HEADER.unpack_from(data)
    opt_version = version.split(b"\0")[0]
    if meta_version != META_VERSION or not re.fullmatch(rb"[\w.+-]+", opt_version):
        raise InputError(
            "{path}: not a Paddle-Lite .nb file (no version {meta_version} header); "
            "convert the model with `ppghost convert`",
            path=path,
            meta_version=META_VERSION,
        )
    for _ in _records(path, data, _HEADER.size + topology_size):
        pass
    found = _kernels(data[_HEADER.size : _HEADER.size + topology_size])
    if not found:
        raise InputError("{path}: holds no kernels; convert the model again", path=path)
    target = _target({kernel.target for kernel in found})
    precision = _precision({kernel.precision for kernel in found})
    return NbInfo(
        opt_version=opt_version.decode(),
        meta_version=meta_version,
        target=target,
        precision=precision,
        kernels=_count(f"{kernel.target}/{kernel.precision}" for kernel in found),
        fallbacks=_count(
            f"{kernel.operator} {kernel.target}/{kernel.precision}"
            for kernel in found
            if kernel.target not in (target, "host")
            or (kernel.precision == "fp32" and precision != "fp32")
        ),
        bytes=len(data),
        content_sha256=_content_hash(data, opt_version),
    )


def parameter_records(path: Path) -> list[bytes]:
    """The records of a file's parameters, in its order.

    Raises:
        InputError: the file cannot be read, or is no `.nb` of this generation.
    """
    inspect_nb(path)
    data = path.read_bytes()
    _, _, topology_size = _HEADER.unpack_from(data)
    return list(_records(path, data, _HEADER.size + topology_size))


def operator_counts(path: Path) -> dict[str, int]:
    """How often each operator is in a file.

    Raises:
        InputError: the file cannot be read, or is no `.nb` of this generation.
    """
    inspect_nb(path)
    data = path.read_bytes()
    _, _, topology_size = _HEADER.unpack_from(data)
    found = _kernels(data[_HEADER.size : _HEADER.size + topology_size])
    return _count(kernel.operator for kernel in found)


def _records(path: Path, data: bytes, position: int) -> Iterator[bytes]:
    """Walk the parameter records from `position`: they must end where the file ends."""
    truncated = InputError(
        "{path}: truncated or damaged .nb file ({count} bytes); copy or convert it again",
        path=path,
        count=len(data),
    )
    if position + _PARAMS_HEADER.size > len(data):
        raise truncated
    _, _, _, count, _ = _PARAMS_HEADER.unpack_from(data, position)
    position += _PARAMS_HEADER.size
    for _ in range(count):
        if position + _SIZE.size > len(data):
            raise truncated
        [size] = _SIZE.unpack_from(data, position)
        position += _SIZE.size + size
        yield data[position - size : position]
    if position != len(data):
        raise truncated


class _Kernel(NamedTuple):
    operator: str
    target: str
    precision: str


def _kernels(topology: bytes) -> list[_Kernel]:
    """One for each operator; ids we have no name for stay numbers."""
    found = []
    for match in _KERNEL.finditer(topology):
        target, precision = int(match[2]), int(match[3])
        found.append(
            _Kernel(
                match[1].decode(),
                _TARGETS.get(target, f"target {target}"),
                _PRECISIONS.get(precision, f"precision {precision}"),
            )
        )
    return found


def _count(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _target(found: set[str]) -> str:
    unknown = sorted(found - set(_DECISIVE))
    return unknown[0] if unknown else next(name for name in _DECISIVE if name in found)


def _precision(found: set[str]) -> str:
    return next((name for name in ("int8", "fp16") if name in found), "fp32")


def _content_hash(data: bytes, opt_version: bytes) -> str:
    digest = hashlib.sha256(data[:2] + opt_version.ljust(16, b"\0"))
    digest.update(memoryview(data)[18:])
    return digest.hexdigest()
