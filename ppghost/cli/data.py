"""Data sets that packages ship the images of."""

import argparse
from pathlib import Path

from ppghost.cli.common import Commands, Output, positive
from ppghost.i18n import tr


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    group = commands.group("data", help="make data sets", metavar="DATASET")
    parser = commands.add(
        "digits", write_digits, help="scikit-learn's handwritten digits, as files", group=group
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write to")
    parser.add_argument("--force", action="store_true", help="renew a damaged copy")

    parser = commands.add("shapes", write_shapes, help="shapes on photos, with boxes", group=group)
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder to write to")
    parser.add_argument("--images", type=positive, default=150, metavar="N", help="default 150")
    parser.add_argument(
        "--size", type=positive, default=320, metavar="S", help="longer side; default 320 pixels"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="default 0")
    parser.add_argument("--one-class", action="store_true", help="call all of them shape")
    parser.add_argument("--force", action="store_true", help="renew a damaged copy")


def write_digits(args: argparse.Namespace) -> Output:
    """scikit-learn's digits as image files with lists."""
    from ppghost.data.datasets import digits

    result = digits.write_digits(args.directory, force=args.force)
    written = tr("{train} + {val} digits written to {directory}")
    known = tr("{train} + {val} digits already in {directory}")
    return result, (written if result["written"] else known).format(
        train=result["train"], val=result["val"], directory=args.directory
    )


def write_shapes(args: argparse.Namespace) -> Output:
    """A small labelled detection set, as files in VOC's and COCO's form."""
    from ppghost.data.datasets import shapes

    result = shapes.write_shapes(
        args.directory,
        args.images,
        args.size,
        args.seed,
        force=args.force,
        one_class=args.one_class,
    )
    written = tr("{train} + {val} images with {boxes} shapes written to {directory}")
    known = tr("{train} + {val} images with {boxes} shapes already in {directory}")
    return result, (written if result["written"] else known).format(
        train=result["train"],
        val=result["val"],
        boxes=result["boxes"],
        directory=args.directory,
    )
