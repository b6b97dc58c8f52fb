"""`ppghost demo`: the main job from end to end."""

import argparse
from pathlib import Path

from ppghost.cli.common import Commands, Output


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    parser = commands.add("demo", demo, help="the main job on real images, this host as the device")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="default output/demo, or output/demo_detection"
    )
    parser.add_argument(
        "--detection", action="store_true", help="train a slim detector and show its boxes instead"
    )


def demo(args: argparse.Namespace) -> Output:
    """Every stage of the demo, those finished before excepted."""
    if args.detection:
        from ppghost.cli import demo_detection

        results = demo_detection.demo(args.output or Path("output/demo_detection"))
        return results, demo_detection.summary(results)
    from ppghost.cli import demo_stages

    results = demo_stages.demo(args.output or Path("output/demo"))
    return results, demo_stages.summary(results)
