"""Whether a `.nb` computes what Paddle does, asked for every target.

`paddle_lite_opt` gives every target the same weights, wrong ones too, and only files for x86 can be
run here. So the program of a file for a phone is made into a file for x86 as well, its twin; that
one is run, and the weights of the two are compared.
"""

import logging
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppghost.deploy.conversion import half_precision, paddle_runtime
from ppghost.deploy.conversion.build import Builder, missing_kernels
from ppghost.deploy.conversion.input_kinds import input_kinds
from ppghost.deploy.conversion.options import Options
from ppghost.deploy.conversion.repairs import Repaired, repair
from ppghost.deploy.devices.host.session import run_all
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.compatibility import X86
from ppghost.deploy.nb.output_check import CHECK_CORRELATION, OutputCheck
from ppghost.deploy.nb.parameters import different_parameters
from ppghost.deploy.nb.reference import InputKind, Reference, check_inputs, describe_reference
from ppghost.errors import ConversionError, DeviceError, InputError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE
from ppghost.formats.paddle_tensors import read_exported
from ppghost.formats.program_desc import InputSpec, is_int8, operator_types

if TYPE_CHECKING:
    import numpy as np

    Outputs = list[np.ndarray]

logger = logging.getLogger(__name__)

#: a phone's check is of this many inputs: each is a text file to push there
PHONE_REFERENCES = 2
#: below this correlation with Paddle, rounded weights are worth a warning
LOSSY = 0.99


@dataclass(frozen=True)
class Checked:
    """What was checked of a file, how far it is off, and what a phone is to compute."""

    check: str
    output_check: OutputCheck | None
    references: list[Reference]


def check(
    builder: Builder, repaired: Repaired, built: Path, options: Options, inputs: list[InputSpec]
) -> Checked:
    """Check a file.

    Args:
        builder: of its model.
        repaired: the program that it was made of.
        built: the file.
        options: that it was made with.
        inputs: of the model.

    Raises:
        ConversionError: the file is wrong, or Paddle itself computes nonsense.
    """
    checks = _Check(builder, repaired, built, options, inputs)
    # the tool and Paddle take a second or two each
    with ThreadPoolExecutor(1) as pool:
        twin = pool.submit(checks.twin)
        checks.compute_expected()
        return checks.run(twin.result())


