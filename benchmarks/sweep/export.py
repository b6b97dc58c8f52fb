"""A case written as a model, by Paddle's static API."""

from pathlib import Path
from typing import Any

import numpy as np
import paddle

#: the parameters of vectors: neither zeros nor ones, whose effect could not be told
LEAST, MOST = 0.4, 1.6


def export(each: Any, folder: Path) -> None:
    """Write a case's program, with parameters that are drawn, into `folder`."""
    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    main.random_seed = startup.random_seed = 1
    executor = paddle.static.Executor(paddle.CPUPlace())
    with (
        paddle.static.program_guard(main, startup),
        paddle.utils.unique_name.guard(),
        paddle.static.scope_guard(scope),
    ):
        feeds, outputs = _build(each, main)
        executor.run(startup)
        _draw_vectors(main, scope)
        path = str(folder / "inference")
        paddle.static.save_inference_model(path, feeds, outputs, executor, program=main)


def _build(each: Any, main: Any) -> tuple[list[Any], list[Any]]:
    declared = [each.open or each.shapes[0], *each.shapes[1:]]
    feeds = [
        paddle.static.data(f"x{i}", list(shape), "float32") for i, shape in enumerate(declared)
    ]
    outputs = each.build(*feeds)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    if not main.all_parameters():
        # Paddle cannot load a model without any
        outputs.append(feeds[0] * paddle.create_parameter([1], "float32"))
    return feeds, outputs


def _draw_vectors(main: Any, scope: Any) -> None:
    rng = np.random.default_rng(1)
    for var in main.list_vars():
        found = scope.find_var(var.name) if var.persistable and len(var.shape) == 1 else None
        if found is not None and var.name not in ("feed", "fetch"):
            values = rng.uniform(LEAST, MOST, var.shape).astype("float32")
            found.get_tensor().set(values, paddle.CPUPlace())
