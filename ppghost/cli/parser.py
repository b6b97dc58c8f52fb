"""The command line: every command with its arguments."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ppghost import __version__
from ppghost.cli import commands


def make_parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", metavar="FILE", help="write the result as JSON (- for stdout)")
    loudness = common.add_mutually_exclusive_group()
    loudness.add_argument("-v", "--verbose", action="store_true", help="say more")
    loudness.add_argument("-q", "--quiet", action="store_true", help="only warnings and errors")

    configured = argparse.ArgumentParser(add_help=False)
    configured.add_argument("-c", "--config", type=Path, required=True, help="PaddleClas YAML")
    configured.add_argument(
        "-o",
        "--override",
        action="append",
        default=[],
        metavar="KEY.SUB=VALUE",
        help="override one key of the config (repeatable; list items by index)",
    )

    parser = argparse.ArgumentParser(
        prog="ppghost",
        description="GhostNet in PaddlePaddle, from the first convolution to the phone.",
    )
    parser.add_argument("--version", action="version", version=f"ppghost {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, help, *, parent=subparsers, config=False):
        parents = [common, configured] if config else [common]
        sub = parent.add_parser(name, help=help, description=help, parents=parents)
        sub.set_defaults(run=run)
        return sub

    def group(name, help, metavar):
        sub = subparsers.add_parser(name, help=help)
        return sub.add_subparsers(required=True, metavar=metavar)

    command("list", commands.list_architectures, "architectures, ours and PaddleClas's")
    _add_config(command, group("config", "look at configs", "WHAT"))
    _add_data(command, group("data", "make data sets", "DATASET"))
    _add_training(command)
    _add_predict(command("predict", commands.predict, "class and score for images"))
    _add_convert(command("convert", commands.convert, "make a .nb with paddle_lite_opt"))
    _add_quantize(command("quantize", commands.quantize, "static int8, by calibration images"))
    _add_weights(command, group("weights", "weights of other programs", "WHAT"))
    command("devices", commands.devices, "what can be timed on")
    _add_bench(command("bench", commands.bench, "latency on this host and on phones over adb"))
    _add_compare(command("compare", commands.compare, "faster or slower; exit 1 on a regression"))
    _add_report(command("report", commands.report, "page, table and curve from bench results"))
    sub = command("demo", commands.demo, "the main job on real images, this host as the device")
    sub.add_argument("--output", type=Path, default=Path("output/demo"), metavar="DIR")
    return parser


def _add_config(command: Callable, parent: Any) -> None:
    text = "the whole config, for PaddleClas"
    command("show", commands.config_show, text, parent=parent, config=True)


def _add_data(command: Callable, parent: Any) -> None:
    text = "scikit-learn's handwritten digits, as files"
    sub = command("digits", commands.data_digits, text, parent=parent)
    sub.add_argument("directory", type=Path, metavar="DIR")
    sub.add_argument("--force", action="store_true", help="renew a damaged copy")


def _add_training(command: Callable) -> None:
    sub = command("train", commands.train, "train on a static graph", config=True)
    sub.add_argument("--resume", metavar="auto|PATH", help="go on from a checkpoint")

    command("eval", commands.evaluate, "top-1 and top-5 of Global.pretrained_model", config=True)

    sub = command("export", commands.export, "write an inference model", config=True)
    sub.add_argument("--output", type=Path, required=True, metavar="DIR")
    sub.add_argument(
        "--random-weights",
        action="store_true",
        help="without Global.pretrained_model export an untrained net, to time it",
    )


def _add_predict(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    sub.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    sub.add_argument("--topk", type=_positive, metavar="K")
    sub.add_argument("--labels", type=Path, metavar="FILE", help="'id name' lines")


def _add_convert(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model_dirs", type=Path, nargs="+", metavar="MODEL_DIR")
    sub.add_argument("--target", required=True, metavar="arm|x86|opencl|arm,opencl")
    sub.add_argument("--fp16", action="store_true", help="fp16 kernels (arm)")
    sub.add_argument("--weights", metavar="int8|int16", help="a smaller file, same kernels")
    sub.add_argument(
        "--input-shape",
        type=_sizes,
        metavar="1,3,224,224",
        help="for a model that leaves its input open and has no inference.yml",
    )
    sub.add_argument(
        "--timeout", type=_positive, default=300, metavar="SECONDS", help="for each model"
    )
    sub.add_argument(
        "--output", type=Path, required=True, metavar="FILE.nb", help="a folder for several models"
    )


def _add_quantize(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    sub.add_argument(
        "--images", type=Path, required=True, metavar="LIST", help="'path' or 'path label' lines"
    )
    sub.add_argument(
        "--image-root", type=Path, metavar="DIR", help="what the paths are relative to, if not LIST"
    )
    sub.add_argument("--output", type=Path, required=True, metavar="DIR")
    sub.add_argument(
        "--samples",
        type=_positive,
        default=32,
        metavar="N",
        help="images to calibrate with, at most half of the list (default 32)",
    )
    sub.add_argument(
        "--algo", default="avg", metavar="NAME", help="avg (default), hist, KL, mse, emd, abs_max"
    )
    sub.add_argument(
        "--min-agreement",
        type=float,
        default=0.9,
        metavar="SHARE",
        help="least cosine and top-1 agreement with fp32 (default 0.9)",
    )


def _add_weights(command: Callable, parent: Any) -> None:
    text = "weights of PaddleClas 1.x and 2.x, safetensors or PyTorch, in another format"
    sub = command("convert", commands.weights_convert, text, parent=parent)
    sub.add_argument("source", type=Path, metavar="SRC")
    sub.add_argument("target", type=Path, metavar="DST", help="FILE.pdparams or FILE.safetensors")
    sub.add_argument("--arch", required=True, metavar="NAME", help="see ppghost list")
    sub.add_argument("--class-num", type=_positive, metavar="N", help="if not the usual one")


def _add_bench(sub: argparse.ArgumentParser) -> None:
    """Arguments of `bench`; what a campaign file can hold has no default here."""
    sub.add_argument("models", type=Path, nargs="*", metavar="MODEL", help=".nb files or folders")
    sub.add_argument(
        "-c", "--campaign", type=Path, metavar="CAMPAIGN.yaml", help="see configs/bench/"
    )
    sub.add_argument(
        "-o", "--override", action="append", default=[], metavar="KEY=VALUE",
        help="override one key of the campaign (repeatable)",
    )  # fmt: skip
    sub.add_argument(
        "--device",
        dest="devices",
        type=lambda text: tuple(text.split(",")),
        action="extend",
        metavar="host|SERIAL|all",
        help="several at once: all, a list with commas, or given again; HOST:PORT is connected to",
    )
    sub.add_argument("--threads", type=_thread_counts, metavar="1,2,4")
    sub.add_argument("--rounds", type=_positive, metavar="N", help="40; at most, with --precision")
    sub.add_argument(
        "--repeats", type=_positive, metavar="N", help="inferences of a burst (2, phones 5)"
    )
    sub.add_argument("--burst-warmup", type=int, metavar="N", help="others before each burst (1)")
    sub.add_argument("--precision", metavar="2%", help="stop when each interval is so narrow")
    sub.add_argument("--round-every", type=float, metavar="S", help="least time between rounds")
    sub.add_argument("--time-limit", type=float, metavar="S", help="per thread count")
    sub.add_argument("--reference", metavar="MODEL", help="for the ratios; the first otherwise")
    sub.add_argument("--power-mode", metavar="big|little|all|none", help="of a phone (big)")
    sub.add_argument("--affinity", metavar="MASK", help="taskset on the phone, power mode none")
    sub.add_argument("--max-temp", type=float, metavar="C", help="wait while a device is hotter")
    sub.add_argument("--max-wait", type=float, metavar="S", help="for cooling or return (300)")
    sub.add_argument(
        "--benchmark-bin",
        type=_program,
        action="append",
        metavar="[ABI=]PATH",
        help="Paddle-Lite's program for phones; remembered per ABI",
    )
    sub.add_argument("--resume", action="store_true", help="skip what the result file holds")
    sub.add_argument("--dry-run", action="store_true", help="show the plan, measure nothing")
    sub.set_defaults(results=Path("output/latency.json"))


def _add_compare(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("old", type=Path, metavar="OLD.json")
    sub.add_argument("new", type=Path, metavar="NEW.json")
    sub.add_argument(
        "--threshold",
        type=_percent,
        default=5.0,
        metavar="PCT",
        help="a model slower by more than this many percent is a regression (5)",
    )
    sub.add_argument(
        "--drift",
        type=_percent,
        metavar="PCT",
        help="what two campaigns of one model may differ by (1.5 in ratios to a reference, else 5)",
    )
    sub.add_argument("--force", action="store_true", help="also across devices and settings")


def _add_report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("results", type=Path, nargs="+", metavar="RESULT.json")
    sub.add_argument("--output", type=Path, required=True, metavar="DIR")
    sub.add_argument("--lang", choices=("en", "zh"), default="en", help="English or Chinese (en)")


def _program(text: str) -> tuple[str, Path]:
    abi, equals, path = text.rpartition("=")
    return (abi, Path(path)) if equals else ("*", Path(text))


def _percent(text: str) -> float:
    try:
        value = float(text.rstrip("%"))
    except ValueError:
        value = -1.0
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of percent, 0 or more")
    return value


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _sizes(text: str) -> list[int]:
    return [_positive(part) for part in text.split(",")]


def _thread_counts(text: str) -> tuple[int, ...]:
    return tuple(_positive(part) for part in text.split(","))
