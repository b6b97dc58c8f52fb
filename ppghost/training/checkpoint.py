"""Checkpoints: PaddleClas's files, written so that a half-written one is never trusted.

`<prefix>.pdparams` holds the network, `.pdopt` the optimizer's accumulators and schedule, and
`.pdstates`, written last, where the run was and the digests of the others: without it, or when
they do not agree, there is no checkpoint. With EMA, `.pdparams` holds the averaged weights and
`.pdema` those that are trained: so in PaddleClas.

`latest` is saved again and again. Before its files are replaced one after the other, the whole
old ones get a second name, `previous`: a run killed at any moment has one of the two.
"""

import dataclasses
import logging
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.tasks.metrics import Averages
from ppghost.utils.files import output_errors, sha256
from ppghost.weights import TensorSpec, read_pickle, write_pickle, write_state

logger = logging.getLogger(__name__)

LATEST, PREVIOUS, BEST = "latest", "previous", "best_model"
#: below every accuracy, so that the first evaluation leaves a best_model even at 0
NO_BEST = -1.0
_EPOCH = re.compile(r"epoch_(\d+)")
#: in the order in which they are written
_ENDINGS = (".pdema", ".pdparams", ".pdopt", ".pdstates")


class Position(NamedTuple):
    """Where a run is: the next batch to train on, and the best accuracy so far."""

    epoch: int  # counted from 1, as PaddleClas does
    batch: int  # within the epoch, from 0
    step: int  # since the start of the run
    best: float  # accuracy of best_model, NO_BEST before the first evaluation


class Checkpoint(NamedTuple):
    """What a run needs to go on."""

    network: dict[str, np.ndarray]  # by parameter name
    optimizer: dict[str, np.ndarray]  # by variable name
    schedule: dict
    position: Position
    settings: dict  # what must be the same in the run that goes on: seed, architecture
    average: dict[str, np.ndarray]  # the network's moving average with EMA, else empty
    # of several processes each one's BN statistics, [processes, C]; the network has their mean
    statistics: dict[str, np.ndarray]
    epoch_averages: Averages  # of the running epoch's metrics, up to the position


def save(prefix: Path, checkpoint: Checkpoint, specs: list[TensorSpec]) -> None:
    """Write the checkpoint `<prefix>.*`; a crash leaves the old one or none, never a mixture.

    Raises:
        InputError: the place cannot be written to.
    """
    if prefix.name == LATEST:
        _link_backup(prefix, prefix.with_name(PREVIOUS))
    _remove(prefix, ".pdstates", ".pdema")
    files = {ending: _file(prefix, ending) for ending in _ENDINGS}
    if checkpoint.average:
        write_state(files[".pdema"], checkpoint.network, specs)
    else:
        del files[".pdema"]
    write_state(files[".pdparams"], checkpoint.average or checkpoint.network, specs)
    optimizer = {**checkpoint.optimizer, "LR_Scheduler": checkpoint.schedule}
    if checkpoint.statistics:
        optimizer["rank_statistics"] = checkpoint.statistics
    write_pickle(files[".pdopt"], optimizer)
    states = files.pop(".pdstates")
    content = {
        **checkpoint.position._asdict(),
        "metric": checkpoint.position.best,
        "epoch_averages": dataclasses.asdict(checkpoint.epoch_averages),
        "settings": checkpoint.settings,
        "sha256": {ending: sha256(file) for ending, file in files.items()},
    }
    write_pickle(states, content)


def prefix_of(name: str) -> Path:
    """The prefix that a user means who names a checkpoint, or one of its files."""
    path = Path(name)
    return path.with_suffix("") if path.suffix in _ENDINGS else path


def load(prefix: Path, specs: list[TensorSpec]) -> Checkpoint:
    """The checkpoint `<prefix>.*`.

    Raises:
        InputError: a file is missing or damaged, or is of another save than the others.
    """
    states = _file(prefix, ".pdstates")
    position, settings, digests, averages = _read_states(states)
    for ending, digest in digests.items():
        file = _file(prefix, ending)
        if not file.is_file():
            raise InputError(
                "{prefix}: no whole checkpoint, {name} is missing", prefix=prefix, name=file.name
            )
        if digest != sha256(file):
            raise InputError(
                "{file}: is not of the same save as {name}, or is damaged",
                file=file,
                name=states.name,
            )
    network = _read_network(_file(prefix, ".pdparams"), specs)
    average: dict = {}
    if ".pdema" in digests:
        network, average = _read_network(_file(prefix, ".pdema"), specs), network
    optimizer = read_pickle(_file(prefix, ".pdopt"))
    schedule = optimizer.pop("LR_Scheduler")
    statistics = optimizer.pop("rank_statistics", {})
    return Checkpoint(
        network, optimizer, schedule, position, settings, average, statistics, averages
    )


