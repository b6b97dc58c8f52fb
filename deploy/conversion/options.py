"""What a conversion can be asked for, and how `paddle_lite_opt` is told."""

from dataclasses import dataclass

from ppghost.errors import InputError

#: our names -> `--valid_targets`, whose order matters: with `arm,opencl` every operator that has
#: an arm kernel gets that one, and the GPU is left idle
TARGETS = {"arm": "arm", "x86": "x86", "opencl": "opencl,arm"}
#: what is weight-only: smaller files, fp32 kernels
WEIGHT_TYPES = {"int8": "QUANT_INT8", "int16": "QUANT_INT16"}


@dataclass(frozen=True)
class Options:
    """How to convert.

    Attributes:
        target: "arm", "x86" or "opencl".
        fp16: kernels in half precision, for arm.
        weights: "int8" or "int16" for a smaller file; None for float32.

    Raises:
        InputError: there is no such value or combination.
    """

    target: str
    fp16: bool = False
    weights: str | None = None

    def __post_init__(self) -> None:
        if self.target not in TARGETS:
            raise InputError(
                "unknown target {target!r}; choose one of: {targets}",
                target=self.target,
                targets=", ".join(TARGETS),
            )
        if self.fp16 and self.target != "arm":
            raise InputError(
                "--fp16 is for arm; {target} has no fp16 arm kernels to choose", target=self.target
            )
        if self.weights is not None and self.weights not in WEIGHT_TYPES:
            names = ", ".join(WEIGHT_TYPES)
            raise InputError(
                "unknown weights {weights!r}; choose one of: {names}",
                weights=self.weights,
                names=names,
            )

    @property
    def valid_targets(self) -> str:
        """The target as `paddle_lite_opt` wants it."""
        return TARGETS[self.target]

    def arguments(self) -> list[str]:
        """Everything but the target, as arguments of `paddle_lite_opt`."""
        arguments = ["--enable_fp16=true"] if self.fp16 else []
        if self.weights:
            arguments += ["--quant_model=true", f"--quant_type={WEIGHT_TYPES[self.weights]}"]
        return arguments


def parse_target(text: str) -> str:
    """A target by our name: "arm,opencl" in any order is "opencl", which falls back on arm."""
    return "opencl" if sorted(text.split(",")) == ["arm", "opencl"] else text
