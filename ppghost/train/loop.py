"""The training loop, on a static graph."""

import contextlib
import logging
import math
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import paddle

from ppghost import static, weights
from ppghost.data.build import make_loader
from ppghost.errors import InputError, TrainingError
from ppghost.train import checkpoint, optimizer, program
from ppghost.train.evaluation import describe, evaluate, pretrained_path
from ppghost.train.metrics import Averages, primary

log = logging.getLogger(__name__)


class Stop:
    """Ctrl-C and SIGTERM: held back while a training step runs, as usual at any other time."""

    def __init__(self):
        self.asked = False
        self.holding = False
        self.clean = True  # no step was broken off half-way

    def _handle(self, number, frame):
        if self.asked or not self.holding:
            raise KeyboardInterrupt
        self.asked = True
        log.info("stopping after this step; again to stop at once")

    @contextlib.contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Handle the signals until the block ends."""
        before = {n: signal.signal(n, self._handle) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """Interrupt at the end of the block, not inside it (unless asked twice)."""
        self.holding, self.clean = True, False
        try:
            yield
            self.clean = True
        finally:
            self.holding = False
        if self.asked:
            raise KeyboardInterrupt


class Trainer:
    """One run of one config: its Programs, its data, its place on disk.

    The run is a function of (config, seed): the seed draws the initial weights, orders and
    augments the data, and reseeds dropout before each step, so that a resumed run goes on as if
    it had never stopped.
    """

    def __init__(self, config: dict):
        self.config = config
        self.settings = config["Global"]
        self.seed = self.settings["seed"] if self.settings["seed"] is not None else 0
        self.name = config["Arch"]["name"]
        self.directory = Path(self.settings["output_dir"]) / self.name
        self.loader = make_loader(config, "Train", self.seed)
        self.eval_loader = None
        if self.settings["eval_during_train"]:
            self.eval_loader = make_loader(config, "Eval", self.seed)
        self.schedule = optimizer.learning_rate(config, self.settings["epochs"], len(self.loader))
        self.graph = program.build_training(config, self.schedule)
        self.eval_graph = program.build_evaluation(config)
        self.slots = weights.slots_of(self.graph.network)
        self.scope = paddle.static.Scope()
        self.executor = paddle.static.Executor(paddle.CPUPlace())
        self.position = checkpoint.Position(epoch=1, batch=0, step=0, best=0.0)
        with paddle.static.scope_guard(self.scope):
            # evaluation first, for what it alone has; training has the last word
            program.initialize(self.executor, self.eval_graph, self.seed)
            program.initialize(self.executor, self.graph, self.seed)

    def start_from(self, resume: str | None) -> None:
        """Load `--resume` (auto, or a checkpoint's prefix), else the pretrained weights."""
        resume = resume or self.settings["checkpoints"]
        if resume == "auto":
            found = checkpoint.newest(self.directory, self.slots)
            if found:
                self._restore(*found)
                return
            log.info("no checkpoint in %s; starting from the beginning", self.directory)
        elif resume:
            self._restore(Path(resume), checkpoint.load(Path(resume), self.slots))
            return
        if path := pretrained_path(self.config):
            classes = self.config["Arch"]["class_num"]
            found = weights.load(path, self.graph.network, self.name, new_head_classes=classes)
            program.assign(self.scope, found.arrays)
            log.info("weights from %s (%d tensors)", path, len(found.arrays))

    def run(self) -> dict:
        """Train to the last epoch; returns the last evaluation's (or epoch's) figures.

        Raises:
            TrainingError: the loss is no longer a number.
            KeyboardInterrupt: stopped by the user, after `latest` was saved.
        """
        log.info(
            "%s: %d images, %d epochs of %d steps, batch %d, into %s",
            self.name,
            len(self.loader.dataset),
            self.settings["epochs"],
            len(self.loader),
            self.loader.batch_size,
            self.directory,
        )
        figures: dict = {}
        with Stop().listening() as stop, paddle.static.scope_guard(self.scope):
            try:
                while self.position.epoch <= self.settings["epochs"]:
                    figures = {"train": self._epoch(stop)}
                    figures |= self._finish_epoch(stop)
            except KeyboardInterrupt:
                if stop.clean:
                    self._save("latest")
                    log.info("saved %s; go on with --resume auto", self.directory / "latest")
                raise
        return {"epochs": self.settings["epochs"], "best": self.position.best, **figures}

    def _epoch(self, stop: Stop) -> dict:
        """Train from the present position to the end of its epoch."""
        epoch, averages = self.position.epoch, Averages()
        window, started = 0, time.monotonic()
        for images, labels in self.loader.epoch(epoch, self.position.batch):
            with stop.held_back():
                values = self._step(images, labels)
            averages.add(values, len(images))
            window += len(images)
            if self.position.batch % self.settings["print_batch_step"] == 0:
                rate = window / (time.monotonic() - started)
                self._progress(averages.means(), rate)
                window, started = 0, time.monotonic()
        return averages.means()

    def _step(self, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
        step = self.position.step
        # dropout draws from this generator: as a function of the step it survives a restart
        generator = paddle.framework.core.default_cpu_generator()
        generator.manual_seed((self.seed * 1_000_003 + step) % 2**63)
        values = self.executor.run(
            self.graph.program,
            feed={"image": images, "label": labels},
            fetch_list=list(self.graph.outputs.values()),
        )
        named = {name: float(v) for name, v in zip(self.graph.outputs, values, strict=True)}
        if not math.isfinite(named["loss"]):
            raise TrainingError(
                f"the loss is {named['loss']} at epoch {self.position.epoch}, step {step + 1}: "
                "try a lower Optimizer.lr.learning_rate or a longer warmup_epoch, "
                "and look at the images and labels"
            )
        if not self.config["Optimizer"]["lr"]["by_epoch"]:
            self.schedule.step()
        self.position = self.position._replace(batch=self.position.batch + 1, step=step + 1)
        return named

    def _progress(self, means: dict[str, float], rate: float) -> None:
        epochs, position = self.settings["epochs"], self.position
        left = (epochs - position.epoch + 1) * len(self.loader) - position.batch
        eta = timedelta(seconds=int(left * self.loader.batch_size / rate))
        figures = ", ".join(f"{name}: {value:.4f}" for name, value in means.items())
        log.info(
            f"[Train][Epoch {position.epoch}/{epochs}][Iter: {position.batch}/{len(self.loader)}] "
            f"lr: {self.schedule.get_lr():.5f}, {figures}, {rate:.1f} images/s, eta: {eta}"
        )

    def _finish_epoch(self, stop: Stop) -> dict:
        """Evaluate and save as the config asks; the position moves to the next epoch."""
        epoch, last = self.position.epoch, self.position.epoch == self.settings["epochs"]
        figures: dict = {}
        best = self.position.best
        if self.eval_loader and (epoch % self.settings["eval_interval"] == 0 or last):
            figures = evaluate(self.executor, self.eval_graph, self.eval_loader)
            best = max(best, primary(figures))
            log.info(f"[Eval][Epoch {epoch}] {describe(figures)}, best: {best:.4f}")
        with stop.held_back():
            better = best > self.position.best
            self.position = self.position._replace(epoch=epoch + 1, batch=0, best=best)
            if self.config["Optimizer"]["lr"]["by_epoch"]:
                self.schedule.step()
            if better:
                self._save("best_model")
            if epoch % self.settings["save_interval"] == 0:
                self._save(f"epoch_{epoch}")
            self._save("latest")
        return figures

    def _save(self, name: str) -> None:
        network, slots = program.network_state(self.scope, self.graph.network)
        names = [v.name for v in self.graph.program.list_vars() if v.persistable]
        ours = [n for n in names if n not in network and n not in ("feed", "fetch")]
        saved = checkpoint.Checkpoint(
            network,
            program.fetch(self.scope, ours),
            self.schedule.state_dict(),
            self.position,
            self._identity(),
        )
        checkpoint.save(self.directory / name, saved, slots)

    def _restore(self, prefix: Path, saved: checkpoint.Checkpoint) -> None:
        for key, value in self._identity().items():
            if saved.settings.get(key) != value:
                raise InputError(
                    f"{prefix}: was trained with {key} {saved.settings.get(key)}, this config "
                    f"says {value}; set it so, or start anew in another Global.output_dir"
                )
        program.assign(self.scope, saved.network | saved.optimizer)
        self.schedule.step(saved.schedule["last_epoch"])
        self.position = saved.position
        log.info("resuming %s at epoch %d, batch %d", prefix, *saved.position[:2])

    def _identity(self) -> dict:
        """What a resumed run must have in common with the one that it goes on from."""
        return {
            "Arch.name": self.name,
            "Arch.class_num": self.config["Arch"]["class_num"],
            "Optimizer.name": self.config["Optimizer"]["name"],
            "Global.seed": self.seed,
            "Global.epochs": self.settings["epochs"],
            "DataLoader.Train.sampler.batch_size": self.loader.batch_size,
        }


def train(config: dict, resume: str | None = None) -> dict:
    """Train as the config says; the last figures.

    Args:
        resume: "auto" (the newest whole checkpoint of this output directory, if any), or a
            checkpoint's prefix.

    Raises:
        InputError: config, data or weights are wrong; TrainingError: the run failed.
    """
    optimizer.check(config)
    static.enable(config["Global"]["device"])
    trainer = Trainer(config)
    trainer.start_from(resume)
    return trainer.run()
