"""How fast a run goes, and how long it will still take."""

import time

from ppghost.data.samplers import Sampler
from ppghost.training.run_log import RunLogger
from ppghost.training.state import RunState


class Progress:
    """Tells of an epoch while it is under way, every `Global.print_batch_step` steps.

    Args:
        run_log: who is told.
        state: the run's, in that epoch.
        sampler: of its batches.
    """

    def __init__(self, run_log: RunLogger, state: RunState, sampler: Sampler) -> None:
        self._run_log, self._state, self._sampler = run_log, state, sampler
        self._settings = state.config["Global"]
        self._images, self._since = 0, time.monotonic()

    def step_done(self, images: int) -> None:
        """A step is done, on so many images of this process."""
        self._run_log.step_done()
        self._images += images * self._state.group.size
        if self._state.position.batch % self._settings["print_batch_step"] == 0:
            self.tell(self._images / (time.monotonic() - self._since))
            self._images, self._since = 0, time.monotonic()

    def tell(self, rate: float) -> None:
        """Note where the run is, at a speed of so many images per second."""
        epochs, position, sampler = self._settings["epochs"], self._state.position, self._sampler
        left = (epochs - position.epoch) * sampler.images_from(0)
        left += sampler.images_from(position.batch)
        metrics = {"lr": self._state.schedule.get_lr(), **self._state.epoch_averages.means()}
        self._run_log.train(
            position.step,
            position.epoch,
            metrics | {"images_per_second": round(rate, 1)},
            where=f"[Epoch {position.epoch}/{epochs}][Iter: {position.batch}/{len(sampler)}]",
            seconds_left=left / rate,
        )
