"""AOSP's own adb daemon as a phone, where it is installed: what the emulated one is held to.

It is looked for as $PPGHOST_ADBD, else as `adbd` on PATH or in /usr/sbin. Debian bookworm has it in
its backports (34.0.5 was tried):

    echo "deb http://deb.debian.org/debian bookworm-backports main" \\
        > /etc/apt/sources.list.d/backports.list
    apt-get update && apt-get install -t bookworm-backports --no-install-recommends adbd
    systemctl disable adbd    # the package enables it, and it lets anybody in

It asks nobody for authorization, so it gets namespaces of its own (user, network, mounts, process
ids; no privileges are needed where the kernel allows it): its port is seen by nobody but an adb
server in there, which clients reach through a socket in a folder of ours. /data is a folder of
ours, the rest of its file system is this computer's.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from support.phone import run_adb

ALONE = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork",
         "--kill-child")  # fmt: skip
#: arguments: adbd, adb, folder of the phone's files, the adb server's socket. Lines of input:
#: "die" ends the daemon, "live" starts it; the end of input ends everything
_WORLD = """
adbd=$1 adb=$2 root=$3 socket=$4
ip link set lo up
for folder in usr bin sbin lib lib64 etc dev; do
    [ -e "/$folder" ] || continue
    mkdir -p "$root/$folder" && mount --rbind "/$folder" "$root/$folder"
done
mount -t proc proc "$root/proc"
"$adb" -L "localfilesystem:$socket" nodaemon server >/dev/null 2>&1 </dev/null &
while read -r line; do
    case $line in
        live) chroot "$root" "$adbd" >/dev/null 2>&1 </dev/null & daemon=$! ;;
        die) kill -9 $daemon; wait $daemon 2>/dev/null ;;
    esac
done
"""


def find_adbd() -> str | None:
    """The daemon, if there is one and it can be kept to itself."""
    named = os.environ.get("PPGHOST_ADBD")
    found = named or shutil.which("adbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found or not shutil.which("unshare"):
        return None
    alone = subprocess.run([*ALONE, "true"], capture_output=True, check=False)
    return found if alone.returncode == 0 else None


class AospPhone:
    """A phone whose daemon is the real one; `environment` leads adb clients to its server."""

    serial = "127.0.0.1:5555"

    def __init__(self, adbd: str, adb: str) -> None:
        self._adb = adb
        self._folder = Path(tempfile.mkdtemp(prefix="aosp-"))
        self.root = self._folder / "root"
        for name in ("data/local/tmp", "proc"):
            (self.root / name).mkdir(parents=True)
        socket = self._folder / "adb"
        self.environment = {
            "ADB_SERVER_SOCKET": f"localfilesystem:{socket}",
            "HOME": str(self._folder),
        }
        self._process = subprocess.Popen(
            [*ALONE, "sh", "-c", _WORLD, "sh", adbd, adb, self.root, socket],
            stdin=subprocess.PIPE,
            env={**os.environ, **self.environment, "ADB_USB": "0", "ADB_MDNS": "0"},
        )
        self._wait_for(socket.exists)
        self.restart()

    def kill(self) -> None:
        """The daemon is gone from one moment to the next."""
        self._tell("die")

    def restart(self) -> None:
        """On again, and connected."""
        self._tell("live")
        self._run("disconnect", self.serial)
        self._wait_for(lambda: "connected to" in self._run("connect", self.serial))
        self._wait_for(lambda: f"{self.serial}\tdevice" in self._run("devices"))

    def heal(self) -> None:
        """Empty; a test that killed it restarted it."""
        shutil.rmtree(self.root / "data/local/tmp")
        (self.root / "data/local/tmp").mkdir()

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _tell(self, line: str) -> None:
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def _run(self, *words: str) -> str:
        return run_adb(self._adb, self.environment, *words)

    def _wait_for(self, condition) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "AOSP's adbd did not start"
            time.sleep(0.05)