def newest(
    directory: Path, specs: list[TensorSpec], compare: Callable[[dict], list[str]]
) -> tuple[Path, Checkpoint] | None:
    """The whole checkpoint of a run in `directory` that has come furthest, or None.

    A damaged one, and one of another run, is passed over with a warning.

    Args:
        directory: the run's.
        specs: the network's tensors.
        compare: says of a checkpoint's settings what is otherwise in this run.

    Raises:
        InputError: there are checkpoints, and all are of other runs.
    """
    found, others = [], []
    for states in directory.glob("*.pdstates"):
        try:
            position, settings, *_ = _read_states(states)
        except InputError as error:
            logger.warning("%s; looking for another checkpoint", error)
            continue
        entry = position, states.with_suffix("")
        if differing := compare(settings):
            others.append((*entry, differing))
        else:
            found.append(entry)
    others.sort(reverse=True)
    if others and not found:
        raise another_run(*others[0][1:])
    for _, prefix, differing in others:
        logger.warning("%s is of another run (%s); passed over", prefix, differing[0])
    for _, prefix in sorted(found, reverse=True):
        try:
            return prefix, load(prefix, specs)
        except InputError as error:
            logger.warning("%s; looking for another checkpoint", error)
    return None


def another_run(prefix: Path, differing: list[str]) -> InputError:
    """What to say when a checkpoint is none of this run's."""
    return InputError(
        "{prefix}: was trained with {differing}; set it so, or start anew without --resume",
        prefix=prefix,
        differing=tr("; ").join(differing),
    )


def set_aside(directory: Path) -> Path | None:
    """Move the checkpoints and logs of an earlier run into a folder of their own, whole.

    Returns:
        The folder, `earlier_run_N`; None where there are no checkpoints.

    Raises:
        InputError: they cannot be moved.
    """
    files = [
        file
        for ending in reversed(_ENDINGS)  # what makes a checkpoint whole goes first
        for file in sorted(directory.glob(f"*{ending}"))
        if file.stem in (LATEST, PREVIOUS, BEST) or _EPOCH.fullmatch(file.stem)
    ]
    if not files:
        return None
    number = 1
    while (target := directory / f"earlier_run_{number}").exists():
        number += 1
    logs = [directory / name for name in ("train.jsonl", "vdl") if (directory / name).exists()]
    with output_errors(target):
        target.mkdir()
        for file in [*files, *logs]:
            file.rename(target / file.name)
    return target


def prune(directory: Path, keep: int) -> None:
    """Delete the oldest `epoch_N` checkpoints, so that `keep` of them are left."""
    epochs = {}
    for states in directory.glob("epoch_*.pdstates"):
        if match := _EPOCH.fullmatch(states.stem):
            epochs[int(match[1])] = states.with_suffix("")
    for epoch in sorted(epochs)[:-keep]:
        _remove(epochs[epoch])


def _read_states(path: Path) -> tuple[Position, dict, dict[str, str], Averages]:
    """(position, settings, digests by ending, epoch's averages) out of a `.pdstates` file."""
    if not path.is_file():
        raise InputError(
            "{path}: no whole checkpoint, {name} is missing",
            path=path.with_suffix(""),
            name=path.name,
        )
    content = read_pickle(path)
    try:
        position = Position(*(content[field] for field in Position._fields))
        settings, digests = dict(content["settings"]), dict(content["sha256"])
        known = all(ending in _ENDINGS for ending in digests)
        averages = Averages(**content.get("epoch_averages", {}))  # older ones have none
        numbers = (*position, averages.samples, *averages.sums.values())
        if not known or not all(isinstance(value, int | float) for value in numbers):
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError("{path}: not a checkpoint of ppghost (weights can be loaded with -o "
"Global.pretrained_model)", path=path) from error  # fmt: skip
    return position, settings, digests, averages


def _read_network(path: Path, specs: list[TensorSpec]) -> dict[str, np.ndarray]:
    state = read_pickle(path)
    network = {spec.parameter: state[spec.structured] for spec in specs if spec.structured in state}
    if len(network) != len(specs):
        raise InputError(
            "{path}: lacks {count} tensors of the network",
            path=path,
            count=len(specs) - len(network),
        )
    return network


def _link_backup(prefix: Path, second: Path) -> None:
    """Give a whole checkpoint's files a second name."""
    if not _file(prefix, ".pdstates").is_file():
        return
    _remove(second)
    for ending in _ENDINGS:
        source, target = _file(prefix, ending), _file(second, ending)
        if not source.exists():
            continue
        with output_errors(target):
            try:
                os.link(source, target)
            except OSError:  # no hard links there
                shutil.copyfile(source, target)


def _remove(prefix: Path, *endings: str) -> None:
    """Delete files of a checkpoint, or all; what makes it whole first."""
    with output_errors(prefix):
        for ending in endings or reversed(_ENDINGS):
            _file(prefix, ending).unlink(missing_ok=True)


def _file(prefix: Path, ending: str) -> Path:
    return prefix.with_name(prefix.name + ending)
