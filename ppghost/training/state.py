"""What a run consists of between two steps, and its way to the disk and back."""

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import paddle

from ppghost import weights
from ppghost.static.program import assign, fetch, initialize
from ppghost.static.runtime import Place
from ppghost.tasks.factory import make_task
from ppghost.tasks.metrics import Averages
from ppghost.training import checkpoint, program
from ppghost.training.distributed import Group
from ppghost.training.identity import EPOCHS, FORM, THREADS, differences
from ppghost.training.schedules import Schedule
from ppghost.weights.pretrained import backbone_path, pretrained_path

logger = logging.getLogger(__name__)


class RunState:
    """The variables of a training graph, its schedule, its position and the metrics of its epoch.

    Process 0 reads and writes the files; the others need not have them.

    Args:
        identity: what a resumed run must have in common with the one that it goes on from.

    Attributes:
        position: of the next batch.
        epoch_averages: the metrics of the running epoch, up to the position.
    """

    def __init__(
        self,
        config: dict,
        graph: program.TrainingGraph,
        schedule: Schedule,
        group: Group,
        place: Place,
        identity: dict,
    ):
        self.config, self.graph, self.schedule, self.group = config, graph, schedule, group
        self.directory = Path(config["Global"]["output_dir"]) / config["Arch"]["name"]
        self.identity = identity
        self.specs = weights.tensor_specs(graph.network)
        self.scope = paddle.static.Scope()
        self.executor = paddle.static.Executor(place)
        self.position = checkpoint.Position(epoch=1, batch=0, step=0, best=checkpoint.NO_BEST)
        self.epoch_averages = Averages()
        initialize(self.executor, graph, identity["Global.seed"], self.scope)

    def finish_step(self, metrics: dict[str, float], images: int) -> None:
        """Go on to the next batch.

        Args:
            metrics: of the batch that is done, means over the processes.
            images: of each process; all have equally many.
        """
        self.epoch_averages.add(metrics, images)
        if not self.config["Optimizer"]["lr"]["by_epoch"]:
            self.schedule.step()
        _, batch, step, _ = self.position
        self.position = self.position._replace(batch=batch + 1, step=step + 1)

    def finish_epoch(self, best: float) -> None:
        """Go on to the next epoch.

        Args:
            best: the best accuracy so far.
        """
        self.epoch_averages = Averages()
        if self.config["Optimizer"]["lr"]["by_epoch"]:
            self.schedule.step()
        epoch = self.position.epoch
        self.position = self.position._replace(epoch=epoch + 1, batch=0, best=best)

    def start_from(self, resume: str | None) -> None:
        """Load `--resume` (auto, or a checkpoint's prefix), else the pretrained weights."""
        resume = resume or self.config["Global"]["checkpoints"]
        statistics: dict = {}
        if self.group.is_main:
            found = self._find(resume) if resume else None
            if found:
                statistics = self._restore(*found)
            else:
                self.load_pretrained()
            if not found or found[0].parent.resolve() != self.directory.resolve():
                self._set_aside()
        if self.group.size > 1:
            self._follow_first(statistics)

    def _find(self, resume: str) -> tuple[Path, checkpoint.Checkpoint] | None:
        if resume != "auto":
            prefix = checkpoint.prefix_of(resume)
            return prefix, checkpoint.load(prefix, self.specs)
        found = checkpoint.newest(self.directory, self.specs, self._differences)
        if found is None:
            logger.info("no checkpoint in %s; starting from the beginning", self.directory)
        return found

    def _differences(self, settings: dict) -> list[str]:
        return differences(settings, self.identity)

    def _set_aside(self) -> None:
        """A new run never mixes its checkpoints with those of one before, nor loses them."""
        if target := checkpoint.set_aside(self.directory):
            logger.warning(
                "%s held the checkpoints of an earlier run; they are in %s now "
                "(that run goes on with --resume %s)",
                self.directory,
                target,
                target / checkpoint.LATEST,
            )

    def load_pretrained(self) -> None:
        """Start from the pretrained weights, if the config names any; else its backbone may."""
        arch, network = self.config["Arch"], self.graph.network
        found = None
        if path := pretrained_path(self.config):
            classes = make_task(self.config).head_width
            found = weights.load(path, network, arch["name"], new_head_classes=classes)
        elif path := backbone_path(arch):
            found = weights.load(path, network.backbone, arch["backbone"]["name"])
        if found:
            self.assign(found.arrays)
            logger.info("weights from %s (%d tensors)", path, len(found.arrays))
        averages = self.graph.averages
        self.assign({averages[name]: array for name, array in self.fetch(averages).items()})

    def _restore(self, prefix: Path, saved: checkpoint.Checkpoint) -> dict[str, np.ndarray]:
        """Take over a checkpoint; returns its statistics of each process, if there were several."""
        if differing := self._differences(saved.settings):
            raise checkpoint.another_run(prefix, differing)
        threads = saved.settings.get(THREADS)
        if threads != _threads():
            logger.warning(
                "%s was trained with OMP_NUM_THREADS %s, now it is %s: sums are rounded in another "
                "order, so the run goes on as well, but not bit for bit",
                prefix,
                threads,
                _threads(),
            )
        averages = {copy: saved.average[name] for name, copy in self.graph.averages.items()}
        self.assign(saved.network | saved.optimizer | averages)
        self.schedule.step(saved.schedule["last_epoch"])
        self.position = saved.position
        if saved.epoch_averages.sums.keys() == set(self._metrics()):
            self.epoch_averages = saved.epoch_averages
        logger.info("resuming %s at epoch %d, batch %d", prefix, *saved.position[:2])
        self._tell_epochs(prefix, saved)
        return saved.statistics

    def _tell_epochs(self, prefix: Path, saved: checkpoint.Checkpoint) -> None:
        """Say what another number of epochs does: the schedule is a function of it."""
        before, epochs = saved.settings.get(EPOCHS), self.config["Global"]["epochs"]
        if self.position.epoch > epochs:
            done = self.position.epoch - 1
            logger.warning("%s has %d epochs behind it already: nothing to train", prefix, done)
        elif before != epochs:
            logger.warning(
                "%s is of a run of %s epochs, this config says %d: from here on the learning rate "
                "is that of the schedule over %d epochs, %.5g where it was %.5g",
                prefix, before, epochs, epochs, self.schedule.get_lr(), saved.schedule["last_lr"],
            )  # fmt: skip

    def _follow_first(self, statistics: dict[str, np.ndarray]) -> None:
        """Take over what process 0 starts from, and of `statistics` this process's own."""
        averages = self.epoch_averages
        sums = [averages.sums.get(name, 0.0) for name in self._metrics()]
        where = [*self.position, self.schedule.last_epoch, averages.samples, *sums]
        there = self.group.broadcast({"": np.array(where, np.float64)})[""].tolist()
        epoch, batch, step, best, last_epoch, samples, *sums = there
        self.position = checkpoint.Position(int(epoch), int(batch), int(step), best)
        self.schedule.step(int(last_epoch))
        if samples:
            sums_by_name = dict(zip(self._metrics(), sums, strict=True))
            self.epoch_averages = Averages(sums_by_name, int(samples))
        self.assign(self.group.broadcast(self.fetch(self._persistables())))
        same = {
            name: np.stack([array] * self.group.size)
            for name, array in self.fetch(self._statistics()).items()
        }
        each = self.group.broadcast(same | statistics)
        self.assign({name: arrays[self.group.rank] for name, arrays in each.items()})

    def save(self, name: str) -> None:
        """Write the checkpoint `name` of this run's folder; one of several processes does.

        Raises:
            InputError: the place cannot be written to.
        """
        network, average, statistics = self.networks()
        if not self.group.is_main:
            return
        averages = set(self.graph.averages.values())
        rest = [n for n in self._persistables() if n not in network and n not in averages]
        saved = checkpoint.Checkpoint(
            network=network,
            optimizer=self.fetch(rest),
            schedule=self.schedule.state_dict(),
            position=self.position,
            settings={
                **self.identity,
                EPOCHS: self.config["Global"]["epochs"],
                THREADS: _threads(),
                FORM: 2,
            },
            average=average,
            statistics=statistics,
            epoch_averages=self.epoch_averages,
        )
        checkpoint.save(self.directory / name, saved, self.specs)
        checkpoint.prune(self.directory, self.config["Global"]["keep_checkpoints"])

    def networks(self) -> tuple[dict, dict, dict]:
        """(network, its average with EMA, statistics of each process) as `Checkpoint` has them.

        Each of several processes has BN statistics of its own; the network gets their mean.
        """
        each = self.group.all_gather(self.fetch(self._statistics()))
        now = self.fetch([spec.parameter for spec in self.specs])
        now |= self.fetch(self.graph.averages.values())
        now |= {name: arrays.mean(0, arrays.dtype) for name, arrays in each.items()}
        network = {spec.parameter: now[spec.parameter] for spec in self.specs}
        averages = self.graph.averages
        average = {name: now[averages.get(name, name)] for name in network} if averages else {}
        return network, average, each

    def _metrics(self) -> list[str]:
        """What a step measures."""
        return [name for name in self.graph.outputs if name != "stop"]

    def _statistics(self) -> list[str]:
        """What differs between processes: BN's statistics and their averages."""
        own = self.graph.statistics
        return [*own, *(self.graph.averages[name] for name in own if name in self.graph.averages)]

    def _persistables(self) -> list[str]:
        names = [v.name for v in self.graph.program.list_vars() if v.persistable]
        return [name for name in names if name not in ("feed", "fetch")]

    def fetch(self, names: Iterable[str]) -> dict[str, np.ndarray]:
        """Copies of variables, by name."""
        return fetch(self.scope, names)

    def assign(self, arrays: dict[str, np.ndarray]) -> None:
        """Overwrite variables, by name."""
        assign(self.scope, arrays, self.executor.place)


def _threads() -> str:
    return os.environ.get(THREADS, "")
