"""Latency on devices."""

import argparse
import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ppghost.cli.common import (
    Commands,
    Output,
    command_line,
    input_shapes,
    named_shape,
    positive,
    to_json,
)
from ppghost.cli.live import live_lines
from ppghost.errors import InputError, PPGhostError

if TYPE_CHECKING:
    import numpy as np

    from ppghost.deploy.latency.results import LatencyResult
    from ppghost.deploy.nb.sidecar import Preprocess

    #: what runs a campaign, and what makes a text of its result
    Kind = tuple[Callable[..., LatencyResult], Callable[[LatencyResult], str]]

#: flags that are keys of a campaign; they win over its file
CAMPAIGN_FLAGS = (
    "models", "devices", "threads", "rounds", "repeats", "burst_warmup", "warmup", "precision",
    "detect", "round_every", "time_limit", "reference", "power_mode", "affinity", "max_temp",
    "max_wait", "benchmark_bin", "device_folder", "image",
)  # fmt: skip


def add_commands(commands: Commands) -> None:
    """Add this module's command to the command line."""
    _add_bench(commands.add("bench", bench, help="latency on this host and on phones over adb"))


def _add_bench(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench`; what a campaign file can hold has no default here."""
    parser.add_argument(
        "models", type=Path, nargs="*", metavar="MODEL",
        help=".nb files or folders; an exported model with --layers",
    )  # fmt: skip
    parser.add_argument(
        "-c", "--campaign", type=Path, metavar="CAMPAIGN.yaml", help="see configs/bench/"
    )
    parser.add_argument(
        "-o", "--override", action="append", default=[], metavar="KEY=VALUE",
        help="override one key of the campaign (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--device",
        dest="devices",
        type=lambda text: tuple(text.split(",")),
        action="extend",
        metavar="host|SERIAL|all",
        help="several at once: all, a list with commas, or given again; HOST:PORT is connected to",
    )
    parser.add_argument(
        "--input-shape",
        dest="input_shapes",
        type=named_shape,
        action="append",
        metavar="[NAME=]1,3,224,224",
        help="of .nb files that others made, which have no description, once for each input; "
        "with --layers as for convert",
    )
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--layers", action="store_true", help="an exported model layer by layer: each one's share"
    )
    kinds.add_argument(
        "--guidelines", action="store_true",
        help="the test nets of ShuffleNetV2's four guidelines: what holds on this device",
    )  # fmt: skip
    parser.add_argument(
        "--threads",
        type=_thread_counts,
        metavar="1,2,4",
        help="numbers of threads to time with (1)",
    )
    parser.add_argument(
        "--rounds", type=positive, metavar="N", help="40; at most, with --precision"
    )
    parser.add_argument(
        "--repeats", type=positive, metavar="N", help="inferences of a burst (2, phones 5)"
    )
    parser.add_argument(
        "--burst-warmup", type=int, metavar="N", help="others before each burst (1)"
    )
    parser.add_argument(
        "--warmup", type=int, metavar="N", help="inferences before the first round (5)"
    )
    parser.add_argument("--precision", metavar="2%", help="stop when each interval is so narrow")
    parser.add_argument(
        "--detect", metavar="5%", help="stop when compare would find a slowdown by so much"
    )
    parser.add_argument("--round-every", type=float, metavar="S", help="least time between rounds")
    parser.add_argument("--time-limit", type=float, metavar="S", help="per thread count")
    parser.add_argument("--reference", metavar="MODEL", help="for the ratios; the first otherwise")
    parser.add_argument("--power-mode", metavar="big|little|all|none", help="of a phone (big)")
    parser.add_argument("--affinity", metavar="MASK", help="taskset on the phone, power mode none")
    parser.add_argument("--max-temp", type=float, metavar="C", help="wait while a device is hotter")
    parser.add_argument("--max-wait", type=float, metavar="S", help="for cooling or return (300)")
    parser.add_argument(
        "--benchmark-bin",
        type=_program,
        action="append",
        metavar="[ABI=]PATH",
        help="Paddle-Lite's program for phones; remembered per ABI",
    )
    parser.add_argument(
        "--device-folder", metavar="DIR", help="on phones, to work in (/data/local/tmp)"
    )
    parser.add_argument(
        "--image", type=Path, metavar="FILE",
        help="to time on, by each model's own preprocessing; otherwise noise, in which detectors "
        "find nothing",
    )  # fmt: skip
    parser.add_argument("--resume", action="store_true", help="skip what the result file holds")
    parser.add_argument("--dry-run", action="store_true", help="show the plan, measure nothing")
    # that file is kept all along: nothing is left to write at the end
    parser.set_defaults(results=Path("output/latency.json"), keeps_json=True)


def _program(text: str) -> tuple[str, Path]:
    abi, equals, path = text.rpartition("=")
    return (abi, Path(path)) if equals else ("*", Path(text))


def _thread_counts(text: str) -> tuple[int, ...]:
    return tuple(positive(part) for part in text.split(","))


def bench(args: argparse.Namespace) -> Output:
    """A latency campaign."""
    from ppghost.deploy.devices.discovery import find_devices
    from ppghost.deploy.latency.campaign import load_campaign

    given = {name: getattr(args, name) for name in CAMPAIGN_FLAGS}
    given["benchmark_bin"] = dict(args.benchmark_bin or ())
    if not args.layers:
        given["input_shapes"] = _unnamed_shapes(args)
    campaign = load_campaign(args.campaign, args.override, given)
    if campaign.image and (args.layers or args.guidelines):
        raise InputError("--image: layers and test nets are timed on noise; drop it")
    output = Path(args.json) if args.json not in (None, "-") else args.results
    run, table = _kind(args)
    try:
        with live_lines():
            measured = run(
                campaign,
                find_devices(campaign.devices, campaign.device_options()),
                output=output,
                resume=args.resume,
                dry_run=args.dry_run,
                command=command_line(args),
            )
    except PPGhostError as error:
        if (found := error.result) is not None:
            error.result = found.to_json()
            with contextlib.suppress(PPGhostError):
                error.text = table(found)
        raise
    result = measured.to_json()
    return result, table(measured) if not args.dry_run else to_json(result["plan"])


def _kind(args: argparse.Namespace) -> "Kind":
    if args.layers:
        return _layers(args)
    return _guidelines() if args.guidelines else _models()


def _unnamed_shapes(args: argparse.Namespace) -> list[list[int]]:
    """Shapes in feed order. Raises InputError where one is named."""
    shapes = args.input_shapes or []
    if named := [name for name, _ in shapes if name is not None]:
        raise InputError(
            "--input-shape: the inputs of a .nb have no names ({named}); give the shapes "
            "alone, in feed order",
            named=named[0],
        )
    return [shape for _, shape in shapes]


def _models() -> "Kind":
    from ppghost.deploy.latency.runner import run_campaign
    from ppghost.deploy.latency.tables import latency_table

    return partial(run_campaign, read_image=_read_image), latency_table


def _read_image(preprocess: "Preprocess", image: Path) -> "np.ndarray":
    # only here: bench starts without what decodes images
    from ppghost.inference.preprocess import read_input

    return read_input(preprocess["transform_ops"], image, boxes=preprocess["boxes"])


def _layers(args: argparse.Namespace) -> "Kind":
    from ppghost.analysis.complexity import count_macs
    from ppghost.deploy.latency.layer_shares import layer_shares
    from ppghost.deploy.latency.tables import layers_table
    from ppghost.deploy.profiling.layers import run_layers

    shape = input_shapes(args.input_shapes)
    return (
        partial(run_layers, input_shape=shape, count_macs=count_macs),
        lambda measured: "\n\n".join(map(layers_table, layer_shares(measured))),
    )


def _guidelines() -> "Kind":
    from ppghost.analysis.complexity import count_macs
    from ppghost.deploy.latency.guideline_ratios import guideline_ratios
    from ppghost.deploy.latency.tables import guidelines_table
    from ppghost.deploy.profiling.guidelines import run_guidelines

    return (
        partial(run_guidelines, count_macs=count_macs),
        lambda measured: "\n\n".join(map(guidelines_table, guideline_ratios(measured))),
    )
