"""What a caller can do while a run goes on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepRecord:
    """One step of training.

    Attributes:
        epoch: counted from 1.
        batch: counted from 1, within the epoch.
        step: counted from 1, over the whole run.
        learning_rate: of this step.
        metrics: "loss" and top-k of this batch; of several processes the mean.
    """

    epoch: int
    batch: int
    step: int
    learning_rate: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of training, evaluated and saved.

    Attributes:
        epoch: counted from 1.
        step: the last one's number, over the whole run.
        metrics: means over the epoch's batches.
        evaluation: what the evaluation gave; empty where there was none.
        best: the best accuracy so far.
    """

    epoch: int
    step: int
    metrics: dict[str, float]
    evaluation: dict
    best: float


class Callback:
    """Called while a run goes on, by its main process alone; a method left out does nothing.

    A method that returns True ends the run: `latest` is saved, and `train` returns what there is
    (of several processes after the next step, so that all end together). What a method raises ends
    the run too, with the checkpoints that there are, and is raised from `train`.
    """

    def on_step(self, record: StepRecord) -> bool | None:
        """After each step."""

    def on_epoch(self, record: EpochRecord) -> bool | None:
        """After each epoch, when it has been evaluated and saved."""
