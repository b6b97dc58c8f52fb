"""A repaired program made into `.nb` files by `paddle_lite_opt`, each of them asked what it is."""

import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ppghost.deploy.conversion import opt
from ppghost.deploy.conversion.blame import first_fatal_operator
from ppghost.deploy.conversion.options import Options
from ppghost.deploy.conversion.repairs import Repaired
from ppghost.deploy.nb.header import NbInfo, inspect_nb
from ppghost.deploy.nb.parameters import different_parameters
from ppghost.errors import ConversionError, InputError
from ppghost.formats.exported import MODEL_FILE, PARAMS_FILE, ExportedModel
from ppghost.formats.program_desc import operator_types
from ppghost.i18n import message_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Builder:
    """Makes files of one model.

    Attributes:
        model: as it was exported.
        folder: for what is made; of this builder alone.
        timeout: of `paddle_lite_opt`, in seconds.
    """

    model: ExportedModel
    folder: Path
    timeout: float = field(default=opt.TIMEOUT_S)

    def build(self, repaired: Repaired, options: Options) -> tuple[Path, NbInfo]:
        """Make a file of a repaired program.

        Returns:
            Where it is, and what it says about itself.

        Raises:
            ConversionError: there is no kernel for an operator, the tool failed, or made a file of
                another target.
        """
        check_supported(repaired.program, options)
        try:
            built = self._run(repaired, options)
        except opt.Crashed as error:
            raise self._blamed(error, repaired, options) from error
        return built, _check_header(options.target, built)

    def _run(self, repaired: Repaired, options: Options) -> Path:
        place = Path(tempfile.mkdtemp(dir=self.folder))
        self.model.write(repaired.program, place, repaired.params)
        files = [f"--model_file={place / MODEL_FILE}", f"--param_file={place / PARAMS_FILE}"]
        built = place / "out.nb"
        opt.run([*files, *options.arguments()], built, options.valid_targets, self.timeout)
        return built

    def _blamed(
        self, error: ConversionError, repaired: Repaired, options: Options
    ) -> ConversionError:
        """The error with the name of the operator that the tool crashes from on."""

        def converts(program: Any) -> bool:
            try:
                self._run(repaired._replace(program=program), options)
            except opt.Crashed:
                return False
            except ConversionError:
                return True  # whatever it says is not this
            return True

        operator = first_fatal_operator(repaired.program, converts)
        return (
            ConversionError(
                "{error}; it does so from {operator} on", error=error, operator=operator
            )
            if operator
            else error
        )

    def build_twice(self, repaired: Repaired, options: Options) -> tuple[Path, NbInfo]:
        """As `build`; a second file is made and compared, for the tool has chosen by chance before.

        Where several scales followed a convolution with an activation, one program gave files of
        two contents, one of them wrong; a repair merges such scales now. Which variables share
        memory, and so their names, is chosen by chance too, and does not count.
        """
        with ThreadPoolExecutor(1) as pool:
            again = pool.submit(self._run, repaired, options)
            built, info = self.build(repaired, options)
            second = again.result()
        if inspect_nb(second).kernels != info.kernels or different_parameters(second, built):
            logger.warning(
                "%s: paddle_lite_opt made two different files of one program; the first is checked "
                "and kept",
                self.model.name,
            )
        return built, info


def check_supported(program: Any, options: Options) -> None:
    """Refuse a program with operators that the target has no kernel for.

    Raises:
        ConversionError: and which.
    """
    if missing := missing_kernels(program, options):
        raise ConversionError(
            "Paddle-Lite has no {target} kernel for: {missing}; replace them in the network",
            target=options.target,
            missing=", ".join(missing),
        )
    if last := sorted({op.type for block in program.blocks for op in block.ops if _is_nhwc(op)}):
        raise ConversionError(
            "{last} with channels last (NHWC), which Paddle-Lite computes as if they were "
            "first; export the network with data_format NCHW",
            last=", ".join(last),
        )


def _is_nhwc(op: Any) -> bool:
    return any(
        attr.name in ("data_format", "data_layout") and attr.s in ("NHWC", "NDHWC", "NLC")
        for attr in op.attrs
    )


def missing_kernels(program: Any, options: Options) -> list[str]:
    """The operators of `program` that the target has no kernel for."""
    return sorted(operator_types(program) - opt.supported_operators(options.valid_targets))


def _check_header(target: str, built: Path) -> NbInfo:
    try:
        info = inspect_nb(built)
    except InputError as error:
        reason = message_of(error).removeprefix(f"{built}: ")
        raise ConversionError(
            "paddle_lite_opt wrote a bad file: {reason}", reason=reason
        ) from error
    # a network of nothing but host kernels runs anywhere
    if info.target not in (target, "host"):
        raise ConversionError(
            "asked for {target}, but paddle_lite_opt made a file for {info_target}",
            target=target,
            info_target=info.target,
        )
    return info
