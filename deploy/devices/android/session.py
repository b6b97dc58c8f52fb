"""A model on a phone, run by benchmark_bin: one process for every sample and every check."""

import secrets
import shlex
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ppghost.deploy.devices.android import benchmark_bin, output_check, system
from ppghost.deploy.devices.android.adb import Adb
from ppghost.deploy.devices.android.adb_client import ShellResult
from ppghost.deploy.devices.android.benchmark_bin import Invocation, Program
from ppghost.deploy.devices.android.folder import TASK_FILE
from ppghost.deploy.devices.android.timing import Timing, parse_timing
from ppghost.deploy.devices.base import Burst
from ppghost.deploy.devices.notes import Note
from ppghost.deploy.devices.thermal import Zones
from ppghost.deploy.nb.difference import Difference, passed
from ppghost.deploy.nb.model import NbModel
from ppghost.deploy.nb.reference import Reference
from ppghost.errors import DeviceError, DeviceLost
from ppghost.i18n import tr
from ppghost.utils.files import sha256

#: an invocation may last this long, and longer for every inference it is asked for
START_TIMEOUT_S = 60.0
INFERENCE_TIMEOUT_S = 5.0


class Answer(NamedTuple):
    """What an invocation ended with.

    Attributes:
        before, after: the sensors around it, as the phone wrote them.
        outputs: what the files hold that it was to write.
    """

    before: str
    program: ShellResult
    after: str
    outputs: list[str]
    timing: Timing


@dataclass(frozen=True)
class PhoneSession:
    """A model on the phone, and how benchmark_bin is to run it.

    Attributes:
        model: what is run.
        invocation: of one inference, without inputs and outputs.
        program: the benchmark_bin on the phone.
        adb: the phone.
        affinity: a mask for `taskset`.
        zones: of the phone.
    """

    model: NbModel
    invocation: Invocation
    program: Program
    adb: Adb
    affinity: str | None
    zones: Zones

    def measure(self, repeats: int, warmup: int) -> Burst:
        """One invocation: one sample.

        Args:
            repeats: inferences that the sample is the mean of.
            warmup: inferences before them.

        Raises:
            DeviceError: the program gave no usable time.
            DeviceLost: the phone went away.
        """
        answer = self._run(replace(self.invocation, repeats=repeats, warmup=warmup))
        timing = answer.timing
        return Burst(
            samples_ms=[timing.mean],
            warmup_ms=[timing.first] if warmup and timing.first else [],
            before=system.parse_sensors(answer.before, self.zones),
            after=system.parse_sensors(answer.after, self.zones),
            details={"min_ms": timing.min, "max_ms": timing.max, "init_ms": timing.init},
        )

    def check_output(self) -> dict[str, Any]:
        """Compare with the right outputs for the same inputs.

        Returns:
            {"max_abs_diff", "ok", ...}; "ok" is None, with "why", where that is not possible.

        Raises:
            DeviceError: they differ, or the program failed.
            DeviceLost: the phone went away.
        """
        references = self.model.references
        if not references:
            return output_check.unchecked(Note("no_reference"))
        if not self.program.prints_sections:
            return output_check.unchecked(Note("benchmark_bin_hides_outputs"))
        differences = {each["kind"]: self._compare(each) for each in references}
        return dict(passed(differences, where="device"))

    def close(self) -> None:
        """Nothing runs between invocations."""

    def _compare(self, reference: Reference) -> Difference:
        texts = self._output_texts(reference)
        try:
            outputs = [output_check.numbers(text, what) for what, text in texts.items()]
            return output_check.compare(self.model, reference, outputs)
        except DeviceError as error:
            raise type(error)("{name}: {error}", name=self.model.name, error=error) from error

    def _run(self, asked: Invocation) -> Answer:
        """Run benchmark_bin between two looks at the sensors."""
        # a line between the program's answer and each of them
        token = secrets.token_hex(8)
        try:
            done = self._invoke(asked, token)
        except DeviceLost:
            raise
        except DeviceError as error:
            raise DeviceError(
                "{name}: {benchmark_bin_name} {error}",
                name=self.model.name,
                benchmark_bin_name=benchmark_bin.NAME,
                error=error,
            ) from error
        before, output, after, *outputs = done.stdout.split(f"\n{token}\n")
        program = done._replace(stdout=output)
        try:
            info = self.model.info
            timing = parse_timing(self.program, asked, program, info.opt_version, info.precision)
        except DeviceError as error:
            raise DeviceError("{name}: {error}", name=self.model.name, error=error) from error
        return Answer(before, program, after, outputs, timing)

    def _invoke(self, asked: Invocation, token: str) -> ShellResult:
        words = asked.arguments(self.program)
        if self.affinity:
            words = ["taskset", self.affinity, *words]
        result = shlex.quote(benchmark_bin.RESULT_FILE)
        read = "".join(f"\necho; echo {token}\ncat {f} && rm {f}" for f in asked.outputs)
        old = not self.program.prints_sections
        return self.adb.run_program(
            words,
            START_TIMEOUT_S + INFERENCE_TIMEOUT_S * (asked.repeats + asked.warmup),
            prefix=f"echo {shlex.quote(self.model.name)} > {TASK_FILE}\n"
            + (f"rm -f {result}\n" if old else "")
            + f"{system.READ_SENSORS}\necho; echo {token}",
            suffix=(f"cat {result} 2>/dev/null\n" if old else "")
            + f"echo; echo {token}\n{system.READ_SENSORS}{read}",
        )

    def _output_texts(self, reference: Reference) -> dict[str, str]:
        """What the model computes of the reference's input: numbers, in fetch order."""
        texts = output_check.input_texts(self.model, reference)
        asked = replace(self.invocation, inputs=push_inputs(self.adb, texts))
        count = len(reference["outputs"])
        if "output_data_path" not in self.program.flags:
            printed = self._run(replace(asked, show_outputs=True)).program.stdout
            return {
                tr("{name}'s output {index}").format(
                    name=benchmark_bin.NAME, index=index
                ): output_check.shown(printed, index)
                for index in range(count)
            }
        files = [f"output{index}.txt" for index in range(count)]
        texts = self._run(replace(asked, outputs=files)).outputs
        return {
            f"{benchmark_bin.NAME}'s {file}": text for file, text in zip(files, texts, strict=True)
        }


def push_inputs(adb: Adb, texts: Sequence[str]) -> list[str]:
    """Put the texts of a model's inputs on a phone; returns the names of the files there.

    Args:
        adb: the phone.
        texts: numbers between blanks, for each input.

    Raises:
        DeviceError: there is no space.
        DeviceLost: the phone went away.
    """
    inputs = []
    with tempfile.TemporaryDirectory(prefix="ppghost-input-") as folder:
        for index, text in enumerate(texts):
            file = Path(folder) / f"input{index}.txt"
            file.write_text(text, encoding="ascii")
            # named by content: models of one input shape share it
            name = f"{sha256(file)}.txt"
            adb.push(file, name)
            inputs.append(name)
    return inputs
