"""Ctrl-C and SIGTERM: noted while a run can stop only at a whole step, else as usual."""

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

logger = logging.getLogger(__name__)

#: a SIGTERM so soon after the last signal is one wish with it: where Paddle's launcher is asked to
#: stop it sends each process three, 0.2 s apart
_REPEATED_S = 2.0


class InterruptHandler:
    """Whether the user asked to stop; a second signal interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._interrupts_at_once = False
        self._last = -math.inf

    def _handle(self, number: int, frame: FrameType | None) -> None:
        before, self._last = self._last, time.monotonic()
        if number == signal.SIGTERM and self._last - before < _REPEATED_S:
            return
        if self.requested or self._interrupts_at_once:
            raise KeyboardInterrupt
        self.requested = True
        logger.info("stopping after this step; again to stop at once")

    @contextlib.contextmanager
    def install(self) -> Iterator["InterruptHandler"]:
        """Note the signals until the block ends, then leave them to whoever had them before.

        Python lets only the main thread do so; in another one signals are not noted.
        """
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {n: signal.signal(n, self._handle) for n in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def allow(self) -> Iterator[None]:
        """Interrupt inside the block: nothing is lost there."""
        self._interrupts_at_once = True
        try:
            yield
        finally:
            self._interrupts_at_once = False
