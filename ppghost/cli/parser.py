"""The command line as a whole: a command is its arguments and its function, in one module."""

import argparse

from ppghost import __version__
from ppghost.cli import (
    analysis,
    bench,
    conversion,
    data,
    demo,
    devices,
    inference,
    latency,
    models,
    training,
)
from ppghost.cli.common import Commands, Parser, language_argument


def make_parser() -> argparse.ArgumentParser:
    """The parser of `ppghost`; parsed arguments hold the command's function as `run`."""
    parser = Parser(
        prog="ppghost",
        description="GhostNet in PaddlePaddle, from the first convolution to the phone.",
        parents=[language_argument()],
    )
    parser.add_argument(
        "--version",
        action="version",
        version=f"ppghost {__version__}",
        help="the version, and exit",
    )
    commands = Commands(parser)
    chain = (models, analysis, data, training, inference, conversion, devices, bench, latency, demo)
    for module in chain:
        module.add_commands(commands)
    return parser
