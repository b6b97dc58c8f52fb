"""The one way in which Paddle is imported by code that needs it only sometimes."""

from typing import Any

# zlib comes first: see ppghost/__init__.py
import ppghost  # noqa: F401
from ppghost.utils.mkl import use_avx2


def import_paddle() -> Any:
    """Paddle, made ready for a process that handles its own signals, and with MKL's fast kernels.

    Paddle's C++ handlers allocate memory: a SIGTERM that lands inside malloc would hang the
    process for good.

    Returns:
        The module `paddle`; importing it the first time takes over two seconds.
    """
    import paddle

    use_avx2()
    paddle.disable_signal_handler()
    return paddle
