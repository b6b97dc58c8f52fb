"""The training loop, on a static graph, in one process or in each of many."""

import contextlib
import logging
from collections.abc import Sequence
from typing import NoReturn

from ppghost.data.build import make_loader
from ppghost.errors import InputError, TrainingError
from ppghost.static.runtime import Place, static_graph
from ppghost.static.runtime import on_gpu as is_on_gpu
from ppghost.tasks.factory import make_task
from ppghost.training import (
    checkpoint,
    differences,
    optimizer,
    preconditions,
    program,
    schedules,
)
from ppghost.training.callbacks import Callback, EpochRecord, StepRecord
from ppghost.training.distributed import Group, init_process_group
from ppghost.training.evaluation import Evaluator, best_accuracy
from ppghost.training.identity import identity
from ppghost.training.progress import Progress
from ppghost.training.run_log import RunLogger
from ppghost.training.state import RunState
from ppghost.training.steps import StepRunner
from ppghost.training.stopping import Ended, StopVote

logger = logging.getLogger(__name__)


class Trainer:
    """One run of one config: its Programs, its data, its place on disk.

    The run is a function of (config, seed, number of processes): the seed draws the initial
    weights, orders and augments the data, and reseeds dropout before each step, so that a resumed
    run goes on as if it had never stopped.
    """

    def __init__(
        self, config: dict, place: Place, group: Group, callbacks: Sequence[Callback] = ()
    ):
        self.callbacks = callbacks
        self.group = group
        self.vote = StopVote(group)
        seed = config["Global"]["seed"] or 0
        self.task = task = make_task(config)
        share = {"rank": group.rank, "world_size": group.size}
        self.loader = make_loader(config, "Train", seed, **share, collate=task.collate)
        self.sampler = self.loader.sampler
        self.config = config = preconditions.with_possible_update_freq(config, len(self.loader))
        self.settings = config["Global"]
        if group.is_main:
            for line in differences.met_by(config):
                logger.info("other than in PaddleClas (docs/paddleclas.md): %s", line)
        schedule, factor = self._schedule()
        shapes = self.loader.image_shapes()
        if len(shapes) > 1:
            sizes = ", ".join(f"{width}x{height}" for _, height, width in shapes)
            logger.info("training on images of %s", sizes)
        graphs = program.build_variants(
            config, task, schedule, shapes, group.size, on_gpu=is_on_gpu(place)
        )
        first = graphs[0]  # whose variables are those of each
        own = identity(config, self.loader, factor, group.size)
        self.state = RunState(config, first, schedule, group, place, own)
        self.steps = StepRunner(self.state, graphs, self.sampler)
        self.evaluator = None
        if self.settings["eval_during_train"]:
            preconditions.check_metric(config)
            self.evaluator = Evaluator(config, task, self.state.executor, group, seed)
            sets = (loader.batches.datasets[0] for loader in (self.loader, self.evaluator.loader))
            preconditions.check_classes(*sets)
            preconditions.check_sizes(config["Arch"]["name"], first, self.evaluator.graph)

    def _schedule(self) -> tuple[schedules.Schedule, float]:
        """The learning rate, and the factor that it has been scaled by."""
        per_update = self.sampler.batch_size * self.group.size * self.settings["update_freq"]
        factor, notice = schedules.linear_scaling(self.config, per_update)
        if notice:
            logger.info("%s", notice)
        epochs, steps = self.settings["epochs"], len(self.loader)
        return schedules.learning_rate(self.config, epochs, steps, factor), factor

    def run(self) -> dict:
        """Train to the last epoch, or until a callback ends the run.

        Returns:
            {"epochs", "best": None without an evaluation, "best_metric": its name, "train": means
            of the last epoch, and what its evaluation gave}.

        Raises:
            TrainingError: the loss is no longer a number, a process is lost, or the disk is full.
            KeyboardInterrupt: stopped by the user, after `latest` was saved.
        """
        epochs, batch = self.settings["epochs"], self.sampler.batch_size
        logger.info(
            "%s: %d images, %d epochs of %d steps, batch %s, into %s",
            self.config["Arch"]["name"],
            self.sampler.images,
            epochs,
            len(self.loader),
            batch if self.group.size == 1 else f"{self.group.size} x {batch}",
            self.state.directory,
        )
        metrics: dict = {}
        run_log = RunLogger(
            self.state.directory,
            self.state.position,
            visualdl=self.settings["use_visualdl"],
            silent=not self.group.is_main,
        )
        with run_log, contextlib.closing(self.loader), self.vote.signals.install():
            try:
                while self.state.position.epoch <= epochs:
                    metrics = {"train": self._epoch(run_log)}
                    metrics |= self._finish_epoch(run_log, metrics["train"])
            except Ended:
                logger.info("a callback ended the run at step %d", self.state.position.step)
            except InputError as error:  # the input was read long ago: this is the disk
                raise TrainingError(
                    "{error}; make room and go on with --resume auto", error=error
                ) from error
        best: float | None = self.state.position.best
        if best == checkpoint.NO_BEST:
            best = None
        measured = self.task.primary if self.evaluator else None
        return {"epochs": epochs, "best": best, "best_metric": measured, **metrics}

    def _epoch(self, run_log: RunLogger) -> dict[str, float]:
        """Train from the present position to the end of its epoch; the means of its metrics."""
        state, settings, steps = self.state, self.settings, len(self.loader)
        epoch, batch = state.position.epoch, state.position.batch
        progress = Progress(run_log, state, self.sampler)
        with run_log.epoch(epoch, settings["epochs"], steps, batch):
            for images, labels in self.loader.epoch(epoch, batch):
                rate = state.schedule.get_lr()
                metrics, wish = self.steps.run(images, labels, self.vote.wish())
                progress.step_done(len(images))
                done = state.position
                self._notify("on_step", StepRecord(epoch, done.batch, done.step, rate, metrics))
                if self.group.size == 1:
                    wish = self.vote.wish()  # a callback's of this step too
                if done.batch == steps:
                    # before a checkpoint of this step, from which a run would go on without it
                    averages = state.epoch_averages
                    run_log.epoch_done(done.step, epoch, averages.means(), averages.samples)
                between = settings["checkpoint_steps"]
                if wish or (between and done.step % between == 0):
                    state.save(checkpoint.LATEST)
                if wish:
                    # until it is written: the launcher ends all once one has ended
                    self.vote.sum()
                    self._stop(wish)
            if self._evaluates():  # which may take long, and be interrupted or killed
                state.save(checkpoint.LATEST)
                self._stop_if_requested()
        return state.epoch_averages.means()

    def _notify(self, method: str, record: StepRecord | EpochRecord) -> None:
        """Tell the callbacks; the main process has them."""
        if self.group.is_main:
            for callback in self.callbacks:
                self.vote.end_requested |= bool(getattr(callback, method)(record))

    def _stop_if_requested(self) -> None:
        """Between steps, where all processes meet: stop if one was asked to. All is saved."""
        if wishes := self.vote.sum():
            self._stop(wishes)

    def _stop(self, wishes: float) -> NoReturn:
        if self.vote.is_end(wishes):
            raise Ended
        if self.group.is_main:
            saved = self.state.directory / checkpoint.LATEST
            logger.info("saved %s; go on with --resume auto", saved)
        raise KeyboardInterrupt

    def _evaluates(self) -> bool:
        """Whether there is an evaluation at the end of this epoch."""
        epoch, settings = self.state.position.epoch, self.settings
        due = epoch >= settings["start_eval_epoch"] and epoch % settings["eval_interval"] == 0
        return self.evaluator is not None and (due or epoch == settings["epochs"])

    def _evaluate(self, run_log: RunLogger, evaluator: Evaluator) -> dict:
        """The metrics of the network, and with EMA those of its average as "ema"."""
        network, average, _ = self.state.networks()
        epoch, step = self.state.position.epoch, self.state.position.step
        with self.vote.signals.allow():
            metrics = evaluator.run(network)
            run_log.evaluation(step, epoch, metrics, "eval")
            if average:
                metrics["ema"] = evaluator.run(average)
                run_log.evaluation(step, epoch, metrics["ema"], "eval_ema")
        return metrics

    def _finish_epoch(self, run_log: RunLogger, trained: dict[str, float]) -> dict:
        """Evaluate and save as the config asks; the position moves to the next epoch."""
        epoch, best, better = self.state.position.epoch, self.state.position.best, False
        metrics: dict = {}
        if self.evaluator and self._evaluates():
            metrics = self._evaluate(run_log, self.evaluator)
            now = best_accuracy(self.task, [metrics, *filter(None, [metrics.get("ema")])])
            if now is not None and now >= best:  # of equal ones the later, as in PaddleClas
                best, better = now, True
            if self.group.is_main:
                logger.info("[Eval][Epoch %d] best: %.4f", epoch, best)
        self.state.finish_epoch(best)
        if better:
            self.state.save(checkpoint.BEST)
        every = self.settings["save_interval"]  # -1 for never
        if every > 0 and epoch % every == 0:
            self.state.save(f"epoch_{epoch}")
        self.state.save(checkpoint.LATEST)
        step = self.state.position.step
        self._notify("on_epoch", EpochRecord(epoch, step, trained, metrics, best))
        self._stop_if_requested()
        return metrics


