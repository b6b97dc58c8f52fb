"""A phone over adb as a device: Paddle-Lite's benchmark_bin runs there, once per sample."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ppghost.deploy.devices.android import benchmark_bin, known_programs, output_check, system
from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.android.adb_client import advice, connect, settled_serials
from ppghost.deploy.devices.android.benchmark_bin import Invocation, Program
from ppghost.deploy.devices.android.lite_cores import Cores, thread_limit
from ppghost.deploy.devices.android.session import START_TIMEOUT_S, PhoneSession, push_inputs
from ppghost.deploy.devices.base import Burst, DeviceOptions, timestamp
from ppghost.deploy.devices.notes import Note
from ppghost.deploy.devices.thermal import Zones
from ppghost.deploy.nb.compatibility import incompatibility, target_of
from ppghost.deploy.nb.header import NbInfo
from ppghost.deploy.nb.model import NbModel
from ppghost.errors import DeviceError, DeviceLost, InputError
from ppghost.i18n import tr

logger = logging.getLogger(__name__)

RECONNECT_EVERY_S = 1.0


class Phone:
    """A phone over adb; the kind "adb". `state` is what adb says of it."""

    kind = "adb"
    sample_kind = "invocation mean"
    # every burst starts a process
    repeats = 5
    runs_here = False

    def __init__(
        self,
        serial: str,
        state: str = "device",
        options: DeviceOptions | None = None,
        translation: system.Translation | None = None,
    ) -> None:
        self._options = options = options or DeviceOptions()
        self._translation = translation
        self.serial, self.state = serial, state
        self.power_mode: str = options.power_mode
        self.affinity = options.affinity
        self._given = options.programs
        self._adb = Adb(serial, options.device_folder)
        self._zones = Zones()
        #: services that did not answer in time, and are not asked again
        self._stuck: set[str] = set()
        self._description: dict[str, Any] | None = None
        self._program: Program | None = None
        #: of the processor, as Linux names them; none where it does not tell
        self._features: Sequence[str] = ()
        self._translates: system.Translation | None = None

    @classmethod
    def discover(cls, options: DeviceOptions) -> list["Phone"]:
        """Every phone that adb knows, in whatever state.

        Raises:
            DeviceError: adb does not answer.
        """
        return [cls(serial, state, options) for serial, state in settled_serials().items()]

    @classmethod
    def find(cls, name: str, options: DeviceOptions) -> "Phone | None":
        """The phone of that serial; one like HOST:PORT is connected to.

        Raises:
            DeviceError: adb does not answer.
        """
        states = settled_serials()
        if name not in states and ":" in name:
            connect(name)
            states = settled_serials()
        return cls(name, states[name], options) if name in states else None

    def describe(self) -> dict[str, Any]:
        """Who this phone is; asked once. A state other than "device" leaves most of it None.

        Raises:
            DeviceError: it does not answer.
        """
        if self._description is None:
            ready = self.state == "device"
            known = system.describe(self._adb.shell, self._zones) if ready else {}
            self._features = known.pop("features", ())
            self._translates = known.pop("translates", None)
            if self._translation:
                known |= {"abi": self._translation.abi, "translated_by": self._translation.bridge}
            self._description = {
                "serial": self.serial,
                "kind": self.kind,
                "state": self.state,
                **dict.fromkeys(("model", "soc", "abi", "android")),
                **known,
                "advice": None if ready else advice(self.state, self.serial),
            }
        version = self._program.version if self._program else None
        digest = self._adb.digest_tool
        return {**self._description, "lite_version": version, "digest_tool": digest}

    @property
    def _prepared_program(self) -> Program:
        if self._program is None:
            raise RuntimeError("prepare() comes before anything that runs on the phone")
        return self._program

    def limitation(self, threads: int) -> Note | None:
        """What a figure does not show; None if there is nothing to say."""
        if self._translation:
            return Note("translated", self._translation._asdict())
        if self._program and not self._program.prints_sections:
            return Note("benchmark_bin_cannot_check")
        return None

    @property
    def target(self) -> str:
        """ "arm"; "x86" for an emulator of such an ABI.

        Raises:
            DeviceError: it cannot be asked.
        """
        return target_of(self._abi())

    def incompatibility(self, info: NbInfo) -> str | None:
        """Why such a file does not run here; None if it does."""
        if why := incompatibility(info, self._abi()):
            # of a phone, which is not the host that the advice is about
            return why.replace(tr(" to run it on this host"), "")
        if info.precision == "fp16" and self._features and "asimdhp" not in self._features:
            return tr("has fp16 kernels, and no core here computes in fp16 (asimdhp, ARMv8.2)")
        return None

    def translator(self) -> "Phone | None":
        """An emulator as a device of the ABI that its native bridge translates; None without."""
        self._abi()
        if self._translation or not self._translates:
            return None
        return Phone(self.serial, self.state, self._options, self._translates)

    def check(self) -> None:
        """Whether it can be used at all.

        Raises:
            DeviceError: it cannot.
            InputError: no benchmark_bin is known for it.
        """
        known_programs.choose(self._given, self._abi())

    def _abi(self) -> str:
        if self.state != "device":
            raise DeviceError(
                "{serial}: {state}; {advice}",
                serial=self.serial,
                state=self.state,
                advice=advice(self.state, self.serial),
            )
        return self.describe()["abi"]

    def prepare(self) -> None:
        """Keep other campaigns off the phone, put benchmark_bin there and ask what it can do.

        Raises:
            DeviceError: another campaign is on it, or the program does not run.
            InputError: no benchmark_bin is known for it.
        """
        abi = self._abi()
        path = known_programs.choose(self._given, abi)
        if self.affinity and "taskset" not in self._adb.tools():
            raise DeviceError("{serial}: has no taskset, which affinity needs", serial=self.serial)
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
            raise DeviceError(
                "{serial}: {path}: {error}", serial=self.serial, path=path, error=error
            ) from error
        try:
            known_programs.remember(abi, path)
        except InputError as error:
            logger.warning("%s", error)

    def open(self, model: NbModel, threads: int) -> PhoneSession:
        """Put a model there.

        Raises:
            DeviceError: there is no space, or too few cores for the threads.
            DeviceLost: the phone went away.
        """
        described = self.describe()
        cores = described["lite_cores"] and Cores(**described["lite_cores"])
        limit, why = thread_limit(cores, described["possible_cores"], self.power_mode)
        if limit < threads and (limit or cores):
            raise DeviceError(
                "{name}: {why}, and {threads} threads would silently become others; ask "
                "for fewer threads{otherwise}",
                name=model.name,
                why=why,
                threads=threads,
                otherwise="" if self.power_mode == "none" else tr(" or for --power-mode none"),
            )
        # named by content: the same file is never sent twice, and no name needs quoting
        name = f"{model.info.content_sha256}.nb"
        self._adb.push(model.path, name)
        target = self.target if model.info.target == "host" else model.info.target
        invocation = Invocation(
            nb=name,
            shapes=[tensor["shape"] for tensor in model.inputs],
            target=target,
            threads=threads,
            power_mode=self.power_mode,
            warmup=0,
            repeats=1,
            folder=self._adb.folder,
        )
        program = self._prepared_program
        if model.feed is not None:
            if "input_data_path" not in program.flags:
                raise DeviceError(
                    "{name}: this benchmark_bin takes no input from a file; take one of "
                    "Paddle-Lite 2.10 or later, or no --image",
                    name=model.name,
                )
            texts = output_check.array_texts(model.feed.arrays)
            invocation = replace(invocation, inputs=push_inputs(self._adb, texts))
        return PhoneSession(model, invocation, program, self._adb, self.affinity, self._zones)

    def check_output(self, session: PhoneSession) -> dict[str, Any]:
        """See `PhoneSession.check_output`."""
        return session.check_output()

    def measure(self, session: PhoneSession, repeats: int, warmup: int) -> Burst:
        """See `PhoneSession.measure`."""
        return session.measure(repeats, warmup)

    def conditions(self) -> dict[str, Any]:
        """t, the `Sensors`, battery, charging, thermal_status, screen."""
        state = system.read_state(self._adb.shell, self._zones, self._stuck)
        for name in state.get("no_answer", ()):
            logger.warning(
                "%s: dumpsys %s does not answer; it is not asked again", self.serial, name
            )
            self._stuck.add(name)
        return {"t": timestamp(), **state}

    def recover(self, seconds: float) -> bool:
        """Wait for a lost phone to come back; end what it still runs.

        Args:
            seconds: at most.

        Returns:
            Whether it is back.
        """
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
        """Leave nothing on the phone; never raises DeviceError."""
        if self._adb.locked:
            self._adb.kill_program()
            self._adb.clean_up()
