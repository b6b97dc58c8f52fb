"""The training loop, on a static graph, in one process or in each of many."""

import contextlib
import logging
import math
import time
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import paddle

from ppghost.data.build import make_loader
from ppghost.errors import InputError, TrainingError
from ppghost.static.runtime import Place, static_graph
from ppghost.static.runtime import on_gpu as is_on_gpu
from ppghost.tasks.classification import Classification
from ppghost.tasks.metrics import Averages, primary
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
from ppghost.training.evaluation import Evaluator
from ppghost.training.identity import identity
from ppghost.training.run_log import RunLogger
from ppghost.training.state import RunState
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
        seed = config["Global"]["seed"]
        self.seed = seed if seed is not None else 0
        self.loader = make_loader(
            config, "Train", self.seed, rank=group.rank, world_size=group.size
        )
        self.sampler = self.loader.sampler
        self.config = config = preconditions.with_possible_update_freq(config, len(self.loader))
        self.settings = config["Global"]
        if group.is_main:
            for line in differences.met_by(config):
                logger.info("other than in PaddleClas (docs/paddleclas.md): %s", line)
        task = Classification(config)
        schedule, factor = self._schedule()
        shapes = self.loader.image_shapes()
        if len(shapes) > 1:
            sizes = ", ".join(f"{width}x{height}" for _, height, width in shapes)
            logger.info("training on images of %s", sizes)
        self.graphs = program.build_variants(
            config, task, schedule, shapes, group.size, on_gpu=is_on_gpu(place)
        )
        self.executors: dict[int, paddle.static.Executor] = {}
        first = self.graphs[0]  # whose variables are those of each
        own = identity(config, self.loader, factor, group.size)
        self.state = RunState(config, first, schedule, group, place, own)
        self.evaluator = None
        if self.settings["eval_during_train"]:
            preconditions.check_metric(config)
            self.evaluator = Evaluator(config, task, self.state.executor, group, self.seed)
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
            {"epochs", "best": None without an evaluation, "train": means of the last epoch,
            and what its evaluation gave}.

        Raises:
            TrainingError: the loss is no longer a number, a process is lost, or the disk is full.
            KeyboardInterrupt: stopped by the user, after `latest` was saved.
        """
        epochs = self.settings["epochs"]
        logger.info(
            "%s: %d images, %d epochs of %d steps, batch %s, into %s",
            self.config["Arch"]["name"],
            self.sampler.images,
            epochs,
            len(self.loader),
            f"{self.group.size} x {self.sampler.batch_size}"
            if self.group.size > 1
            else self.sampler.batch_size,
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
                raise TrainingError(f"{error}; make room and go on with --resume auto") from error
        best = self.state.position.best
        return {"epochs": epochs, "best": None if best == checkpoint.NO_BEST else best, **metrics}

    def _epoch(self, run_log: RunLogger) -> dict:
        """Train from the present position to the end of its epoch; the means of its metrics."""
        state, averages = self.state, Averages()
        epoch, batch = state.position.epoch, state.position.batch
        window, started = 0, time.monotonic()
        every, between = self.settings["print_batch_step"], self.settings["checkpoint_steps"]
        with run_log.epoch(epoch, self.settings["epochs"], len(self.loader), batch):
            for images, labels in self.loader.epoch(epoch, batch):
                rate_used = state.schedule.get_lr()
                values, wish = self.train_on(images, labels)
                averages.add(values, len(images))
                window += len(images)
                run_log.step_done()
                if state.position.batch % every == 0:
                    rate = window * self.group.size / (time.monotonic() - started)
                    self._progress(run_log, averages.means(), rate)
                    window, started = 0, time.monotonic()
                done = state.position
                record = StepRecord(epoch, done.batch, done.step, rate_used, values)
                self._notify("on_step", record)
                if self.group.size == 1:
                    wish = max(wish, self.vote.wish())
                if done.batch == len(self.loader):
                    # before a checkpoint of this step, from which a run would go on without it
                    run_log.epoch_done(done.step, epoch, averages.means(), averages.samples)
                if wish or (between and done.step % between == 0):
                    state.save(checkpoint.LATEST)
                if wish:
                    self._stop(wish)
            if self._evaluates():  # which may take long, and be interrupted or killed
                state.save(checkpoint.LATEST)
                self._stop_if_requested()
        return averages.means()

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
            logger.info(
                "saved %s; go on with --resume auto", self.state.directory / checkpoint.LATEST
            )
        raise KeyboardInterrupt

    def train_on(self, images: np.ndarray, labels: np.ndarray) -> tuple[dict[str, float], float]:
        """One batch: its metrics, and whether to stop now (the sum of all processes' wishes)."""
        state, group = self.state, self.group
        epoch, batch, step, _ = state.position
        # dropout draws from the generators: as a function of the step it survives a restart
        paddle.seed(dropout_seed(self.seed, step, group.rank, group.size))
        wish = self.vote.wish()
        graph, executor = self._variant(epoch, batch)
        feed = {"image": images, "label": labels}
        if group.size > 1:
            feed["stop"] = np.array([wish], "float32")
        values = group.run(
            executor,
            graph.program,
            feed=feed,
            fetch_list=list(graph.outputs.values()),
            scope=state.scope,
        )
        named = {name: float(v) for name, v in zip(graph.outputs, values, strict=True)}
        if not math.isfinite(named["loss"]):
            raise TrainingError(
                f"the loss is {named['loss']} at epoch {epoch}, step {step + 1}: "
                "try a lower Optimizer.lr.learning_rate or a longer warmup_epoch, "
                "and look at the images and labels"
            )
        if not self.config["Optimizer"]["lr"]["by_epoch"]:
            state.schedule.step()
        state.position = state.position._replace(batch=batch + 1, step=step + 1)
        return named, named.pop("stop", wish)

    def _variant(
        self, epoch: int, batch: int
    ) -> tuple[program.TrainingGraph, paddle.static.Executor]:
        """The graph of a batch's image size or stage, and what runs it.

        Each has an Executor, for one keeps no more than eight Programs; a stage gone by does not
        come again, and its memory is let go.
        """
        number = self.sampler.variant(epoch, batch)
        if number not in self.executors:
            if self.settings.get("train_mode") == "progressive":
                self.executors.clear()
            self.executors[number] = paddle.static.Executor(self.state.executor.place)
        return self.graphs[number], self.executors[number]

    def _progress(self, run_log: RunLogger, means: dict[str, float], rate: float) -> None:
        epochs, position, sampler = self.settings["epochs"], self.state.position, self.sampler
        left = (epochs - position.epoch) * sampler.images_from(0)
        left += sampler.images_from(position.batch)
        run_log.train(
            position.step,
            position.epoch,
            {"lr": self.state.schedule.get_lr(), **means, "images_per_second": round(rate, 1)},
            where=f"[Epoch {position.epoch}/{epochs}][Iter: {position.batch}/{len(self.loader)}]",
            seconds_left=left / rate,
        )

    def _evaluates(self) -> bool:
        """Whether there is an evaluation at the end of this epoch."""
        epoch, settings = self.state.position.epoch, self.settings
        due = epoch >= settings["start_eval_epoch"] and epoch % settings["eval_interval"] == 0
        return self.evaluator is not None and (due or epoch == settings["epochs"])

    def _finish_epoch(self, run_log: RunLogger, trained: dict[str, float]) -> dict:
        """Evaluate and save as the config asks; the position moves to the next epoch."""
        epoch, best, better = self.state.position.epoch, self.state.position.best, False
        metrics: dict = {}
        if self.evaluator and self._evaluates():
            network, average, _ = self.state.networks()
            with self.vote.signals.allow():
                metrics = self.evaluator.run(network)
                run_log.evaluation(self.state.position.step, epoch, metrics, "eval")
                if average:
                    metrics["ema"] = self.evaluator.run(average)
                    run_log.evaluation(self.state.position.step, epoch, metrics["ema"], "eval_ema")
            counted = filter(_counts, (metrics, metrics.get("ema", {})))
            now = max(map(primary, counted), default=checkpoint.NO_BEST)
            better = now >= max(best, 0)  # of equal ones the later, as in PaddleClas
            best = max(now, best)
            if self.group.is_main:
                logger.info("[Eval][Epoch %d] best: %.4f", epoch, best)
        self.state.position = self.state.position._replace(epoch=epoch + 1, batch=0, best=best)
        if self.config["Optimizer"]["lr"]["by_epoch"]:
            self.state.schedule.step()
        if better:
            self.state.save(checkpoint.BEST)
        every = self.settings["save_interval"]  # -1 for never
        if every > 0 and epoch % every == 0:
            self.state.save(f"epoch_{epoch}")
        self.state.save(checkpoint.LATEST)
        record = EpochRecord(epoch, self.state.position.step, trained, metrics, best)
        self._notify("on_epoch", record)
        self._stop_if_requested()
        return metrics


def _counts(metrics: dict) -> bool:
    """Whether there was an evaluation, and one that gave numbers."""
    if metrics and not math.isfinite(metrics["loss"]):
        logger.warning("the loss of the evaluation is %s; it is no best_model", metrics["loss"])
        return False
    return bool(metrics)


def dropout_seed(seed: int, step: int, rank: int, processes: int) -> int:
    """What each process's dropout starts from at a step: never the same twice in a run."""
    return (seed * 1_000_003 + step * processes + rank) % 2**63


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
        {"epochs", "best" (None without an evaluation), "train", and what the last evaluation gave}.

    Raises:
        InputError: config, data or weights are wrong.
        TrainingError: the loss is no longer a number, a process is lost, or the disk is full.
        KeyboardInterrupt: stopped by the user, after `latest` was saved.
    """
    with static_graph(config["Global"]["device"]) as place:
        return prepare(config, place, resume, callbacks).run()
