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
import re
import secrets
import shlex
import time
from collections.abc import Sequence
from pathlib import Path

from ppghost.deploy.devices.android.adb_client import (
    ADVICE,
    TIMEOUT_S,
    Client,
    ShellResult,
    find_adb,
    last_line,
    list_serials,
)
from ppghost.deploy.devices.android.lock import PhoneLock
from ppghost.errors import DeviceError, DeviceLost
from ppghost.utils.files import sha256

logger = logging.getLogger(__name__)

#: everything that we put on a device; removed when a campaign ends
FOLDER = "/data/local/tmp/ppghost"
#: the slowest link that a push may be on
_PUSH_BYTES_PER_S = 250_000
_PID_FILE = f"{FOLDER}/pid"
_LOCK_FILE = f"{FOLDER}/lock"
_GONE = re.compile(
    r"device (?:'.*' )?(?:not found|offline)|no devices|closed|connection reset|protocol fault"
    r"|device still|connect failed|failed to connect|cannot connect",
    re.IGNORECASE,
)


class Adb:
    """One device, by its serial."""

    def __init__(self, serial: str) -> None:
        adb = find_adb()
        if not adb:
            raise DeviceError("no adb client; install Android's platform-tools or `adbutils`")
        self.serial = serial
        self._lock = PhoneLock(serial, _LOCK_FILE)
        self._client = Client(adb)
        # not cancelled with the other: tidying up is what follows a cancelled call
        self._tidying = Client(adb)

    def lock(self) -> None:
        """Keep other campaigns off the device until `clean_up`.

        From now on every script first makes sure that this is still so.

        Raises:
            DeviceError: another campaign is on it.
            DeviceLost: it went away.
        """
        self.shell(f"mkdir -p {FOLDER}")
        self._lock.take(self.shell)

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
        # a new line first: a command may end without one
        line = f'({script}\n); ppghost_code=$?; echo; echo "{token} $ppghost_code"'
        done = client.run(["-s", self.serial, "shell", line], timeout)
        output, marker, code = done.stdout.rpartition(f"\n{token} ")
        if not marker or not code.strip().isdecimal():
            raise self._lost(done)
        return ShellResult(int(code), output, done.stderr)

    def run_program(
        self, words: Sequence[str], timeout: float, *, prefix: str = "", suffix: str = ""
    ) -> ShellResult:
        """Run a program of `FOLDER`, bounded on the device.

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
        program = " ".join(shlex.quote(word) for word in words)
        inner = shlex.quote(f"echo $$ > {_PID_FILE}; exec {program}")
        script = (
            f"cd {FOLDER} || exit 1\n{prefix}\ntimeout -s KILL {timeout:.0f} sh -c {inner}\n"
            f"ppghost_program=$?\nrm -f {_PID_FILE}\n{suffix}\n(exit $ppghost_program)"
        )
        started = time.monotonic()
        done = self.shell(script, timeout + TIMEOUT_S)
        # 137 from GNU's timeout, 124 from some toyboxes; a phone short of memory kills as well
        if done.returncode in (124, 137) and time.monotonic() - started >= timeout:
            raise DeviceError(f"did not end in {timeout:.0f} s and was stopped on the device")
        return done

    def kill_program(self) -> None:
        """End what `run_program` started and may still be running; never raises DeviceError."""
        # the id may have gone to another program since: only one that works in our folder
        script = (
            f'pid=$(cat {_PID_FILE} 2>/dev/null) && [ "$(readlink /proc/$pid/cwd)" = {FOLDER} ] '
            f"&& kill -9 $pid; rm -f {_PID_FILE}"
        )
        self._quietly(self._lock.only_if_ours(script))

    def push(self, local: Path, name: str, *, executable: bool = False) -> bool:
        """Put a file into `FOLDER`; size and SHA-256 are compared on the device.

        Args:
            local: the file here.
            name: its plain name there, which needs no quoting.
            executable: whether it is a program.

        Returns:
            Whether it was sent; False: it was there.

        Raises:
            DeviceError: no space is left, or it arrived damaged.
            DeviceLost: the device went away.
        """
        size, digest = local.stat().st_size, sha256(local)
        if self._holds(name, size, digest):
            return False
        partial = f"{FOLDER}/{name}.part"
        done = self._client.run(
            ["-s", self.serial, "push", str(local.resolve()), partial],
            TIMEOUT_S + size / _PUSH_BYTES_PER_S,
        )
        if done.returncode:
            if "space left" in done.stderr + done.stdout:
                self._quietly(f"rm -f {partial}")
                raise DeviceError(
                    f"{self.serial}: no space left for {local.name} ({size} bytes); free some"
                )
            raise self._lost(done)
        mode = "755" if executable else "644"
        put = f"chmod {mode} {partial} && mv {partial} {FOLDER}/{name}"
        if not self._holds(name, size, digest, put):
            raise DeviceError(f"{self.serial}: {local.name} arrived damaged; check the cable")
        return True

    def _holds(self, name: str, size: int, digest: str, first: str = "true") -> bool:
        """Whether a file is there, after a command that puts it there."""
        look = f"cd {FOLDER} && wc -c < {name} && sha256sum {name}"
        done = self.shell(f"mkdir -p {FOLDER} && {first} && {look}")
        return done.stdout.split()[:2] == [str(size), digest]

    def clean_up(self) -> None:
        """Remove `FOLDER` from the device, with the lock; never raises DeviceError."""
        # at once, so that a lock that another campaign then takes is not removed with the rest
        away = f"{FOLDER}.{secrets.token_hex(8)}"
        self._quietly(self._lock.only_if_ours(f"mv {FOLDER} {away} && rm -rf {away}"))
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

    def _lost(self, done: ShellResult) -> DeviceError:
        """Why a call came to nothing."""
        for state in ("unauthorized", "no permissions"):
            if state in done.stderr:
                return DeviceLost(f"{self.serial}: {state}; {ADVICE[state]}")
        reason = last_line(done)
        if done.returncode == 0 or _GONE.search(reason) or done.returncode in (-9, 255):
            return DeviceLost(
                f"{self.serial}: the device went away ({reason}); {ADVICE['offline']}"
            )
        return DeviceLost(f"{self.serial}: adb failed ({reason})")
