"""Ctrl-C and SIGTERM, held back while they would leave something half-done."""

import contextlib
import logging
import signal
from collections.abc import Iterator

log = logging.getLogger(__name__)


class Stop:
    """Whether the user asked to stop; a second signal always interrupts at once."""

    def __init__(self):
        self.asked = False
        self._holding = False

    def _handle(self, number, frame):
        if self.asked or not self._holding:
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
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
        if self.asked:
            raise KeyboardInterrupt
