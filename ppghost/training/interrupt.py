"""Ctrl-C and SIGTERM: noted while a run can stop only at a whole step, else as usual."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from types import FrameType

logger = logging.getLogger(__name__)


class InterruptHandler:
    """Whether the user asked to stop; a second signal always interrupts at once."""

    def __init__(self) -> None:
        self.requested = False
        self._interrupts_at_once = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
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
