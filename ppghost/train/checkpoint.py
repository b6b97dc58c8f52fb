"""Checkpoints: PaddleClas's three files, written so that a half-written one is never trusted.

`<prefix>.pdparams` holds the network, `.pdopt` the optimizer's accumulators and schedule, and
`.pdstates`, written last, where the run was and the digests of the other two: without it, or when
they do not agree, there is no checkpoint.
"""

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.files import sha256
from ppghost.weights import Slot, read_pickle, write_pickle, write_state

log = logging.getLogger(__name__)


class Position(NamedTuple):
    """Where a run is: the next batch to train on, and the best accuracy so far."""

    epoch: int  # counted from 1, as PaddleClas does
    batch: int  # within the epoch, from 0
    step: int  # since the start of the run
    best: float  # accuracy of best_model, 0 before the first evaluation


class Checkpoint(NamedTuple):
    """What a run needs to go on."""

    network: dict[str, np.ndarray]  # by parameter name
    optimizer: dict[str, np.ndarray]  # by variable name
    schedule: dict
    position: Position
    settings: dict  # what must be the same in the run that goes on: seed, architecture


def save(prefix: Path, checkpoint: Checkpoint, slots: list[Slot]) -> None:
    """Write the checkpoint `<prefix>.*`; a crash leaves the old one or none, never a mixture.

    Raises:
        InputError: the place cannot be written to.
    """
    params, opt, states = _files(prefix)
    write_state(params, checkpoint.network, slots)
    write_pickle(opt, {**checkpoint.optimizer, "LR_Scheduler": checkpoint.schedule})
    content = {
        **checkpoint.position._asdict(),
        "metric": checkpoint.position.best,
        "settings": checkpoint.settings,
        "sha256": {file.suffix: sha256(file) for file in (params, opt)},
    }
    write_pickle(states, content)


def load(prefix: Path, slots: list[Slot]) -> Checkpoint:
    """The checkpoint `<prefix>.*`.

    Raises:
        InputError: a file is missing or damaged, or is of another save than the others.
    """
    params, opt, states = _files(prefix)
    for file in (params, opt, states):
        if not file.is_file():
            raise InputError(f"{prefix}: no whole checkpoint, {file.name} is missing")
    content = read_pickle(states)
    try:
        position = Position(*(content[field] for field in Position._fields))
        digests, settings = content["sha256"], content["settings"]
    except (KeyError, TypeError):
        raise InputError(f"{states}: not a checkpoint of ppghost (weights can be loaded with "
                         "-o Global.pretrained_model)") from None  # fmt: skip
    for file in (params, opt):
        if digests.get(file.suffix) != sha256(file):
            raise InputError(f"{file}: is not of the same save as {states.name}, or is damaged")
    state, accumulators = read_pickle(params), read_pickle(opt)
    network = {slot.parameter: state[slot.structured] for slot in slots if slot.structured in state}
    if len(network) != len(slots):
        raise InputError(f"{params}: lacks {len(slots) - len(network)} tensors of the network")
    return Checkpoint(network, accumulators, accumulators.pop("LR_Scheduler"), position, settings)


def newest(directory: Path, slots: list[Slot]) -> tuple[Path, Checkpoint] | None:
    """The whole checkpoint in `directory` that has come furthest, or None.

    A damaged one is passed over with a warning.
    """
    found = []
    for states in directory.glob("*.pdstates"):
        try:
            found.append((read_pickle(states)["step"], states.with_suffix("")))
        except (InputError, KeyError, TypeError):
            log.warning("%s: not a whole checkpoint; looking for another", states)
    for _, prefix in sorted(found, reverse=True):
        try:
            return prefix, load(prefix, slots)
        except InputError as error:
            log.warning("%s; looking for another checkpoint", error)
    return None


def _files(prefix: Path) -> tuple[Path, Path, Path]:
    return tuple(prefix.with_name(prefix.name + s) for s in (".pdparams", ".pdopt", ".pdstates"))
