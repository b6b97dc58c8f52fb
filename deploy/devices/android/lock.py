"""One campaign at a time on a phone: two would disturb each other, and neither would know.

A phone is locked by a file on the phone itself, since it may be measured from several computers:
created only where there is none (the shell's noclobber), it says who holds the phone and until
when by the phone's clock. What runs there renews it, once a minute. It is void once that time is
past, if the phone's clock went back behind its last renewal, or if its process ran on this computer
and is gone.
"""

import contextlib
import os
import platform
import re
import secrets
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ppghost.errors import DeviceError, DeviceLost

#: seconds for which a phone is held beyond the time that a command may take: the longest that a
#: campaign is silent otherwise, while it sends a file over a slow link
LEASE_S = 600
#: a lock is renewed once this is off its time: a process less on the phone for most samples
RENEW_AFTER_S = 60
#: what a guarded script prints on a phone that another campaign holds, and nothing else
_TAKEN = "ppghost: locked by another\n"
#: before what the phone said to the attempt of creating a lock
_SAID = "ppghost said: "
#: the locks on phones that this process holds
_HELD: set[str] = set()


class PhoneLock:
    """One phone, for one campaign."""

    def __init__(self, serial: str) -> None:
        self.serial, self.file = serial, ""
        self.held = False
        #: until when scripts are covered, but for the lease, and will be once the last one ran; by
        #: the monotonic clock
        self._covered = self._renewing = 0.0
        host = re.sub(r"[^\w.-]", "_", platform.node()) or "unknown"
        self._token = secrets.token_hex(8)
        self._owner = f"{self._token} {os.getpid()} {host} {_origin()}"

    def take(self, shell: Callable[[str], Any], folder: str) -> None:
        """Hold the phone from now on.

        Args:
            shell: runs a script on the phone.
            folder: where the lock lies there.

        Raises:
            DeviceError: another campaign holds it, or nothing can be written there.
            DeviceLost: it went away.
        """
        self.file = f"{folder}/lock"
        said = ""
        for _ in range(3):
            create = self._renew(LEASE_S, create=True)
            answer = shell(
                f"said=$( ({create}) 2>&1 ); date +%s; cat {self.file} 2>/dev/null; "
                f'echo; echo "{_SAID}$said"'
            ).stdout
            now, _, rest = answer.partition("\n")
            held, _, said = rest.partition(_SAID)
            held = held.rstrip("\n")
            if held.startswith(self._owner):
                self.held = True
                self._covered = self._renewing = time.monotonic()
                _HELD.add(self._token)
                return
            if seconds := _seconds_left(held, now):
                _, pid, host, *_ = held.split()
                raise DeviceError(
                    "{serial}: process {pid} on {host} is measuring on it; wait for its "
                    "end or stop it (without a sign of life the phone is free in {seconds} "
                    "s)",
                    serial=self.serial,
                    pid=pid,
                    host=host,
                    seconds=seconds,
                )
            # only what was found void: another may have been as quick
            shell(f'[ "$(cat {self.file})" = {shlex.quote(held)} ] && rm -f {self.file}')
        why = " ".join(said.split()) or held
        raise DeviceError(
            "{serial}: cannot be locked in {folder}: {why}",
            serial=self.serial,
            folder=folder,
            why=why[:200],
        )

    def guard(self, seconds: float) -> str:
        """What a script begins with: it ends at once where the phone is no longer held by us.

        Args:
            seconds: that the script may take; the phone is held for them and, but for a
                minute, the lease.

        Returns:
            Nothing where the phone was never taken.
        """
        if not self.held:
            return ""
        script = f"{self._check()} || {{ echo {shlex.quote(_TAKEN.strip())}; exit 1; }}\n"
        if time.monotonic() + seconds > self._covered + RENEW_AFTER_S:
            self._renewing = time.monotonic() + seconds
            script += f"{self._renew(seconds + LEASE_S)}\n"
        return script

    def check(self, output: str) -> None:
        """Whether a guarded script ran.

        Args:
            output: what it printed.

        Raises:
            DeviceLost: another campaign holds the phone; nothing is wrong with the model that was
                to be run.
        """
        if self.held and output == _TAKEN:
            raise DeviceLost(
                "{serial}: another campaign took the phone over; wait for its end",
                serial=self.serial,
            )
        self._covered = self._renewing

    def forget(self) -> None:
        """Hold the phone no longer, whatever became of the file there."""
        self.held = False
        _HELD.discard(self._token)

    def only_if_ours(self, script: str) -> str:
        """What a script becomes that does nothing where the phone is no longer held by us.

        Args:
            script: shell lines.
        """
        return f"{self._check()} && {{ {script}\n}}" if self.held else script

    def _check(self) -> str:
        return f'read -r ppghost_lock _ < {self.file} && [ "$ppghost_lock" = {self._token} ]'

    def _renew(self, seconds: float, create: bool = False) -> str:
        return (
            f"ppghost_now=$(date +%s){'; set -C' if create else ''}; "
            f'echo "{self._owner} $ppghost_now $((ppghost_now + {seconds:.0f}))" > {self.file}'
        )


def _seconds_left(held: str, now: str) -> int:
    """For how long a lock is in force by the phone's clock; 0: it is void."""
    words = held.split()
    if len(words) != 6 or not all(word.isdecimal() for word in (now, words[1], *words[4:])):
        return 0
    token, pid, _, origin, since, until = words
    if origin == _origin() and not _lives(int(pid), token):
        return 0
    return max(0, int(until) - int(now)) if int(since) <= int(now) else 0


def _lives(pid: int, token: str) -> bool:
    """Whether the process is there and, if it is this one, has not given up the phone."""
    if pid == os.getpid():
        return token in _HELD
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _origin() -> str:
    """What is equal for processes that can see each other: this boot, this set of process ids."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):
        parts = [Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()]
        parts.append(os.readlink("/proc/self/ns/pid"))
    return re.sub(r"[^\w.-]", "_", "-".join(parts))
