"""Ctrl-C and SIGTERM: noted while a run can stop only at a whole step, else as usual."""

import contextlib
import logging
import signal
from collections.abc import Iterator

logger = logging.getLogger(__name__)


class Stop:
    """Whether the user asked to stop; a second signal always interrupts at once."""

    def __init__(self):
        self.asked = False
        self._immediate = False

    def _handle(self, number, frame):
        if self.asked or self._immediate:
            raise KeyboardInterrupt
        self.asked = True
        logger.info("stopping after this step; again to stop at once")

    @contextlib.contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Note the signals until the block ends."""
        before = {n: signal.signal(n, self._handle) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def immediate(self) -> Iterator[None]:
        """Interrupt inside the block: nothing is lost there."""
        self._immediate = True
        try:
            yield
        finally:
            self._immediate = False
