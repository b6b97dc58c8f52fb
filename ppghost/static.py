"""Paddle, made ready for static graphs in a process that handles its own signals."""

import logging

import paddle

log = logging.getLogger(__name__)


def enable(device: str = "cpu") -> None:
    """Switch to static mode; take the signal handlers back from Paddle.

    `device` is the config's Global.device: all runs on the CPU so far, and says so.

    Paddle's C++ handlers allocate memory: a SIGTERM that lands inside malloc would hang the
    process for good.
    """
    if device != "cpu":
        log.warning("Global.device: %s is not used yet; running on the CPU", device)
    paddle.disable_signal_handler()
    paddle.enable_static()
