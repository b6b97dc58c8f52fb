"""The one way in which Paddle is imported by code that needs it only sometimes."""

from typing import Any

# zlib comes first: see ppghost/__init__.py
import ppghost  # noqa: F401


def import_paddle() -> Any:
    """Paddle, made ready for a process that handles its own signals.

    Paddle's C++ handlers allocate memory: a SIGTERM that lands inside malloc would hang the
    process for good.

    Returns:
        The module `paddle`; importing it the first time takes over two seconds.
    """
    import paddle

    paddle.disable_signal_handler()
    return paddle
