"""Which `.nb` runs on which runtime: a runtime given another one computes garbage or aborts."""

from pathlib import Path

from ppghost.deploy.nb.header import NbInfo, inspect_nb
from ppghost.errors import InputError
from ppghost.i18n import tr

#: the target that Paddle-Lite's x86 runtime is for
X86 = "x86"


def target_of(abi: str) -> str:
    """The target that files for a processor are made for.

    Args:
        abi: "x86" or "x86_64"; anything else is an ARM processor.
    """
    return X86 if abi.startswith(X86) else "arm"


def incompatibility(info: NbInfo, abi: str) -> str | None:
    """Why a file does not run on a processor; None if it does.

    Args:
        info: what the file says about itself.
        abi: "x86" or "x86_64"; anything else is an ARM processor with a GPU, as phones have it.
    """
    if target_of(abi) == X86:
        return _x86_incompatibility(info)
    if info.target in ("arm", "opencl", "host"):
        return None
    return tr("made for {target}, not for {abi}; convert the model with `--target arm`").format(
        target=info.target, abi=abi
    )


def check_runs_on_x86(nb: Path) -> None:
    """Refuse a file that the x86 runtime would compute garbage for.

    Raises:
        InputError: it is no float32 file for x86, or no `.nb` at all.
    """
    if reason := incompatibility(inspect_nb(nb), X86):
        raise InputError("{nb}: {reason}", nb=nb, reason=reason)


def _x86_incompatibility(info: NbInfo) -> str | None:
    if info.target not in (X86, "host"):
        return tr(
            "made for {target}, not for {x86}; convert the model with `--target {x86}` "
            "to run it on this host"
        ).format(target=info.target, x86=X86)
    if info.precision != "fp32":
        return tr("has {precision} kernels; the x86 runtime gives NaN for them").format(
            precision=info.precision
        )
    return None
