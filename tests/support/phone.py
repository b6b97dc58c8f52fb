"""Emulated phones for tests: started, connected to the real adb, spoiled on purpose.

Everything such a phone reports is labelled "emulated"; what it times runs on this host.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.processes import children

HERE = Path(__file__).resolve().parent
BENCHMARK_BIN = HERE / "emulated" / "benchmark_bin"
#: the cores of a Snapdragon 855: four little, three big, one prime
CORES_KHZ = (1785600,) * 4 + (2419200,) * 3 + (2841600,)
PROPERTIES = {
    "ro.product.manufacturer": "emulated",
    "ro.product.model": "emulated phone",
    "ro.soc.model": "emulated SoC",
    "ro.board.platform": "emulated",
    "ro.hardware": "emulated",
    "ro.product.cpu.abi": "x86_64",
    "ro.build.version.release": "14",
    "ro.build.version.sdk": "34",
}
#: of the host's programs, those that an Android of a version has too and that a campaign may want
#: (AOSP's shell_and_utilities page); md5 is toolbox's, which answers as md5sum does
PROGRAMS = {
    5: ("cat", "chmod", "date", "grep", "kill", "ln", "mkdir", "mv", "readlink", "rm", "sh",
        "sleep", "md5"),
    6: ("cut", "head", "md5sum", "sed", "sha1sum", "taskset", "timeout", "tr", "uname", "wc"),
    8: ("sha256sum",),
}  # fmt: skip


def run_adb(adb: Path | str, environment: dict[str, str], *words: str) -> str:
    """What the adb client says, to either output."""
    done = subprocess.run(
        [adb, *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout + done.stderr


class AdbServer:
    """An adb server of our own on a free port, and the environment that leads clients to it."""

    def __init__(self, adb: Path) -> None:
        self.adb = adb
        self.home = tempfile.mkdtemp(prefix="adb-home-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.environment = {"ANDROID_ADB_SERVER_PORT": str(port), "HOME": self.home}
        # no USB, no multicast: only the phones that tests connect
        # it ends when our end of its input closes, so also when the tests are killed
        self._process = subprocess.Popen(
            [
                "/bin/sh",
                "-c",
                '"$@" </dev/null & read _; kill -9 $!; wait',
                "sh",
                adb,
                "-P",
                str(port),
                "nodaemon",
                "server",
            ],
            stdin=subprocess.PIPE,
            env={**os.environ, **self.environment, "ADB_USB": "0", "ADB_MDNS": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _wait_for(lambda: _listens(port), "the adb server")

    def run(self, *words: str) -> str:
        return run_adb(self.adb, self.environment, *words)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)
        shutil.rmtree(self.home, ignore_errors=True)


class EmulatedPhone:
    """One emulated phone, connected to `server`; `serial` is its address."""

    def __init__(self, server: AdbServer) -> None:
        self.server = server
        self.root = Path(tempfile.mkdtemp(prefix="phone-"))
        self.properties = dict(PROPERTIES)
        #: whether it is another phone than it was at first
        self._changed = True
        self.reset()
        self._port = 0
        self._start()

    def _start(self) -> None:
        port_file = self.root / "port"
        port_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, HERE / "adbd.py", self.root, str(self._port)], stdin=subprocess.PIPE
        )
        _wait_for(port_file.exists, "the emulated phone")
        self._port = int(port_file.read_text())
        self.serial = f"127.0.0.1:{self._port}"
        self.connect()

    def restart(self) -> None:
        """Off and on again, healthy: what was stored is still there."""
        self._end()
        self.faults()
        self._start()
        self.reconnect()

    def kill(self) -> None:
        """The daemon is gone from one moment to the next; `restart` brings it back."""
        self._process.kill()

    def _end(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def workers(self) -> list[int]:
        """The processes in which its models run."""
        return [
            pid
            for pid in children(self._process.pid)
            if b"lite_runner" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    def connect(self) -> None:
        self.server.run("connect", self.serial)

    def become(self, android: int = 14, **kind: object) -> None:
        """Another phone, for whoever connects anew.

        Args:
            android: whose programs it has, and whose protocol it speaks.
            kind: what else stands in kind.json (see adbd.py).
        """
        self._changed = True
        programs = self.root / "system" / "bin"
        shutil.rmtree(programs, ignore_errors=True)
        shutil.copytree(HERE / "emulated" / "system", programs)
        has = {name for since, names in PROGRAMS.items() if since <= android for name in names}
        if "md5sum" in has:
            has.remove("md5")
        for name in has - {"taskset"}:
            (programs / name).symlink_to(shutil.which("md5sum" if name == "md5" else name))
        if "taskset" not in has:
            (programs / "taskset").unlink()
        self.write("kind.json", json.dumps({"state": "device", "old": android < 7, **kind}))
        self.set_properties(**{"ro.build.version.release": str(android)})

    def set_program(self, name: str, script: str) -> None:
        """What is run on this phone in the place of one of its programs."""
        self._changed = True
        file = self.root / "system" / "bin" / name
        file.unlink(missing_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def reset(self) -> None:
        """A healthy phone with nothing of ours on it."""
        shutil.rmtree(self.root / "data", ignore_errors=True)
        (self.root / "data" / "local" / "tmp").mkdir(parents=True)
        self.faults()
        self.authorize(True)
        self.properties = dict(PROPERTIES)
        if self._changed:
            self.become()
            self._changed = False
        self.set_properties()
        shutil.rmtree(self.root / "sys", ignore_errors=True)
        shutil.rmtree(self.root / "dumpsys", ignore_errors=True)
        self.write("sys/devices/system/cpu/possible", f"0-{len(CORES_KHZ) - 1}")
        self.write("proc/cpuinfo", "Processor\t: emulated\n")
        for number, maximum in enumerate(CORES_KHZ):
            folder = f"sys/devices/system/cpu/cpu{number}/cpufreq"
            for name in ("cpuinfo_max_freq", "scaling_max_freq", "scaling_cur_freq"):
                self.write(f"{folder}/{name}", maximum)
        self.set_temperature(30.5)
        self.set_battery(level=80, charging=True)
        self.write("dumpsys/power", "POWER MANAGER\n  mWakefulness=Awake\n")

    def write(self, path: str, value: object) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        new = file.with_name(file.name + ".new")
        new.write_text(f"{value}\n")
        new.replace(file)

    def set_properties(self, **properties: str) -> None:
        self.properties = {**self.properties, **properties}
        self.write("props", "\n".join(f"{name}={x}" for name, x in self.properties.items()))

    def set_temperature(self, celsius: float, status: int = 0) -> None:
        """The processor's temperature, and Android's thermal status (0 none .. 6 shutdown)."""
        zones = (("battery", celsius - 5), ("cpu-1-0-usr", celsius), ("modem", -40.0))
        for number, (kind, value) in enumerate(zones):
            self.write(f"sys/class/thermal/thermal_zone{number}/type", kind)
            self.write(f"sys/class/thermal/thermal_zone{number}/temp", int(value * 1000))
        self.write(
            "dumpsys/thermalservice",
            f"IsStatusOverride: false\nThermal Status: {status}\nCached temperatures:\n"
            f"\tTemperature{{mValue={celsius}, mType=0, mName=CPU, mStatus={status}}}",
        )

    def set_cap(self, core: int, khz: int) -> None:
        """What a throttling kernel does: a core's highest allowed frequency goes down."""
        self.write(f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_max_freq", khz)

    def set_battery(self, level: int, charging: bool) -> None:
        self.write(
            "dumpsys/battery",
            "Current Battery Service state:\n"
            f"  AC powered: false\n  USB powered: {str(charging).lower()}\n"
            f"  Wireless powered: false\n  status: {2 if charging else 3}\n  present: true\n"
            f"  level: {level}\n  scale: 100\n  temperature: 282",
        )

    def faults(self, **faults: object) -> None:
        """What goes wrong from now on, see tests/emulated_lite.py: Faults."""
        self.write("faults.json", json.dumps(faults))

    def authorize(self, yes: bool) -> None:
        marker = self.root / "unauthorized"
        marker.unlink(missing_ok=True) if yes else marker.touch()

    def heal(self) -> None:
        """Healthy, empty and connected, whatever a test did to it."""
        was = (self.root / "kind.json").read_text()
        self.reset()
        if was != (self.root / "kind.json").read_text():
            self.reconnect()
        if f"{self.serial}\tdevice" not in self.server.run("devices"):
            self.reconnect()

    def reconnect(self) -> None:
        self.server.run("disconnect", self.serial)
        self.connect()

    def files(self) -> list[str]:
        """What lies under /data/local/tmp."""
        folder = self.root / "data" / "local" / "tmp"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))

    def programs(self) -> list[int]:
        """Process ids of benchmark_bin on this phone."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = [*(process / "cmdline").read_bytes().split(b"\0"), b""]
                here = (process / "cwd").readlink().is_relative_to(self.root)
            except OSError:
                continue
            if here and words[1].endswith(b"benchmark_bin"):
                found.append(int(process.name))
        return found

    def close(self) -> None:
        self.server.run("disconnect", self.serial)
        self._end()
        shutil.rmtree(self.root, ignore_errors=True)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not start"
        time.sleep(0.02)
