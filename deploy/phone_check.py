"""Whether a model computes on a device what Paddle computed on the same seeded input."""

from collections.abc import Sequence
from typing import Any

from deploy.host_worker import seeded_inputs
from deploy.sidecar import NbModel, sidecar_path
from ppghost.errors import DeviceError
from ppghost.files import read_json

#: largest difference allowed, as a share of the reference's range. fp32 as `convert` allows;
#: the others leave room for 11-bit mantissas and 8-bit steps, and are not tried on a phone yet
_ALLOWED = {"fp32": 1e-3, "fp16": 3e-2, "int8": 0.2}


def reference_of(model: NbModel) -> dict[str, Any] | None:
    """Paddle's outputs as `convert` wrote them beside the file: {"seed", "outputs"}."""
    return read_json(sidecar_path(model.path)).get("reference")


def input_texts(model: NbModel, seed: int) -> list[str]:
    """The seeded inputs as benchmark_bin reads them: numbers between blanks, in input order."""
    # nine digits tell every float32 from its neighbours
    return [
        " ".join(f"{value:.9g}" for value in array.ravel()) + "\n"
        for array in seeded_inputs(model.inputs, seed).values()
    ]


def numbers(text: str, what: str) -> list[float]:
    """The numbers in a file of benchmark_bin's. Raises DeviceError."""
    try:
        return [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise DeviceError(f"{what} holds something else than numbers") from None


def compare(
    reference: Sequence[Sequence[float]], outputs: Sequence[Sequence[float]], precision: str
) -> dict[str, Any]:
    """{"max_abs_diff", "ok": True}; `reference` may hold the beginning of each output only.

    Raises DeviceError if they differ by more than `precision` explains.
    """
    import numpy as np

    if len(reference) != len(outputs):
        raise DeviceError(f"gives {len(outputs)} outputs, not {len(reference)} as Paddle does")
    worst = 0.0
    for theirs, ours in zip(map(np.array, reference), map(np.array, outputs), strict=True):
        if ours.size < theirs.size or not np.isfinite(ours).all():
            raise DeviceError(f"gives {ours.size} outputs or NaN; convert the model again")
        difference = float(np.abs(ours[: theirs.size] - theirs).max())
        allowed = _ALLOWED[precision] * float(theirs.max() - theirs.min())
        if not difference <= allowed:
            raise DeviceError(
                f"computes something else than Paddle (largest difference {difference:.3g}, "
                f"allowed {allowed:.3g}); convert the model again"
            )
        worst = max(worst, difference)
    return {"max_abs_diff": worst, "ok": True, "where": "device"}
