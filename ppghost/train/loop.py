"""The training loop, on a static graph, in one process or in each of many."""

import contextlib
import logging
import math
import os
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import paddle

from ppghost import static, weights
from ppghost.data.build import make_loader
from ppghost.errors import InputError, TrainingError
from ppghost.train import checkpoint, optimizer, program
from ppghost.train.distributed import Group, connect
from ppghost.train.evaluation import evaluate, pretrained_path
from ppghost.train.journal import Journal
from ppghost.train.metrics import Averages, primary
from ppghost.train.stop import Stop

log = logging.getLogger(__name__)

#: what decides which images a batch has
_SAMPLING = ("batch_size", "first_bs", "scales", "divided_factor", "is_training", "num_repeats")


class Trainer:
    """One run of one config: its Programs, its data, its place on disk.

    The run is a function of (config, seed, number of processes): the seed draws the initial
    weights, orders and augments the data, and reseeds dropout before each step, so that a resumed
    run goes on as if it had never stopped.
    """

    def __init__(self, config: dict, place: static.Place, group: Group):
        self.config = config
        self.settings = config["Global"]
        self.group = group
        self.seed = self.settings["seed"] if self.settings["seed"] is not None else 0
        self.name = config["Arch"]["name"]
        self.directory = Path(self.settings["output_dir"]) / self.name
        share = {"rank": group.rank, "world_size": group.size}
        self.loader = make_loader(config, "Train", self.seed, **share)
        on_gpu = static.on_gpu(place)
        self.eval_loader = self.eval_graph = None
        if self.settings["eval_during_train"]:
            self.eval_loader = make_loader(config, "Eval", self.seed, **share)
            self.eval_graph = program.build_evaluation(config, on_gpu=on_gpu)
        self.sampler = self.loader.sampler
        per_update = self.sampler.batch_size * group.size * self.settings["update_freq"]
        factor, told = optimizer.linear_scaling(config, per_update)
        if told:
            log.info("%s", told)
        self.schedule = optimizer.learning_rate(
            config, self.settings["epochs"], len(self.loader), factor
        )
        shapes = self.loader.image_shapes()
        self.graphs = program.build_variants(
            config, self.schedule, shapes, group.size, on_gpu=on_gpu
        )
        self.graph = self.graphs[0]  # the tensors are those of each
        self.slots = weights.slots_of(self.graph.network)
        self.scope = paddle.static.Scope()
        self.executor = paddle.static.Executor(place)
        self.executors: dict[int, paddle.static.Executor] = {}
        self.position = checkpoint.Position(epoch=1, batch=0, step=0, best=0.0)
        self.eval_scope = paddle.static.Scope()
        program.initialize(self.executor, self.graph, self.seed, self.scope)
        if self.eval_graph:
            program.initialize(self.executor, self.eval_graph, self.seed, self.eval_scope)

    def start_from(self, resume: str | None) -> None:
        """Load `--resume` (auto, or a checkpoint's prefix), else the pretrained weights.

        Process 0 reads the files; the others need not have them.
        """
        resume = resume or self.settings["checkpoints"]
        statistics: dict = {}
        if self.group.writes:
            found = self._find(resume) if resume else None
            if found:
                statistics = self._restore(*found)
            else:
                self._initialise()
        if self.group.size > 1:
            self._follow_first(statistics)

    def _find(self, resume: str) -> tuple[Path, checkpoint.Checkpoint] | None:
        if resume != "auto":
            return Path(resume), checkpoint.load(Path(resume), self.slots)
        found = checkpoint.newest(self.directory, self.slots)
        if found is None:
            log.info("no checkpoint in %s; starting from the beginning", self.directory)
        return found

    def _initialise(self) -> None:
        if path := pretrained_path(self.config):
            classes = self.config["Arch"]["class_num"]
            found = weights.load(path, self.graph.network, self.name, new_head_classes=classes)
            self._assign(found.arrays)
            log.info("weights from %s (%d tensors)", path, len(found.arrays))
        averages = self.graph.averages
        self._assign({averages[name]: array for name, array in self._fetch(averages).items()})

    def _restore(self, prefix: Path, saved: checkpoint.Checkpoint) -> dict[str, np.ndarray]:
        """Take over a checkpoint; returns its statistics of each process, if there were several."""
        for key, value in self._identity().items():
            if saved.settings.get(key) != value:
                raise InputError(
                    f"{prefix}: was trained with {key} {saved.settings.get(key)}, this config "
                    f"says {value}; set it so, or start anew in another Global.output_dir"
                )
        threads = saved.settings.get("OMP_NUM_THREADS")
        if threads != _threads():
            log.warning(
                "%s was trained with OMP_NUM_THREADS %s, now it is %s: sums are rounded in another "
                "order, so the run goes on as well, but not bit for bit",
                prefix,
                threads,
                _threads(),
            )
        averages = {copy: saved.average[name] for name, copy in self.graph.averages.items()}
        self._assign(saved.network | saved.optimizer | averages)
        self.schedule.step(saved.schedule["last_epoch"])
        self.position = saved.position
        log.info("resuming %s at epoch %d, batch %d", prefix, *saved.position[:2])
        return saved.statistics

    def _follow_first(self, statistics: dict[str, np.ndarray]) -> None:
        """Take over what process 0 starts from, and of `statistics` this process's own."""
        where = np.array([*self.position, self.schedule.last_epoch], np.float64)
        epoch, batch, step, best, last_epoch = self.group.from_first({"": where})[""].tolist()
        self.position = checkpoint.Position(int(epoch), int(batch), int(step), best)
        self.schedule.step(int(last_epoch))
        self._assign(self.group.from_first(self._fetch(self._persistables())))
        same = {
            name: np.stack([array] * self.group.size)
            for name, array in self._fetch(self._statistics()).items()
        }
        each = self.group.from_first(same | statistics)
        self._assign({name: arrays[self.group.rank] for name, arrays in each.items()})

    def run(self) -> dict:
        """Train to the last epoch; returns the last evaluation's (or epoch's) figures.

        Raises:
            TrainingError: the loss is no longer a number, a process is lost, or the disk is full.
            KeyboardInterrupt: stopped by the user, after `latest` was saved.
        """
        epochs = self.settings["epochs"]
        log.info(
            "%s: %d images, %d epochs of %d steps, batch %s, into %s",
            self.name,
            self.sampler.images,
            epochs,
            len(self.loader),
            f"{self.group.size} x {self.sampler.batch_size}"
            if self.group.size > 1
            else self.sampler.batch_size,
            self.directory,
        )
        figures: dict = {}
        journal = Journal(
            self.directory,
            self.position,
            visualdl=self.settings["use_visualdl"],
            silent=not self.group.writes,
        )
        with journal, contextlib.closing(self.loader), Stop().listening() as stop:
            try:
                while self.position.epoch <= epochs:
                    figures = {"train": self._epoch(stop, journal)}
                    figures |= self._finish_epoch(stop, journal)
            except InputError as error:  # the input was read long ago: this is the disk
                raise TrainingError(f"{error}; make room and go on with --resume auto") from None
        return {"epochs": epochs, "best": self.position.best, **figures}

    def _epoch(self, stop: Stop, journal: Journal) -> dict:
        """Train from the present position to the end of its epoch; the means of its figures."""
        epoch, averages = self.position.epoch, Averages()
        window, started = 0, time.monotonic()
        every, between = self.settings["print_batch_step"], self.settings["checkpoint_steps"]
        with journal.epoch(epoch, self.settings["epochs"], len(self.loader), self.position.batch):
            for images, labels in self.loader.epoch(epoch, self.position.batch):
                values, stopping = self._step(images, labels, stop)
                averages.add(values, len(images))
                window += len(images)
                journal.step_done()
                if self.position.batch % every == 0:
                    rate = window * self.group.size / (time.monotonic() - started)
                    self._progress(journal, averages.means(), rate)
                    window, started = 0, time.monotonic()
                if stopping or (between and self.position.step % between == 0):
                    self._save(checkpoint.LATEST)
                if stopping:
                    self._interrupt()
            if self._evaluates():  # which may take long, and be interrupted or killed
                self._save(checkpoint.LATEST)
                self._stop_if_asked(stop)
        return averages.means()

    def _stop_if_asked(self, stop: Stop) -> None:
        """Between steps, where all processes meet: stop if one was asked to. All is saved."""
        if self.group.sum(np.array([stop.asked]))[0]:
            self._interrupt()

    def _interrupt(self) -> None:
        if self.group.writes:
            log.info("saved %s; go on with --resume auto", self.directory / checkpoint.LATEST)
        raise KeyboardInterrupt

    def _step(
        self, images: np.ndarray, labels: np.ndarray, stop: Stop
    ) -> tuple[dict[str, float], bool]:
        """One batch: its figures, and whether to stop now (then all processes do)."""
        step, group = self.position.step, self.group
        # dropout draws from the generators: as a function of the step it survives a restart
        paddle.seed((self.seed * 1_000_003 + step * group.size + group.rank) % 2**63)
        stopping = stop.asked or group.orphaned()
        graph, executor = self._variant()
        feed = {"image": images, "label": labels}
        if group.size > 1:
            feed["stop"] = np.array([stopping], "float32")
        values = group.run(
            executor,
            graph.program,
            feed=feed,
            fetch_list=list(graph.outputs.values()),
            scope=self.scope,
        )
        named = {name: float(v) for name, v in zip(graph.outputs, values, strict=True)}
        if not math.isfinite(named["loss"]):
            raise TrainingError(
                f"the loss is {named['loss']} at epoch {self.position.epoch}, step {step + 1}: "
                "try a lower Optimizer.lr.learning_rate or a longer warmup_epoch, "
                "and look at the images and labels"
            )
        if not self.config["Optimizer"]["lr"]["by_epoch"]:
            self.schedule.step()
        self.position = self.position._replace(batch=self.position.batch + 1, step=step + 1)
        # alone, a signal that came during the step counts too
        return named, bool(named.pop("stop", stop.asked or stopping))

    def _variant(self) -> tuple[program.TrainingGraph, paddle.static.Executor]:
        """The graph of the next batch's image size or stage, and what runs it.

        Each has an Executor, for one keeps no more than eight Programs; a stage gone by does not
        come again, and its memory is let go.
        """
        number = self.sampler.variant(self.position.epoch, self.position.batch)
        if number not in self.executors:
            if self.settings.get("train_mode") == "progressive":
                self.executors.clear()
            self.executors[number] = paddle.static.Executor(self.executor.place)
        return self.graphs[number], self.executors[number]

    def _progress(self, journal: Journal, means: dict[str, float], rate: float) -> None:
        epochs, position = self.settings["epochs"], self.position
        sampler = self.sampler
        left = (epochs - position.epoch) * sampler.images_from(0)
        left += sampler.images_from(position.batch)
        journal.train(
            position.step,
            position.epoch,
            {"lr": self.schedule.get_lr(), **means, "images_per_second": round(rate, 1)},
            where=f"[Epoch {position.epoch}/{epochs}][Iter: {position.batch}/{len(self.loader)}]",
            seconds_left=left / rate,
        )

    def _evaluates(self) -> bool:
        """Whether there is an evaluation at the end of this epoch."""
        epoch, last = self.position.epoch, self.position.epoch == self.settings["epochs"]
        return bool(self.eval_loader) and (epoch % self.settings["eval_interval"] == 0 or last)

    def _finish_epoch(self, stop: Stop, journal: Journal) -> dict:
        """Evaluate and save as the config asks; the position moves to the next epoch."""
        epoch, best = self.position.epoch, self.position.best
        figures: dict = {}
        if self._evaluates():
            network, average, _ = self._state()
            with stop.immediate():
                figures = self._evaluate(journal, network, "eval")
                if average:
                    figures["ema"] = self._evaluate(journal, average, "eval_ema")
            best = max(best, *(primary(f) for f in (figures, figures.get("ema")) if f))
            if self.group.writes:
                log.info("[Eval][Epoch %d] best: %.4f", epoch, best)
        better = best > self.position.best
        self.position = self.position._replace(epoch=epoch + 1, batch=0, best=best)
        if self.config["Optimizer"]["lr"]["by_epoch"]:
            self.schedule.step()
        if better:
            self._save("best_model")
        if epoch % self.settings["save_interval"] == 0:
            self._save(f"epoch_{epoch}")
        self._save(checkpoint.LATEST)
        self._stop_if_asked(stop)
        return figures

    def _evaluate(self, journal: Journal, network: dict[str, np.ndarray], phase: str) -> dict:
        figures = evaluate(
            self.executor, self.eval_graph, self.eval_loader, self.group, self.eval_scope, network
        )
        journal.evaluation(self.position.step, self.position.epoch, figures, phase)
        return figures

    def _save(self, name: str) -> None:
        network, average, statistics = self._state()
        if not self.group.writes:
            return
        averages = set(self.graph.averages.values())
        ours = [n for n in self._persistables() if n not in network and n not in averages]
        settings = {**self._identity(), "OMP_NUM_THREADS": _threads()}
        saved = checkpoint.Checkpoint(
            network=network,
            optimizer=self._fetch(ours),
            schedule=self.schedule.state_dict(),
            position=self.position,
            settings=settings,
            average=average,
            statistics=statistics,
        )
        checkpoint.save(self.directory / name, saved, self.slots)
        checkpoint.forget_all_but(self.directory, self.settings["keep_checkpoints"])

    def _state(self) -> tuple[dict, dict, dict]:
        """(network, its average with EMA, statistics of each process) as `Checkpoint` has them.

        Each of several processes has BN statistics of its own; the network gets their mean.
        """
        each = self.group.gather(self._fetch(self._statistics()))
        now = self._fetch([slot.parameter for slot in self.slots])
        now |= self._fetch(self.graph.averages.values())
        now |= {name: arrays.mean(0, arrays.dtype) for name, arrays in each.items()}
        network = {slot.parameter: now[slot.parameter] for slot in self.slots}
        averages = self.graph.averages
        average = averages and {name: now[averages.get(name, name)] for name in network}
        return network, average, each

    def _statistics(self) -> list[str]:
        """What differs between processes: BN's statistics and their averages."""
        own = self.graph.statistics
        return [*own, *(self.graph.averages[name] for name in own if name in self.graph.averages)]

    def _persistables(self) -> list[str]:
        names = [v.name for v in self.graph.program.list_vars() if v.persistable]
        return [name for name in names if name not in ("feed", "fetch")]

    def _fetch(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        return program.fetch(self.scope, names)

    def _assign(self, arrays: dict[str, np.ndarray]) -> None:
        program.assign(self.scope, arrays, self.executor.place)

    def _identity(self) -> dict:
        """What a resumed run must have in common with the one that it goes on from."""
        sampler = self.config["DataLoader"]["Train"]["sampler"]
        return {
            "Arch.name": self.name,
            "Arch.class_num": self.config["Arch"]["class_num"],
            "Optimizer.name": self.config["Optimizer"]["name"],
            "EMA": bool(self.graph.averages),
            "Global.seed": self.seed,
            "Global.epochs": self.settings["epochs"],
            "processes": self.group.size,
        } | {f"DataLoader.Train.sampler.{key}": sampler.get(key) for key in _SAMPLING}


def _threads() -> str:
    return os.environ.get("OMP_NUM_THREADS", "")


def prepare(config: dict, resume: str | None = None) -> Trainer:
    """A run at its starting point: new, from pretrained weights, or resumed.

    Args:
        resume: "auto" (the newest whole checkpoint of this output directory, if any), or a
            checkpoint's prefix.

    Raises:
        InputError: config, data or weights are wrong.
    """
    optimizer.check(config)
    place = static.enable(config["Global"]["device"])
    trainer = Trainer(config, place, connect(config))
    trainer.start_from(resume)
    return trainer


def train(config: dict, resume: str | None = None) -> dict:
    """Train as the config says; the last figures. See `prepare` and `Trainer.run`."""
    return prepare(config, resume).run()
