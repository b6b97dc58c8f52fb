"""Whether a `.nb` computes what Paddle does, asked for every target.

`paddle_lite_opt` gives every target the same weights, wrong ones too, and only files for x86 can be
run here. So the program of a file for a phone is made into a file for x86 as well, its twin; that
one is run, and the weights of the two are compared.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ppghost.deploy.conversion import decisions, half_precision, paddle_runtime
from ppghost.deploy.conversion.build import Builder
from ppghost.deploy.conversion.input_kinds import input_kinds
from ppghost.deploy.conversion.options import Options
from ppghost.deploy.conversion.repairs import Repaired, repair
from ppghost.deploy.conversion.steady_boxes import least_boxes
from ppghost.deploy.conversion.twin import compare_weights, make_twin
from ppghost.deploy.devices.host.session import run_all
from ppghost.deploy.nb import output_check
from ppghost.deploy.nb.box_check import CHECK_BOXES
from ppghost.deploy.nb.compatibility import X86
from ppghost.deploy.nb.difference import Difference, OutputCheck, passed, worst
from ppghost.deploy.nb.output_check import CHECK_CORRELATION
from ppghost.deploy.nb.reference import InputKind, Reference, check_inputs, describe_reference
from ppghost.errors import ConversionError, DeviceError, InputError
from ppghost.formats.exported import ExportedModel
from ppghost.formats.program_desc import InputSpec
from ppghost.i18n import message_of, tr

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
        twin = pool.submit(make_twin, builder, built, options)
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
        self.detections = decisions.detection_outputs(builder.model.program)
        self.kinds: dict[str, InputKind] = {}
        #: of the program as it came: a repair that changes what is computed must show
        self.expected: dict[str, Outputs] = {}
        #: the share of boxes that must be the same, by kind
        self.boxes: dict[str, float] = {}

    def compute_expected(self) -> None:
        """What Paddle computes, for each kind of input for which that is a number."""
        runner = paddle_runtime.Runner(self.builder.model)
        for kind in input_kinds(self.builder.model, self.inputs):
            outputs = paddle_runtime.finite_outputs(runner, check_inputs(self.inputs, kind))
            if outputs is not None:
                self.kinds[kind["kind"]], self.expected[kind["kind"]] = kind, outputs
                if self.detections:
                    what = f"{self.builder.model.name}, {kind['kind']}"
                    inputs = check_inputs(self.inputs, kind)
                    self.boxes[kind["kind"]] = least_boxes(
                        runner, inputs, outputs, self.detections, what
                    )
            elif kind["kind"] == "noise":
                raise ConversionError("Paddle itself computes NaN or infinity from normal noise")

    def run(self, twin: Path | str) -> Checked:
        """Run the twin, if there is one, and compare its outputs and weights."""
        if isinstance(twin, str):
            return Checked(twin, None, self._references(self.expected))
        try:
            outputs = self._run(twin)
        except (DeviceError, InputError) as error:
            reason = message_of(error).removeprefix(f"{twin}: ").removeprefix(f"{twin.name}: ")
            if self.options.target == X86:
                raise ConversionError(
                    "the converted model does not run: {reason}", reason=reason
                ) from error
            none = tr("none: the same program for x86 does not run ({reason})").format(
                reason=reason
            )
            return Checked(none, None, self._references(self.expected))
        result = self._compare(outputs)
        references = self._references(outputs if self.options.weights else self.expected)
        weights = compare_weights(self.builder, self.repaired, self.built, twin, self.options)
        return Checked(weights, result, references)

    def _run(self, nb: Path) -> "dict[str, Outputs]":
        values = [check_inputs(self.inputs, kind) for kind in self.kinds.values()]
        # Paddle-Lite keeps the order of the fetches, but not always their names
        outputs = [list(each.values()) for each in run_all(nb, values, threads=os.cpu_count() or 1)]
        return dict(zip(self.kinds, outputs, strict=True))

    def _compare(self, outputs: "Mapping[str, Outputs]") -> OutputCheck:
        weights = self.options.weights
        hidden = decisions.hidden_scores(self.builder.model.program, self.expected)
        if weights and self.detections:
            self._check_rounded(hidden)
        elif weights == "int8":
            # what a right file loses by so few bits is a figure, no verdict; whether the tool can
            # round this program's weights at all, 16 bits show
            self._compare_all(self._run(self._other("int16")), CHECK_CORRELATION["int16"])
        least = {"int8": output_check.ANY, "int16": CHECK_CORRELATION["int16"]}
        differences = self._compare_all(outputs, least[weights] if weights else None)
        if weights:
            self._warn_of_loss(differences, weights)
        result = passed(differences, None if self.options.target == X86 else X86)
        if (hidden or weights) and (inside := self._compare_inside(hidden)):
            result["inside"] = {**inside, "scores": hidden}
        elif not weights and 0.0 in self.boxes.values():
            raise ConversionError(
                "rounding decides which boxes this model leaves, and what stands before its "
                "suppression cannot be compared: whether the file is right cannot be told"
            )
        return result

    def _other(self, weights: str | None, model: ExportedModel | None = None) -> Path:
        """The same program, or that of `model`, for x86 with other weights."""
        model = model or self.builder.model
        options = replace(self.options, target=X86, fp16=False, weights=weights)
        repaired = repair(model, self.options.target, X86)
        return replace(self.builder, model=model).build(repaired, options)[0]

    def _check_rounded(self, hidden: Sequence[str]) -> None:
        """Hold a detector of rounded weights, in 16 bits, to what stands before its boxes.

        Of the boxes themselves rounding may leave others.
        """
        model, expected = self._opened(hidden)
        outputs = self._run(self._other("int16", model))
        for kind, right in expected.items():
            natural = kind in self._natural()
            least = CHECK_CORRELATION["int16"] if natural else output_check.ANY
            self._compare_one(kind, outputs[kind], right, least)

    def _opened(self, hidden: Sequence[str]) -> "tuple[ExportedModel, dict[str, Outputs]]":
        """The model with more outputs, and what Paddle computes then."""
        program = decisions.fetch_too(self.builder.model.program, hidden)
        model = replace(self.builder.model, program=program)
        runner = paddle_runtime.Runner(model)
        expected = {
            kind: right
            for kind in self.kinds
            if (right := paddle_runtime.finite_outputs(runner, self._values(kind))) is not None
        }
        return model, expected

    def _compare_inside(self, hidden: Sequence[str]) -> Difference | None:
        """In float32, with what stands behind the outputs: it is as near as right kernels are."""
        model, expected = self._opened(hidden)
        try:
            outputs = self._run(self._other(None, model))
        except (ConversionError, DeviceError, InputError) as error:
            logger.warning(
                "%s: what stands behind the outputs cannot be compared (%s)", model.name, error
            )
            return None
        return worst(
            [
                self._compare_one(kind, outputs[kind], right, None)
                for kind, right in expected.items()
            ]
        )

    def _compare_all(
        self, outputs: "Mapping[str, Outputs]", least: float | None
    ) -> dict[str, Difference]:
        # far from real images a classifier's scores are one 1 and else 0, and rounding decides
        # which: there they need only be numbers
        return {
            kind: self._compare_one(
                kind,
                outputs[kind],
                expected,
                least if least is None or kind in self._natural() else output_check.ANY,
            )
            for kind, expected in self.expected.items()
        }

    def _compare_one(
        self, kind: str, found: "Outputs", right: "Outputs", least: float | None
    ) -> Difference:
        # rounded weights may leave other boxes: see _check_rounded
        boxes = self.boxes.get(kind, CHECK_BOXES) if least is None else 0
        try:
            return output_check.compare(
                found, right, correlation=least, detections=self.detections, boxes=boxes
            )
        except ConversionError as error:
            raise ConversionError("{error}, for {kind}", error=error, kind=tr(kind)) from error

    def _warn_of_loss(self, differences: Mapping[str, Difference], weights: str) -> None:
        natural = worst([differences[kind] for kind in self._natural()])
        correlation = natural["correlation"]
        if correlation is not None and correlation < LOSSY:
            logger.warning(
                "%s: rounding the weights to %s costs: the outputs' correlation with Paddle's is "
                "%.3f; measure the accuracy before you use it",
                self.builder.model.name, weights, correlation,
            )  # fmt: skip
        if self.detections and (same := natural.get("equal", 1.0)) < CHECK_BOXES:
            logger.warning(
                "%s: rounding the weights to %s changes boxes (%.0f %% are the same, of noise or a "
                "picture of blocks); measure the AP before you use it",
                self.builder.model.name, weights, 100 * same,
            )  # fmt: skip

    def _natural(self) -> list[str]:
        """The kinds that are like what the model is for."""
        return [kind for kind in ("noise", "picture") if kind in self.kinds]

    def _references(self, right: "Mapping[str, Outputs]") -> list[Reference]:
        """Of noise, which older versions read, and of the picture if there is one."""
        others = (kind for kind in self.kinds if kind not in self._natural())
        kinds = [*self._natural(), *others][:PHONE_REFERENCES]
        least: dict[str, half_precision.Least] = {}
        if self.options.fp16:
            values = {kind: self._values(kind) for kind in kinds}
            least = half_precision.least_agreement(
                self.builder.model, values, self.expected, self.detections
            )
        return [
            describe_reference(
                self.kinds[kind],
                right[kind],
                by="paddle" if right is self.expected else X86,
                correlation=least[kind].correlation if kind in least else None,
                detections=self.detections,
                boxes=self._unusual_share(kind, least.get(kind)),
            )
            for kind in kinds
        ]

    def _unusual_share(self, kind: str, half: half_precision.Least | None) -> float | None:
        """The share of boxes that a phone must find, if it is another than usual."""
        shares = [self.boxes.get(kind), half.boxes if half else None]
        least = min((share for share in shares if share is not None), default=None)
        return None if least == CHECK_BOXES else least

    def _values(self, kind: str) -> "dict[str, np.ndarray]":
        return check_inputs(self.inputs, self.kinds[kind])
