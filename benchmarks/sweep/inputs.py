"""The four inputs that every program is run on."""

from typing import Any

import numpy as np

INPUTS = ("noise", "noise x 5", "a ramp from -8 to 8", "zeros with spikes")


def make_inputs(each: Any) -> list[dict[str, np.ndarray]]:
    """Arrays by name, for each of INPUTS."""
    rng = np.random.default_rng(0)
    values: list[dict[str, np.ndarray]] = [{} for _ in INPUTS]
    for number, shape in enumerate(each.shapes):
        noise, size = rng.standard_normal(shape), int(np.prod(shape))
        spikes = np.zeros(size)
        spikes[:: max(1, size // 7)], spikes[3 :: max(1, size // 5)] = 3, -4
        ramp = np.linspace(-8, 8, size)
        arrays = (noise, noise * 5, ramp.reshape(shape), spikes.reshape(shape))
        for value, array in zip(values, arrays, strict=True):
            value[f"x{number}"] = (array * each.amplitude).astype(np.float32)
    return values
