"""The devices that can be timed on, once or as they change."""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable
from typing import TextIO

from ppghost.cli.common import Commands, Output
from ppghost.cli.live import LiveLines


def add_commands(commands: Commands) -> None:
    """Add this module's command to the command line."""
    _add_devices(commands.add("devices", list_devices, help="what can be timed on"))


def _add_devices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=5.0,
        metavar="S",
        help="every S seconds (5) until Ctrl-C: states, temperatures, who measures what",
    )


def list_devices(args: argparse.Namespace) -> Output:
    """This host, and every phone that adb sees."""
    from ppghost.deploy.devices.discovery import describe_all, format_device

    devices = describe_all()
    if args.watch is None:
        return devices, "\n".join(map(format_device, devices))
    # what runs has no standard output of its own; JSON has it for itself
    stream = sys.stderr if args.json == "-" else sys.__stdout__ or sys.stderr
    show = LiveLines(stream).show if stream.isatty() else _print_changes(stream)
    # Ctrl-C is the end of it
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            show([line for each in devices for line in format_device(each).splitlines()])
            time.sleep(args.watch)
            devices = describe_all()
    return devices, None


def _print_changes(stream: TextIO) -> Callable[[list[str]], None]:
    """What prints the lines that were not there the last time, each with the time."""
    last: list[str] = []

    def show(lines: list[str]) -> None:
        for line in lines:
            if line not in last:
                print(time.strftime("%H:%M:%S"), line, file=stream, flush=True)
        last[:] = lines

    return show
