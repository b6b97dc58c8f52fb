"""Where the metrics of a run go: to people, to `train.jsonl`, and to VisualDL.

People get a line every `Global.print_batch_step` steps in a file or a pipe, a bar on a terminal.
"""

import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TextIO

from tqdm import tqdm

from ppghost.i18n import say
from ppghost.training.checkpoint import Position
from ppghost.utils.files import finite, output_errors, write_text

logger = logging.getLogger(__name__)


class RunLogger:
    """The metrics of one run.

    Args:
        directory: the run's; `train.jsonl` goes on in it, one JSON object a line.
        position: where the run starts or goes on. Lines of what comes after, of a run that was
            killed later than its last checkpoint, are dropped: they come again.
        visualdl: write scalars for VisualDL too, into `directory/vdl`.
        silent: write and say nothing; for all processes but the first.
    """

    def __init__(self, directory: Path, position: Position, *, visualdl: bool, silent: bool):
        self._silent = silent
        self._file: TextIO | None = None
        self._visual = None
        self._bar: tqdm | None = None
        if silent:
            return
        path = directory / "train.jsonl"
        with output_errors(path):
            directory.mkdir(parents=True, exist_ok=True)
            _drop_later(path, position)
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - closed by __exit__
        if visualdl:
            from visualdl import LogWriter  # takes over a second

            self._visual = LogWriter(logdir=str(directory / "vdl"))

    def __enter__(self) -> "RunLogger":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._visual:
            self._visual.close()
        if self._file:
            self._file.close()

    @contextlib.contextmanager
    def epoch(self, epoch: int, epochs: int, steps: int, done: int) -> Iterator[None]:
        """On a terminal, a bar over the steps of an epoch until the block ends."""
        if self._silent or not logger.isEnabledFor(logging.INFO) or not sys.stderr.isatty():
            yield
            return
        title = say("epoch {epoch}/{epochs}", epoch=epoch, epochs=epochs)
        with tqdm(
            total=steps, initial=done, desc=title, unit=say("step"), leave=False
        ) as self._bar:
            yield
        self._bar = None

    def step_done(self) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update()

    def train(
        self, step: int, epoch: int, metrics: dict, *, where: str, seconds_left: float
    ) -> None:
        """Note the training metrics of so far in this epoch."""
        self._write("train", step, epoch, metrics)
        numbers = _in_words(metrics)
        if self._bar is not None:
            self._bar.set_postfix_str(numbers)
        elif not self._silent:
            logger.info(
                "[Train]%s %s, eta: %s", where, numbers, timedelta(seconds=int(seconds_left))
            )

    def epoch_done(self, step: int, epoch: int, means: dict, samples: int) -> None:
        """Note an epoch's means over its images, before and after a restart."""
        metrics = {**means, "samples": samples}
        self._write("train_epoch", step, epoch, metrics)
        if not self._silent:
            logger.info("[Train][Epoch %d][Avg] %s", epoch, _in_words(metrics))

    def evaluation(self, step: int, epoch: int, metrics: dict, phase: str) -> None:
        """Note the metrics of an evaluation."""
        self._write(phase, step, epoch, metrics)
        if not self._silent:
            logger.info("[%s][Epoch %d] %s", phase.capitalize(), epoch, _in_words(metrics))

    def _write(self, phase: str, step: int, epoch: int, metrics: dict) -> None:
        if self._file:
            entry = {"time": round(time.time(), 3), "phase": phase, "step": step, "epoch": epoch}
            with output_errors(Path(self._file.name)):
                self._file.write(json.dumps(finite(entry | metrics)) + "\n")
                self._file.flush()
        if self._visual:
            for name, value in _numbers(metrics):
                self._visual.add_scalar(tag=f"{phase}/{name}", step=step, value=value)


def _numbers(metrics: dict) -> list[tuple[str, float]]:
    """The metrics without what is told of each class."""
    return [(name, value) for name, value in metrics.items() if not isinstance(value, dict)]


def _in_words(metrics: dict) -> str:
    parts = []
    for name, value in _numbers(metrics):
        match name:
            case "lr":
                parts.append(f"lr: {value:.5f}")
            case "images_per_second":
                parts.append(f"{value:.1f} images/s")
            case "samples":
                parts.append(f"{value} images")
            case _:
                parts.append(f"{name}: {value:.4f}")
    return ", ".join(parts)


def _drop_later(path: Path, position: Position) -> None:
    """Keep the lines up to a position; a last line cut short by a crash goes too."""
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            entry = json.loads(line)
            # an epoch is evaluated after its last step, and over only then
            over = entry["phase"].startswith("train") or entry["epoch"] < position.epoch
            if entry["step"] < position.step or (entry["step"] == position.step and over):
                kept.append(line + os.linesep)
    write_text(path, "".join(kept))
