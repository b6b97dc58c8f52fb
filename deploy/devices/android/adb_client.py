"""The adb client itself: where it is, what its server knows, and one call of it at a time."""

import importlib.util
import logging
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ppghost.errors import DeviceError, DeviceLost
from ppghost.i18n import tr

logger = logging.getLogger(__name__)

TIMEOUT_S = 20.0
#: what a state other than "device" asks of the person in front of it (adb's connection states)
ADVICE = {
    "unauthorized": tr("unlock it and allow USB debugging for this computer"),
    "authorizing": tr("wait a moment, then allow USB debugging on its screen"),
    "connecting": tr("wait a moment; if it stays so, replug it"),
    "offline": tr("replug it or run `adb reconnect offline`"),
    "detached": tr("run `adb -s {serial} attach`: another program has its USB port"),
    "no permissions": tr("allow this user to open it (udev rules), then replug it"),
    "bootloader": tr("reboot it with `fastboot reboot`"),
    "fastbootd": tr("it is in userspace fastboot; reboot it with `fastboot reboot`"),
    "recovery": tr("reboot it with `adb -s {serial} reboot`"),
    "rescue": tr("it is in rescue mode; reboot it with `adb -s {serial} reboot`"),
    "sideload": tr("reboot it with `adb -s {serial} reboot`"),
    "host": tr("it is another computer, no phone"),
}
#: what the client says when a device is not there any more
_GONE = re.compile(
    r"device (?:'.*' )?(?:not found|offline)|no devices|closed|connection reset|protocol fault"
    r"|device still|connect failed|failed to connect|cannot connect",
    re.IGNORECASE,
)
#: states that last a moment, and for how long they are waited for
_TRANSIENT = ("authorizing", "connecting")
SETTLE_S = 5.0


def advice(state: str, serial: str) -> str:
    """What to do about a state other than "device".

    Args:
        state: adb's word for it.
        serial: the device's.
    """
    if state == "offline" and ":" in serial:
        # reconnecting would drop it from the list
        return tr("run `adb disconnect {serial}`, then `adb connect {serial}`").format(
            serial=serial
        )
    return ADVICE.get(state, tr("reboot it")).format(serial=serial)


class ShellResult(NamedTuple):
    """What a command on a device ended with."""

    returncode: int
    stdout: str
    stderr: str


def find_adb() -> str | None:
    """The adb client: on PATH, else the one inside the adbutils wheel."""
    if found := shutil.which("adb"):
        return found
    spec = importlib.util.find_spec("adbutils")
    for folder in (spec and spec.submodule_search_locations) or ():
        if bundled := shutil.which("adb", path=str(Path(folder) / "binaries")):
            return bundled
    return None


def list_serials() -> dict[str, str]:
    """State by serial of all devices that the adb server knows; empty without an adb client.

    Raises:
        DeviceError: the server does not answer.
    """
    adb = find_adb()
    if not adb:
        return {}
    done = Client(adb).run(["devices"], TIMEOUT_S)
    if done.returncode:
        raise DeviceError("adb devices failed: {last_line}", last_line=last_line(done))
    return _parse_devices(done.stdout)


def settled_serials() -> dict[str, str]:
    """As `list_serials`, once no state is one that lasts a moment, but not for long.

    Raises:
        DeviceError: the server does not answer.
    """
    deadline = time.monotonic() + SETTLE_S
    while True:
        states = list_serials()
        settled = not any(_is_transient(serial, state) for serial, state in states.items())
        if settled or time.monotonic() > deadline:
            return states
        time.sleep(0.2)


def _is_transient(serial: str, state: str) -> bool:
    # adb's server calls a phone in the network offline until it answers for the first time
    return state in _TRANSIENT or (state == "offline" and ":" in serial)


def connect(address: str) -> None:
    """Ask the adb server to connect to a phone in the network; look at `list_serials` then.

    Args:
        address: HOST:PORT.

    Raises:
        DeviceLost: the server does not answer.
    """
    if adb := find_adb():
        Client(adb).run(["connect", address], TIMEOUT_S)


def _parse_devices(text: str) -> dict[str, str]:
    """ "SERIAL<tab>STATE" lines; "no permissions (...)" is cut to its two words."""
    states = {}
    for line in text.splitlines():
        serial, tab, state = line.partition("\t")
        if tab:
            states[serial.strip()] = re.sub(r"\s*[;(].*", "", state).strip()
    return states


def last_line(done: ShellResult) -> str:
    """The last line that a failed call printed.

    Args:
        done: what it ended with.
    """
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return lines[-1].strip()[:200] if lines else tr("no message")


def why_lost(serial: str, done: ShellResult) -> DeviceLost:
    """Why a call for a device came to nothing.

    Args:
        serial: the device's.
        done: what the client ended with.
    """
    for state in ("unauthorized", "no permissions"):
        if state in done.stderr:
            return DeviceLost(
                "{serial}: {state}; {advice}",
                serial=serial,
                state=state,
                advice=advice(state, serial),
            )
    reason = last_line(done)
    if done.returncode == 0 or _GONE.search(reason) or done.returncode in (-9, 255):
        return DeviceLost(
            "{serial}: the device went away ({reason}); {advice}",
            serial=serial,
            reason=reason,
            advice=advice("offline", serial),
        )
    return DeviceLost("{serial}: adb failed ({reason})", serial=serial, reason=reason)


class Client:
    """Runs the adb client; `cancel` ends the call that another thread is waiting for."""

    def __init__(self, adb: str) -> None:
        self._adb = adb
        self._running: subprocess.Popen | None = None
        self._lock = threading.Lock()
        self.cancelled = False

    def run(self, words: Sequence[str], timeout: float) -> ShellResult:
        """One call of the client.

        Args:
            words: its arguments.
            timeout: seconds for it.

        Returns:
            What it ended with, whatever its exit code.

        Raises:
            DeviceLost: it took longer, or was cancelled.
        """
        with self._lock:
            if self.cancelled:
                raise DeviceLost("interrupted")
            process = self._running = subprocess.Popen(  # noqa: S603 - a list, no shell here
                [self._adb, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C reaches us alone; we then end what runs on the device as well
                start_new_session=True,
            )
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            raise DeviceLost("adb gave no answer in {timeout:.0f} s", timeout=timeout) from error
        finally:
            with self._lock:
                process.kill()
                self._running = None
            process.wait()
        stderr = err.decode("utf-8", "replace").replace("\r", "")
        for line in stderr.splitlines():
            if line.startswith("* "):
                logger.info("adb: %s", line.strip("* "))
        return ShellResult(
            process.returncode, out.decode("utf-8", "replace").replace("\r", ""), stderr
        )

    def cancel(self) -> None:
        """Make the call that another thread waits for, and all later ones, raise DeviceLost."""
        with self._lock:
            self.cancelled = True
            if self._running:
                self._running.kill()
