"""Tiny programs exported by tests."""

import paddle


def export_program(folder, build, inputs, dtypes=None):
    """Export what `build` makes of inputs to a folder, which is returned.

    Args:
        folder: where to.
        build: given the inputs' variables, returns an output or a list of them.
        inputs: shapes by name.
        dtypes: by name, where they are not float32.
    """
    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    main.random_seed = startup.random_seed = 1
    with paddle.static.program_guard(main, startup), paddle.utils.unique_name.guard():
        variables = [
            paddle.static.data(name, shape, (dtypes or {}).get(name, "float32"))
            for name, shape in inputs.items()
        ]
        outputs = build(*variables)
        executor = paddle.static.Executor(paddle.CPUPlace())
        with paddle.static.scope_guard(paddle.static.Scope()):
            executor.run(startup)
            paddle.static.save_inference_model(
                str(folder / "inference"),
                variables,
                outputs if isinstance(outputs, list) else [outputs],
                executor,
                program=main,
            )
    return folder
