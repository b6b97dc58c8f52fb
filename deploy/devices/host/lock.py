"""One campaign at a time on this host: two would disturb each other, and neither would know."""

import fcntl
import os
import platform
from pathlib import Path
from typing import TextIO

from ppghost.errors import DeviceError
from ppghost.i18n import tr


class HostLock:
    """This host, for this process: a file that the kernel unlocks when the process ends."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    def take(self) -> None:
        """Keep other processes from measuring on this host.

        Raises:
            DeviceError: another one does.
        """
        if self._file:
            return
        # with its name: computers may share a home
        path = _runtime_folder() / f"ppghost-{platform.node()}.lock"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise DeviceError(
                "{path}: cannot be written ({strerror})", path=path, strerror=error.strerror
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            # there is a moment in which the number is not yet written
            holder = tr("process {pid}").format(pid=file.read().strip())
            file.close()
            raise DeviceError(
                "host: {holder} is measuring on it; wait for its end or stop it", holder=holder
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let others measure."""
        if self._file:
            self._file.close()
            self._file = None


def _runtime_folder() -> Path:
    """Where locks of this user lie, the same for all sessions."""
    if given := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(given)
    system = Path(f"/run/user/{os.getuid()}")
    return system if system.is_dir() else Path.home() / ".cache"
