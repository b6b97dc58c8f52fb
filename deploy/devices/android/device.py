"""A phone over adb as a device: Paddle-Lite's benchmark_bin runs there, once per sample."""

import logging
import secrets
import shlex
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ppghost.deploy.devices.android import benchmark_bin
from ppghost.deploy.devices.android import output_check as phone_check
from ppghost.deploy.devices.android import system as android
from ppghost.deploy.devices.android.adb import FOLDER, Adb
from ppghost.deploy.devices.android.adb_client import ADVICE, ShellResult, connect, list_serials
from ppghost.deploy.devices.android.benchmark_bin import Invocation, Program
from ppghost.deploy.devices.base import Burst, DeviceOptions, timestamp
from ppghost.deploy.devices.notes import Note
from ppghost.deploy.nb.compatibility import incompatibility
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.reference import Reference
from ppghost.deploy.nb.sidecar import NbModel
from ppghost.errors import DeviceError, DeviceLost, InputError

logger = logging.getLogger(__name__)

#: an invocation may last this long, and longer for every inference it is asked for
START_TIMEOUT_S = 60.0
INFERENCE_TIMEOUT_S = 5.0
RECONNECT_EVERY_S = 1.0


@dataclass(frozen=True)
class PhoneSession:
    """A model on the phone, and how benchmark_bin is told to run it."""

    model: NbModel
    invocation: Invocation

    def close(self) -> None:
        """Nothing runs between invocations."""


