"""Where on a phone we work: everything that is put there is in one folder, and goes with it."""

import shlex
from collections.abc import Callable, Sequence

from ppghost.deploy.devices.android.adb_client import ShellResult
from ppghost.errors import DeviceError

#: folders in which a shell user may write and execute, in the order in which they are tried
PLACES = ("/data/local/tmp", "/data/local/tests/unrestricted", "/data/local")
_NAME = "ppghost"
#: everything that we put on a device; removed when a campaign ends
FOLDER = f"{PLACES[0]}/{_NAME}"
#: in that folder: the model that is measured
TASK_FILE = "task"


def folder_in(place: str) -> str:
    """Our folder in one of the places.

    Args:
        place: a folder of the phone.
    """
    return f"{place}/{_NAME}"


def usable_folder(shell: Callable[[str], ShellResult], places: Sequence[str], serial: str) -> str:
    """Our folder in the first place where a file can be written and executed, tried out.

    Args:
        shell: runs a script on the phone.
        places: folders there.
        serial: the phone's.

    Raises:
        DeviceError: there is none; with what the phone said to each.
        DeviceLost: it went away.
    """
    words = " ".join(map(shlex.quote, places))
    done = shell(
        f"for place in {words}; do\n"
        f'try="$place/{_NAME}/try.$$"\n'
        f'said=$( (mkdir -p "$place/{_NAME}" && echo "exit 7" > "$try" && chmod 755 "$try" '
        f'&& "$try") 2>&1; code=$?; rm -f "$try"; exit $code)\n'
        f'[ $? = 7 ] && echo "usable $place" && break\necho "$place: $said"\ndone'
    )
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if lines and lines[-1].startswith("usable "):
        return folder_in(lines[-1].removeprefix("usable "))
    raise DeviceError(
        "{serial}: no folder there can be written and executed in ({lines}); name one with "
        "--device-folder",
        serial=serial,
        lines="; ".join(lines)[:300],
    )
