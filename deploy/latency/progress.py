"""What the log says of a campaign while it runs: a line now and then, and not too many."""

import logging
import time
from collections.abc import Sequence

from ppghost.deploy.latency.results import Result
from ppghost.i18n import tr

logger = logging.getLogger(__name__)

PROGRESS_EVERY_S = 2.0
#: of more models than this a line of progress names the first alone; no more warnings are logged
MAX_NAMED, MAX_WARNINGS = 6, 8


class Progress:
    """The lines of one device."""

    def __init__(self, serial: str, rounds: int) -> None:
        """Before the first round.

        Args:
            serial: the device's.
            rounds: so many are planned.
        """
        self.serial, self.rounds = serial, rounds
        self._last = time.monotonic()

    def log(self, done: int, threads: int, started: float, results: Sequence[Result]) -> None:
        """Say how far it is, if it is time for it or this was the last round.

        Args:
            done: rounds.
            threads: that are measured with.
            started: when the first of these rounds was, by the monotonic clock.
            results: so far.
        """
        now = time.monotonic()
        if now - self._last < PROGRESS_EVERY_S and done < self.rounds:
            return
        self._last = now
        left = (now - started) / done * (self.rounds - done)
        shown = results if len(results) <= MAX_NAMED else results[:1]
        medians = {each.model: each.stats.median for each in shown if each.stats}
        # a line in place may be cut: what counts comes first
        short = ", ".join(f"{median:.2f} {model}" for model, median in medians.items())
        logger.info(
            "%s: round %d/%d, threads %d, %.0f s left; ms: %s",
            self.serial, done, self.rounds, threads, left,
            ", ".join(f"{model} {median:.2f}" for model, median in medians.items()),
            extra={
                "device": self.serial,
                "line": tr("{serial}: {done}/{rounds}, {left:.0f} s left, ms: {short}").format(
                    serial=self.serial, done=done, rounds=self.rounds, left=left, short=short
                ),
            },
        )  # fmt: skip


def log_warnings(warnings: Sequence[str]) -> None:
    """Log warnings; of very many the first, as all stand in the result.

    Args:
        warnings: a sentence each.
    """
    for warning in warnings[:MAX_WARNINGS]:
        logger.warning("%s", warning)
    if (more := len(warnings) - MAX_WARNINGS) > 0:
        logger.warning("%d warnings more, as `notes` in the result", more)