class _Check:
    def __init__(
        self,
        builder: Builder,
        repaired: Repaired,
        built: Path,
        options: Options,
        inputs: list[InputSpec],
    ) -> None:
        self.builder, self.repaired, self.built, self.options = builder, repaired, built, options
        self.inputs = inputs
        self.detections = any("nms" in kind for kind in operator_types(builder.model.program))
        self.kinds: dict[str, InputKind] = {}
        #: of the program as it came: a repair that changes what is computed must show
        self.expected: dict[str, Outputs] = {}

    def compute_expected(self) -> None:
        """What Paddle computes, for each kind of input for which that is a number."""
        runner = paddle_runtime.Runner(self.builder.model)
        for kind in input_kinds(self.builder.model, self.inputs):
            outputs = paddle_runtime.finite_outputs(runner, check_inputs(self.inputs, kind))
            if outputs is not None:
                self.kinds[kind["kind"]], self.expected[kind["kind"]] = kind, outputs
            elif kind["kind"] == "noise":
                raise ConversionError("Paddle itself computes NaN or infinity from normal noise")

    def run(self, twin: Path | str) -> Checked:
        """Run the twin, if there is one, and compare its outputs and weights."""
        if isinstance(twin, str):
            return Checked(twin, None, self._references(self.expected))
        try:
            outputs = self._run(twin)
        except (DeviceError, InputError) as error:
            reason = str(error).removeprefix(f"{twin}: ").removeprefix(f"{twin.name}: ")
            if self.options.target == X86:
                raise ConversionError(f"the converted model does not run: {reason}") from error
            none = f"none: the same program for x86 does not run ({reason})"
            return Checked(none, None, self._references(self.expected))
        result = self._compare(outputs)
        references = self._references(outputs if self.options.weights else self.expected)
        return Checked(self._weights(twin), result, references)

    def _weights(self, twin: Path) -> str:
        """What is known of a file whose twin is right: as much as they have in common."""
        different = different_parameters(self.built, twin)
        if not different:
            return X86
        # where one target's kernels take in an operator (a scale, say) and the other's do not, a
        # weight is as the model has it
        own = self.builder.folder / "own"
        paths = (own / MODEL_FILE, own / PARAMS_FILE)
        self.builder.model.write(self.repaired.program, own, self.repaired.params)
        values = {array.tobytes() for array in read_exported(*paths).values()}
        strange = [each.name for each in different if each.data not in values]
        if strange:
            raise ConversionError(
                f"{len(strange)} weights of the file for {self.options.target} are neither the "
                "model's nor those of the same program for x86, whose outputs are right, for "
                f"instance {strange[0]}; convert again"
            )
        return "weights only"

    def twin(self) -> Path | str:
        """The file itself, or the same program in a file for x86; or why there is none."""
        if self.options.target == X86:
            return self.built
        model, options = self.builder.model, replace(self.options, target=X86, fp16=False)
        if is_int8(model.program):
            return "none: x86 has no right int8 kernels"
        repaired = repair(model, self.options.target, X86)
        if missing := missing_kernels(repaired.program, options):
            return f"none: no x86 kernel for {', '.join(missing)}"
        try:
            twin, _ = self.builder.build(repaired, options)
        except ConversionError as error:
            return f"none: no x86 file ({error})"
        return twin

    def _run(self, nb: Path) -> "dict[str, Outputs]":
        values = [check_inputs(self.inputs, kind) for kind in self.kinds.values()]
        # Paddle-Lite keeps the order of the fetches, but not always their names
        outputs = [list(each.values()) for each in run_all(nb, values, threads=os.cpu_count() or 1)]
        return dict(zip(self.kinds, outputs, strict=True))

    def _compare(self, outputs: "Mapping[str, Outputs]") -> OutputCheck:
        weights = self.options.weights
        least = CHECK_CORRELATION["int16"] if weights else None
        if weights == "int8":
            # what a right file loses by so few bits is a figure, no verdict; whether the tool can
            # round this program's weights at all, 16 bits show
            finer = replace(self.options, target=X86, fp16=False, weights="int16")
            twin, _ = self.builder.build(repair(self.builder.model, X86), finer)
            self._compare_all(self._run(twin), least)
            least = output_check.ANY
        return self._compare_all(outputs, least)

    def _compare_all(self, outputs: "Mapping[str, Outputs]", least: float | None) -> OutputCheck:
        differences = {}
        for kind, expected in self.expected.items():
            # far from real images a classifier's scores are one 1 and else 0, and rounding decides
            # which: there they need only be numbers
            bound = least if least is None or kind in self._natural() else output_check.ANY
            try:
                differences[kind] = output_check.compare(
                    outputs[kind], expected, correlation=bound, detections=self.detections
                )
            except ConversionError as error:
                raise ConversionError(f"{error}, for {kind}") from error
        result = output_check.passed(differences, None if self.options.target == X86 else X86)
        natural = output_check.worst([differences[kind] for kind in self._natural()])
        correlation = natural["correlation"]
        if self.options.weights and correlation is not None and correlation < LOSSY:
            logger.warning(
                "%s: rounding the weights to %s costs: the outputs' correlation with Paddle's is "
                "%.3f; measure the accuracy before you use it",
                self.builder.model.name, self.options.weights, correlation,
            )  # fmt: skip
        return result

    def _natural(self) -> list[str]:
        """The kinds that are like what the model is for."""
        return [kind for kind in ("noise", "picture") if kind in self.kinds]

    def _references(self, right: "Mapping[str, Outputs]") -> list[Reference]:
        """Of noise, which older versions read, and of the picture if there is one."""
        others = (kind for kind in self.kinds if kind not in self._natural())
        kinds = [*self._natural(), *others][:PHONE_REFERENCES]
        least: dict[str, float] = {}
        if self.options.fp16:
            least = half_precision.least_correlations(
                self.builder.model, {kind: self._values(kind) for kind in kinds}, self.expected
            )
        return [
            describe_reference(
                self.kinds[kind],
                right[kind],
                by="paddle" if right is self.expected else X86,
                correlation=least.get(kind),
                detections=self.detections,
            )
            for kind in kinds
        ]

    def _values(self, kind: str) -> "dict[str, np.ndarray]":
        return check_inputs(self.inputs, self.kinds[kind])
