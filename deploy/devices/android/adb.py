"""The real adb client, wrapped thinly: a device is never misread, and nothing is left on it.

Every call names its device and has a time limit. A shell command counts as run only if its end
marker comes back: adb itself reports success when a device dies in the middle (adb 29). What runs
long is bounded on the device too, and its process id is recorded there, because killing the adb
client leaves the program running.

Which server is asked is adb's own business: ADB_SERVER_SOCKET (a rack of phones on another host)
or ANDROID_ADB_SERVER_PORT, else port 5037. adb starts a local server where none runs; that is
passed on as a line of the log.
"""

import logging
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from ppghost.deploy.devices.android import digests, scripts
from ppghost.deploy.devices.android.adb_client import (
    TIMEOUT_S,
    Client,
    ShellResult,
    find_adb,
    list_serials,
    why_lost,
)
from ppghost.deploy.devices.android.folder import PLACES, folder_in, usable_folder
from ppghost.deploy.devices.android.lock import PhoneLock
from ppghost.errors import DeviceError

logger = logging.getLogger(__name__)

#: the slowest link that a push may be on
_PUSH_BYTES_PER_S = 250_000


class Adb:
    """One device, by its serial."""

    def __init__(self, serial: str, place: str | None = None) -> None:
        """A device that nothing was asked of yet.

        Args:
            serial: its name.
            place: the folder to work in; None: the first of `PLACES` that can be.

        Raises:
            DeviceError: there is no adb client.
        """
        adb = find_adb()
        if not adb:
            raise DeviceError("no adb client; install Android's platform-tools or `adbutils`")
        self.serial = serial
        self._places = (place,) if place else PLACES
        self.folder = folder_in(self._places[0])
        self._tools: set[str] = set()
        self._lock = PhoneLock(serial)
        self._client = Client(adb)
        # not cancelled with the other: tidying up is what follows a cancelled call
        self._tidying = Client(adb)

    def lock(self) -> None:
        """Choose a folder and keep other campaigns off the device until `clean_up`.

        From now on every script first makes sure that this is still so.

        Raises:
            DeviceError: another campaign is on it, or no folder can be worked in.
            DeviceLost: it went away.
        """
        self.folder = usable_folder(self.shell, self._places, self.serial)
        self._lock.take(self.shell, self.folder)

    def tools(self) -> set[str]:
        """Which of the programs that differ from one Android to another are there; asked once.

        Raises:
            DeviceLost: it went away.
        """
        if not self._tools:
            names = " ".join([*digests.TOOLS, "taskset"])
            script = f"for name in {names}; do command -v $name >/dev/null && echo $name; done"
            self._tools = {"sh", *self.shell(script).stdout.split()}
        return self._tools

    @property
    def digest_tool(self) -> str | None:
        """What this device is asked whether files arrived whole; None before any was sent."""
        return digests.choose_tool(self._tools)

    def shell(self, script: str, timeout: float = TIMEOUT_S) -> ShellResult:
        """Run a script in the device's sh.

        Args:
            script: whoever builds it quotes its arguments (shlex.quote).
            timeout: seconds for it.

        Returns:
            What it ended with, whatever its exit code.

        Raises:
            DeviceLost: the end marker does not come back, or another campaign has the device that
                was locked.
        """
        done = self._shell(self._client, self._lock.guard(timeout) + script, timeout)
        self._lock.check(done.stdout)
        return done

    def _shell(self, client: Client, script: str, timeout: float) -> ShellResult:
        token = secrets.token_hex(8)
        done = client.run(["-s", self.serial, "shell", scripts.marked(script, token)], timeout)
        ended = scripts.unmarked(done, token)
        if ended is None:
            # what it printed so far is no reason
            raise why_lost(self.serial, done._replace(stdout=""))
        return ended

    def run_program(
        self, words: Sequence[str], timeout: float, *, prefix: str = "", suffix: str = ""
    ) -> ShellResult:
        """Run a program of the folder, bounded on the device.

        Args:
            words: its command line.
            timeout: seconds that it may live.
            prefix: shell lines to run just before it.
            suffix: shell lines to run just after it.

        Returns:
            What it ended with, whatever its exit code; the lines' output is around its own.

        Raises:
            DeviceError: it does not end in time.
            DeviceLost: the device went away.
        """
        script = scripts.run_in(self.folder, words, timeout, prefix=prefix, suffix=suffix)
        started = time.monotonic()
        done = self.shell(script, timeout + TIMEOUT_S)
        # a phone short of memory kills as well
        if done.returncode == scripts.KILLED and time.monotonic() - started >= timeout:
            raise DeviceError(
                "did not end in {timeout:.0f} s and was stopped on the device", timeout=timeout
            )
        return done

    def kill_program(self) -> None:
        """End what `run_program` started and may still be running; never raises DeviceError."""
        self._quietly(self._lock.only_if_ours(scripts.kill_in(self.folder)))

    def push(self, local: Path, name: str, *, executable: bool = False) -> bool:
        """Put a file into the folder; on the device its digest is compared.

        Args:
            local: the file here.
            name: its plain name there, which needs no quoting.
            executable: whether it is a program.

        Returns:
            Whether it was sent; False: it was there.

        Raises:
            DeviceError: no space is left, it arrived damaged, or nothing there can tell.
            DeviceLost: the device went away.
        """
        size, digest = local.stat().st_size, self._digest(local)
        if self._holds(name, digest):
            return False
        partial = f"{self.folder}/{name}.part"
        done = self._client.run(
            ["-s", self.serial, "push", str(local.resolve()), partial],
            TIMEOUT_S + size / _PUSH_BYTES_PER_S,
        )
        if done.returncode:
            if "space left" in done.stderr + done.stdout:
                self._quietly(f"rm -f {partial}")
                raise DeviceError(
                    "{serial}: no space left for {name} ({size} bytes); free some",
                    serial=self.serial,
                    name=local.name,
                    size=size,
                )
            raise why_lost(self.serial, done)
        mode = "755" if executable else "644"
        put = f"chmod {mode} {partial} && mv {partial} {self.folder}/{name}"
        if not self._holds(name, digest, put):
            raise DeviceError(
                "{serial}: {name} arrived damaged; check the cable",
                serial=self.serial,
                name=local.name,
            )
        return True

    def _digest(self, local: Path) -> str:
        """What the device's tool must say of a file."""
        self.tools()
        if not self.digest_tool:
            raise DeviceError(
                "{serial}: has none of {tools}, so that nothing can tell whether a file "
                "arrives whole",
                serial=self.serial,
                tools=", ".join(digests.TOOLS),
            )
        return digests.local_digest(local, self.digest_tool)

    def _holds(self, name: str, digest: str, first: str = "true") -> bool:
        """Whether a file is there, after a command that puts it there."""
        look = f"cd {self.folder} && {self.digest_tool} {name}"
        done = self.shell(f"mkdir -p {self.folder} && {first} && {look}")
        return done.stdout.split()[:1] == [digest]

    def clean_up(self) -> None:
        """Remove the folder from the device, with the lock; never raises DeviceError."""
        # at once, so that a lock that another campaign then takes is not removed with the rest
        away = f"{self.folder}.{secrets.token_hex(8)}"
        self._quietly(self._lock.only_if_ours(f"mv {self.folder} {away} && rm -rf {away}"))
        self._lock.forget()

    def cancel(self) -> None:
        """Make the call that another thread waits for, and all later ones, raise DeviceLost."""
        self._client.cancel()

    @property
    def locked(self) -> bool:
        """Whether `lock` succeeded and `clean_up` did not follow."""
        return self._lock.held

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._client.cancelled

    def reconnect(self) -> str:
        """Try to bring an absent device back; its state now ("absent" if it is not listed)."""
        state = list_serials().get(self.serial, "absent")
        if state in ("offline", "absent") and ":" in self.serial:
            # adb itself tries a networked device again only every 10 s
            for verb in ("disconnect", "connect"):
                self._client.run([verb, self.serial], TIMEOUT_S)
            state = list_serials().get(self.serial, "absent")
        return state

    def _quietly(self, script: str) -> None:
        try:
            self._shell(self._tidying, script, timeout=5)
        except DeviceError as error:
            logger.debug("%s", error)
