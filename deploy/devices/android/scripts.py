"""Lines for a device's shell: ended in time, with an end that is seen, and an exit code.

Neither the device nor adb is relied on for it: `timeout` is missing before Android 6 and means by
its exit code something else in each toybox before September 2019, and adb 29 reports success when
a device dies in the middle.
"""

import math
import shlex
from collections.abc import Sequence

from ppghost.deploy.devices.android.adb_client import ShellResult

#: what a shell says of a process that was ended by signal 9
KILLED = 137


def _watchdog(process: str, seconds: float) -> str:
    """A shell line that ends a process after a while, itself a process in the background ("$!").

    Args:
        process: whose id it is, in the shell's words.
        seconds: until then.
    """
    return (
        f"(trap 'kill $!; exit' TERM; sleep {max(1, math.ceil(seconds))} & wait $!; "
        f"kill -9 {process}) </dev/null >/dev/null 2>&1 &"
    )


def bounded(command: str, seconds: float) -> str:
    """A shell line that runs a command and ends it after a while; its exit code is then KILLED.

    Args:
        command: whose output is left as it is.
        seconds: until then.
    """
    return (
        f"{command} & ppghost_run=$!; {_watchdog('$ppghost_run', seconds)} ppghost_watch=$!; "
        "wait $ppghost_run; ppghost_run=$?; kill $ppghost_watch 2>/dev/null; (exit $ppghost_run)"
    )


def run_in(
    folder: str, words: Sequence[str], seconds: float, *, prefix: str = "", suffix: str = ""
) -> str:
    """A script that runs a program in a folder, where its process id is recorded, and ends it.

    Args:
        folder: which needs no quoting.
        words: the program's command line.
        seconds: that it may live.
        prefix: shell lines to run just before it.
        suffix: shell lines to run just after it.

    Returns:
        The script; it ends as the program does.
    """
    program = " ".join(map(shlex.quote, words))
    inner = shlex.quote(f"{_watchdog('$$', seconds)}\necho $$ $! > pid; exec {program}")
    return (
        f"cd {folder} || exit 1\n{prefix}\nsh -c {inner}\nppghost_program=$?\n"
        f"read -r _ ppghost_watch < pid && kill $ppghost_watch 2>/dev/null\nrm -f pid\n"
        f"{suffix}\n(exit $ppghost_program)"
    )


def kill_in(folder: str) -> str:
    """A script that ends what `run_in` started there and may still be running.

    Args:
        folder: which needs no quoting.
    """
    # the id may have gone to another program since: only one that works in our folder
    return (
        f"read -r pid watch 2>/dev/null < {folder}/pid "
        f'&& [ "$(readlink /proc/$pid/cwd)" = {folder} ] '
        f"&& kill -9 $pid; kill $watch 2>/dev/null; rm -f {folder}/pid"
    )


def marked(script: str, token: str) -> str:
    """The script between a begin and an end that tells its exit code.

    Args:
        script: lines of a shell.
        token: that none of them prints.
    """
    # a profile of the shell may print first; a new line, as a command may end without one
    return (
        f"echo; echo {token} begin; ({script}\n); ppghost_code=$?; "
        f'echo; echo "{token} $ppghost_code"'
    )


def unmarked(done: ShellResult, token: str) -> ShellResult | None:
    """What a `marked` script ended with; None if its end did not come back.

    Args:
        done: what the client ended with.
        token: of the script.
    """
    _, _, printed = done.stdout.partition(f"{token} begin\n")
    output, marker, code = printed.rpartition(f"\n{token} ")
    if not marker or not code.strip().isdecimal():
        return None
    return ShellResult(int(code), output, done.stderr)
