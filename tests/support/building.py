"""Programs that tests build networks in."""

import contextlib
from collections.abc import Iterator

import paddle
from paddle.utils import unique_name

from ppghost.static.runtime import without_call_stacks
from ppghost.static.startup import startup_program


@contextlib.contextmanager
def building() -> Iterator[paddle.static.Program]:
    """An empty Program to build in, with names of its own; nothing draws its parameters' values."""
    main = paddle.static.Program()
    startup = startup_program(initialize=False)
    with paddle.static.program_guard(main, startup), unique_name.guard(), without_call_stacks():
        yield main
