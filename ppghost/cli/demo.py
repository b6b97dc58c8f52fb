"""`ppghost demo`: the main job from end to end."""

import argparse
from pathlib import Path

from ppghost.cli.common import Commands, Output


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    parser = commands.add("demo", demo, "the main job on real images, this host as the device")
    parser.add_argument("--output", type=Path, default=Path("output/demo"), metavar="DIR")


def demo(args: argparse.Namespace) -> Output:
    """Every stage of the demo, those finished before excepted."""
    from ppghost.cli import demo_stages

    results = demo_stages.demo(args.output)
    return results, demo_stages.summary(results)
