"""Tiny programs exported by tests and by the sweep of operators."""

import numpy as np
import paddle

#: the range of drawn parameters: neither zeros nor ones, whose effect could not be told
LEAST, MOST = 0.4, 1.6


def export_program(folder, build, inputs, dtypes=None, *, seed=1, draw_vectors=False):
    """Export what `build` makes of inputs to a folder, which is returned.

    Args:
        folder: where to.
        build: given the inputs' variables, returns an output or a list of them.
        inputs: shapes by name.
        dtypes: by name, where they are not float32.
        seed: of the parameters.
        draw_vectors: draw the parameters that are vectors (biases, norms), and give a program
            without parameters one, since Paddle cannot load it otherwise.
    """
    paddle.enable_static()
    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    main.random_seed = startup.random_seed = seed
    executor = paddle.static.Executor(paddle.CPUPlace())
    with (
        paddle.static.program_guard(main, startup),
        paddle.utils.unique_name.guard(),
        paddle.static.scope_guard(scope),
    ):
        variables = [
            paddle.static.data(name, list(shape), (dtypes or {}).get(name, "float32"))
            for name, shape in inputs.items()
        ]
        outputs = build(*variables)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        if draw_vectors and not main.all_parameters():
            one = paddle.create_parameter([1], "float32")
            outputs.append(variables[0].astype("float32") * one)
        executor.run(startup)
        if draw_vectors:
            _draw_vectors(main, scope, np.random.default_rng(seed))
        paddle.static.save_inference_model(
            str(folder / "inference"), variables, outputs, executor, program=main
        )
    return folder


def _draw_vectors(program, scope, rng):
    for parameter in program.all_parameters():
        if len(parameter.shape) == 1:
            values = rng.uniform(LEAST, MOST, parameter.shape).astype("float32")
            scope.find_var(parameter.name).get_tensor().set(values, paddle.CPUPlace())
