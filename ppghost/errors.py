"""Exceptions that a user can cause; each class carries the exit code of the command line.

The message is one line: what is wrong, where (file, key, line), what to do.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from ppghost.i18n import TranslatableError


class PPGhostError(TranslatableError):
    """Base of every expected failure; anything else that escapes is a defect of ours."""

    exit_code = 1
    #: what there is all the same, for `--json` and for people
    result: Any = None
    text: str | None = None


class CheckFailed(PPGhostError):
    """A comparison or a threshold did not hold: a regression, outputs that differ."""

    exit_code = 1


class InputError(PPGhostError):
    """Wrong usage, configuration or input file."""

    exit_code = 2


class DeviceError(PPGhostError):
    """A device cannot be reached or cannot run what it was asked to."""

    exit_code = 3


class DeviceLost(DeviceError):
    """The link to a device broke: the device may come back, and nothing says the model is bad."""


class OutputMismatch(DeviceError):
    """A device computes something else than it should: the file is at fault."""

    exit_code = 4


class ConversionError(PPGhostError):
    """A model cannot be converted for Paddle-Lite."""

    exit_code = 4


class TrainingError(PPGhostError):
    """Training or its data failed after a valid start."""

    exit_code = 5


@contextlib.contextmanager
def at_key(key: str) -> Iterator[None]:
    """Put the key of a config before what is wrong there."""
    try:
        yield
    except InputError as error:
        raise InputError("{key}: {error}", key=key, error=error) from error


#: what a shell reports for a program ended by Ctrl-C (128 + SIGINT)
INTERRUPTED = 130