class Phone:
    """One phone by its serial; the kind "adb". `state` is what adb says of it."""

    kind = "adb"
    sample_kind = "invocation mean"
    # every burst starts a process
    repeats = 5
    runs_here = False

    def __init__(
        self, serial: str, state: str = "device", options: DeviceOptions | None = None
    ) -> None:
        options = options or DeviceOptions()
        self.serial, self.state = serial, state
        self.power_mode: str = options.power_mode
        self.affinity = options.affinity
        self._given = options.programs
        self._adb = Adb(serial)
        self._description: dict[str, Any] | None = None
        self._program: Program | None = None

    @classmethod
    def discover(cls, options: DeviceOptions) -> list["Phone"]:
        """Every phone that adb knows, in whatever state. Raises DeviceError."""
        return [cls(serial, state, options) for serial, state in list_serials().items()]

    @classmethod
    def find(cls, name: str, options: DeviceOptions) -> "Phone | None":
        """The phone of that serial; one like HOST:PORT is connected to. Raises DeviceError."""
        states = list_serials()
        if name not in states and ":" in name:
            connect(name)
            states = list_serials()
        return cls(name, states[name], options) if name in states else None

    def describe(self) -> dict[str, Any]:
        """Who this phone is; asked once. A state other than "device" leaves most of it None."""
        if self._description is None:
            known = android.describe(self._adb.shell) if self.state == "device" else {}
            self._description = {
                "serial": self.serial,
                "kind": self.kind,
                "state": self.state,
                **dict.fromkeys(("model", "soc", "abi", "android")),
                **known,
                "advice": ADVICE.get(self.state),
            }
        version = self._program.version if self._program else None
        return {**self._description, "lite_version": version}

    @property
    def _prepared_program(self) -> Program:
        if self._program is None:
            raise RuntimeError("prepare() comes before anything that runs on the phone")
        return self._program

    def limitation(self, threads: int) -> Note | None:
        """What a figure does not show; None if there is nothing to say."""
        if self._program and not self._program.prints_sections:
            return Note("benchmark_bin_cannot_check")
        return None

    def incompatibility(self, info: NbInfo) -> str | None:
        """Why such a file does not run here; None if it does."""
        return incompatibility(info, self._abi())

    def check(self) -> None:
        """Raises DeviceError for a phone that cannot be used, InputError for no benchmark_bin."""
        benchmark_bin.choose(self._given, self._abi())

    def _abi(self) -> str:
        if self.state != "device":
            raise DeviceError(f"{self.serial}: {self.state}; {ADVICE.get(self.state, 'reboot it')}")
        return self.describe()["abi"]

    def prepare(self) -> None:
        """Put benchmark_bin there and ask what it can do. Raises DeviceError, InputError."""
        abi = self._abi()
        path = benchmark_bin.choose(self._given, abi)
        self._adb.lock()
        # a program of an earlier, broken campaign may still run
        self._adb.kill_program()
        self._adb.push(path, benchmark_bin.NAME, executable=True)
        ask = [f"./{benchmark_bin.NAME}"]
        try:
            self._program = benchmark_bin.parse_probe(
                self._adb.run_program([*ask, "--help"], START_TIMEOUT_S),
                self._adb.run_program([*ask, "--version"], START_TIMEOUT_S),
            )
        except DeviceLost:
            raise
        except DeviceError as error:
            raise DeviceError(f"{self.serial}: {path}: {error}") from error
        try:
            benchmark_bin.remember(abi, path)
        except InputError as error:
            logger.warning("%s", error)

    def open(self, model: NbModel, threads: int) -> PhoneSession:
        """Put a model there. Raises DeviceError."""
        big = android.big_cores(self.describe()["cores"])
        if self.power_mode == "big" and big and threads > big:
            raise DeviceError(
                f"{model.name}: power mode big has {big} cores here, and {threads} threads would "
                "silently become as many; ask for fewer threads or for --power-mode none"
            )
        # named by content: the same file is never sent twice, and no name needs quoting
        name = f"{model.info.content_sha256}.nb"
        self._adb.push(model.path, name)
        target = model.info.target
        if target == "host":
            target = "x86" if self._abi().startswith("x86") else "arm"
        invocation = Invocation(
            nb=name,
            shapes=[tensor["shape"] for tensor in model.inputs],
            target=target,
            threads=threads,
            power_mode=self.power_mode,
            warmup=0,
            repeats=1,
        )
        return PhoneSession(model, invocation)

    def measure(self, session: PhoneSession, repeats: int, warmup: int) -> Burst:
        """One invocation: one sample, the mean of `repeats`. Raises DeviceError, DeviceLost."""
        asked = replace(session.invocation, repeats=repeats, warmup=warmup)
        token = secrets.token_hex(8)
        done = self._invoke(session, asked, token)
        before, program, after = _split(done, token)
        timing = self._parse(session, asked, program)
        return Burst(
            samples_ms=[timing.mean],
            warmup_ms=[timing.first] if warmup and timing.first else [],
            before=android.parse_sensors(before),
            after=android.parse_sensors(after),
            details={"min_ms": timing.min, "max_ms": timing.max, "init_ms": timing.init},
        )

    def _invoke(self, session: PhoneSession, asked: Invocation, token: str) -> ShellResult:
        """Run benchmark_bin between two looks at the sensors, with `token` lines between them."""
        program = self._prepared_program
        old = not program.prints_sections
        result = shlex.quote(benchmark_bin.RESULT_FILE)
        words = asked.arguments(program)
        if self.affinity:
            words = ["taskset", self.affinity, *words]
        try:
            return self._adb.run_program(
                words,
                START_TIMEOUT_S + INFERENCE_TIMEOUT_S * (asked.repeats + asked.warmup),
                prefix=(f"rm -f {result}\n" if old else "")
                + f"{android.READ_SENSORS}\necho; echo {token}",
                suffix=(f"cat {result} 2>/dev/null\n" if old else "")
                + f"echo; echo {token}\n{android.READ_SENSORS}",
            )
        except DeviceLost:
            raise
        except DeviceError as error:
            raise DeviceError(f"{session.model.name}: {benchmark_bin.NAME} {error}") from error

    def _parse(
        self, session: PhoneSession, asked: Invocation, done: ShellResult
    ) -> benchmark_bin.Timing:
        try:
            return benchmark_bin.parse(
                self._prepared_program, asked, done, session.model.info.opt_version
            )
        except DeviceError as error:
            raise DeviceError(f"{session.model.name}: {error}") from error

    def check_output(self, session: PhoneSession) -> dict[str, Any]:
        """Compare with Paddle's outputs for the same input; {"max_abs_diff", "ok", ...}.

        "ok" is None, with "why", where that is not possible. Raises DeviceError if they differ.
        """
        reference = session.model.reference
        if not reference:
            return phone_check.unchecked(Note("no_reference"))
        if not self._prepared_program.prints_sections:
            return phone_check.unchecked(Note("benchmark_bin_hides_outputs"))
        try:
            return phone_check.compare(session.model, reference, self._outputs(session, reference))
        except DeviceLost:
            raise
        except DeviceError as error:
            raise DeviceError(f"{session.model.name}: {error}") from error

    def _outputs(self, session: PhoneSession, reference: Reference) -> list[list[float]]:
        inputs = []
        with tempfile.TemporaryDirectory(prefix="ppghost-input-") as folder:
            for index, text in enumerate(phone_check.input_texts(session.model, reference)):
                file = Path(folder) / f"input{index}.txt"
                file.write_text(text, encoding="ascii")
                self._adb.push(file, file.name)
                inputs.append(file.name)
        asked = replace(session.invocation, inputs=inputs)
        count = len(reference["outputs"])
        to_files = "output_data_path" in self._prepared_program.flags
        if to_files:
            files = [f"output{index}.txt" for index in range(count)]
            asked = replace(asked, outputs=files)
        else:
            asked = replace(asked, show_outputs=True)
        token = secrets.token_hex(8)
        _, program, _ = _split(self._invoke(session, asked, token), token)
        self._parse(session, asked, program)
        if to_files:
            return [self._read_output(name) for name in files]
        return [phone_check.shown(program.stdout, index) for index in range(count)]

    def _read_output(self, name: str) -> list[float]:
        done = self._adb.shell(f"cd {FOLDER} && cat {name} && rm {name}")
        return phone_check.numbers(done.stdout, f"{benchmark_bin.NAME}'s {name}")

    def conditions(self) -> dict[str, Any]:
        """t, temp_c, freq_khz, freq_cap_khz, battery, charging, thermal_status, screen."""
        return {"t": timestamp(), **android.read_state(self._adb.shell)}

    def recover(self, seconds: float) -> bool:
        """Wait for a lost phone to come back; end what it still runs."""
        deadline = time.monotonic() + seconds
        while not self._adb.cancelled:
            try:
                if self._adb.reconnect() == "device":
                    self._adb.kill_program()
                    return True
            except DeviceError as error:
                logger.debug("%s: %s", self.serial, error)
            if time.monotonic() > deadline:
                break
            time.sleep(RECONNECT_EVERY_S)
        return False

    def cancel(self) -> None:
        """Make whatever another thread waits for here raise DeviceLost."""
        self._adb.cancel()

    def close(self) -> None:
        """Leave nothing of ours on the phone; never raises DeviceError."""
        if self._adb.locked:
            self._adb.kill_program()
            self._adb.clean_up()


def _split(done: ShellResult, token: str) -> tuple[str, ShellResult, str]:
    """What `Phone._invoke` read before, the program's own answer, what it read after."""
    before, output, after = done.stdout.split(f"\n{token}\n")
    return before, done._replace(stdout=output), after
