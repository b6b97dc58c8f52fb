"""Data sets that packages ship the images of."""

import argparse
from pathlib import Path

from ppghost.cli.common import Commands, Output, positive


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    group = commands.group("data", "make data sets", "DATASET")
    parser = commands.add(
        "digits", write_digits, "scikit-learn's handwritten digits, as files", group=group
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--force", action="store_true", help="renew a damaged copy")

    parser = commands.add("shapes", write_shapes, "shapes on photos, with boxes", group=group)
    parser.add_argument("directory", type=Path, metavar="DIR")
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
    done = "written to" if result["written"] else "already in"
    return result, f"{result['train']} + {result['val']} digits {done} {args.directory}"


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
    done = "written to" if result["written"] else "already in"
    counts = f"{result['train']} + {result['val']} images with {result['boxes']} shapes"
    return result, f"{counts} {done} {args.directory}"
