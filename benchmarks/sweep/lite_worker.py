"""Runs an x86 file on several inputs."""

from collections.abc import Callable

import numpy as np
from paddlelite import lite

from sweep.inputs import INPUTS
from sweep.workers import serve


def work() -> Callable[..., bool]:
    """What does a task."""

    def do(nb: str, inputs: str, outputs: str) -> bool:
        config = lite.MobileConfig()
        config.set_model_from_file(nb)
        predictor = lite.create_paddle_predictor(config)
        values, found = np.load(inputs), {}
        for number in range(len(INPUTS)):
            for name in predictor.get_input_names():
                predictor.get_input_by_name(name).from_numpy(values[f"{number}/{name}"])
            predictor.run()
            for index, name in enumerate(predictor.get_output_names()):
                found[f"{number}/{index}"] = np.array(predictor.get_output_by_name(name).numpy())
        np.savez(outputs, **found)
        return True

    return do


if __name__ == "__main__":
    serve(work)
