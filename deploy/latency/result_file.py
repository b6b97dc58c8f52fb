"""The result of a campaign that is under way, shared by the threads of its devices."""

import threading
from pathlib import Path

from ppghost.deploy.latency.results import LatencyResult
from ppghost.utils.files import write_text


class ResultFile:
    """A result and the file that it is kept in.

    Attributes:
        content: the result; `lock` guards it.
        path: the file; None: it is kept in memory only.
        stop: set once everything is to end.
    """

    def __init__(self, content: LatencyResult, path: Path | None) -> None:
        self.content, self.path = content, path
        self.lock = threading.RLock()
        self.stop = threading.Event()

    def save(self) -> None:
        """Write the file; the content is whole whenever this is called."""
        if self.path is None:
            return
        with self.lock:
            write_text(self.path, self.content.encode())