def prepare(
    config: dict,
    place: Place,
    resume: str | None = None,
    callbacks: Sequence[Callback] = (),
) -> Trainer:
    """A run at its starting point: new, from pretrained weights, or resumed. In static mode.

    Args:
        config: a checked configuration.
        place: where it is to run.
        resume: "auto" (the newest whole checkpoint of this output directory, if any), or a
            checkpoint's prefix.
        callbacks: called after each step and epoch.

    Raises:
        InputError: config, data or weights are wrong.
    """
    optimizer.check(config)
    trainer = Trainer(config, place, init_process_group(config), callbacks)
    trainer.state.start_from(resume)
    return trainer


def train(config: dict, resume: str | None = None, *, callbacks: Sequence[Callback] = ()) -> dict:
    """Train as the config says.

    Everything is written under `Global.output_dir`/`Arch.name`. Ctrl-C and SIGTERM end the run at
    a whole step, where it is called from the main thread.

    Args:
        config: a checked configuration (`ppghost.load_config`).
        resume: "auto" (the newest whole checkpoint of this output directory, if any), or a
            checkpoint's prefix.
        callbacks: called after each step and epoch; one may end the run.

    Returns:
        {"epochs", "best" (None without an evaluation), "best_metric", "train", and what the last
        evaluation gave}.

    Raises:
        InputError: config, data or weights are wrong.
        TrainingError: the loss is no longer a number, a process is lost, or the disk is full.
        KeyboardInterrupt: stopped by the user, after `latest` was saved.
    """
    with static_graph(config["Global"]["device"]) as place:
        return prepare(config, place, resume, callbacks).run()
