"""The `ppghost` command. Nothing heavy is imported before the command is known."""

import argparse
import contextlib
import json
import logging
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

from ppghost import __version__
from ppghost.errors import INTERRUPTED, CheckFailed, PPGhostError
from ppghost.files import write_json

log = logging.getLogger("ppghost")


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code (see `ppghost.errors`)."""
    # Paddle's C++ side reports every executor it makes; only its errors are for our users
    os.environ.setdefault("GLOG_minloglevel", "2")
    signal.signal(signal.SIGTERM, _interrupt)
    argv = sys.argv[1:] if argv is None else argv
    args = _parser().parse_args(argv, argparse.Namespace(argv=argv))
    _set_up_logging(args)
    try:
        # standard output is for results alone; libraries print where they like
        try:
            with contextlib.redirect_stdout(sys.stderr):
                result, text = args.run(args)
        except PPGhostError as error:
            if error.result is not None:
                _put_out(args, error.result, error.text)
            raise
        _put_out(args, result, text)
    except PPGhostError as error:
        print(f"ppghost: error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("ppghost: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # `ppghost list | head`
        sys.stderr.close()
        return 0
    return 0


def _put_out(args: argparse.Namespace, result: Any, text: str | None) -> None:
    """The result where `--json` wants it; `text`, if any, for people."""
    if args.json == "-":
        sys.stdout.write(_to_json(result))
    else:
        if args.json and args.command != "bench":  # bench has kept that file all along
            write_json(Path(args.json), result)
        if text:
            print(text)
    sys.stdout.flush()


def _interrupt(number, frame):
    raise KeyboardInterrupt


def _to_json(result: Any) -> str:
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"


class _Formatter(logging.Formatter):
    """Information as it is; anything worse says what it is."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return text if record.levelno <= logging.INFO else f"{record.levelname.lower()}: {text}"


def _set_up_logging(args: argparse.Namespace) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(message)s"))
    level = logging.DEBUG if args.verbose else logging.WARNING if args.quiet else logging.INFO
    for name in ("ppghost", "deploy"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def _load_config(args: argparse.Namespace) -> dict:
    from ppghost import config

    return config.load(args.config, args.override)


# Each command returns (the result for --json, the text for people).


def _list(args):
    from ppghost import analysis
    from ppghost.models import zoo

    rows = []
    for name, known in (zoo.paddleclas_architectures() | zoo.ARCHITECTURES).items():
        ours = name in zoo.ARCHITECTURES
        figures = {"params": None, "macs": None}
        if ours:
            figures = zoo.complexity(name) or analysis.count_architecture(name)._asdict()
        rows.append(
            {
                "name": name,
                "family": known.family,
                "source": "ppghost" if ours else "paddleclas",
                "input": list(known.input_shape),
                **figures,
            }
        )
    rows.sort(key=lambda row: row["source"] != "ppghost")
    lines = [f"{'architecture':<34} {'family':<22} {'source':<10} {'params':>8} {'MACs':>10}"]
    for row in rows:
        figures = (f"{row[k] / 1e6:.2f} M" if row[k] else "" for k in ("params", "macs"))
        line = f"{row['name']:<34} {row['family']:<22} {row['source']:<10}"
        lines.append(f"{line} {next(figures):>8} {next(figures):>10}".rstrip())
    return rows, "\n".join(lines)


def _data_digits(args):
    from ppghost.data.digits import write_digits

    result = write_digits(args.directory, force=args.force)
    done = "written to" if result["written"] else "already in"
    return result, f"{result['train']} + {result['val']} digits {done} {args.directory}"


def _config_show(args):
    config = _load_config(args)
    from ppghost.config import dump

    return config, dump(config).rstrip()


def _train(args):
    config = _load_config(args)
    from ppghost.train import loop

    result = loop.train(config, args.resume)
    return result, f"best accuracy {result['best']:.4f}"


def _eval(args):
    config = _load_config(args)
    from ppghost.train import evaluation

    result = evaluation.evaluate_config(config)
    rate = result["images_per_second"]
    return result, f"{evaluation.describe(result)}, {rate} images/s"


def _export(args):
    config = _load_config(args)
    from ppghost import export

    result = export.export(config, args.output, random_weights=args.random_weights)
    return result, f"{result['model_dir']}: {result['bytes']} bytes"


def _predict(args):
    from ppghost.predict import predict

    results = predict(args.model_dir, args.images, args.topk, args.labels)
    lines = []
    for result in results:
        best = (f"{e['label'] or e['class_id']} {e['score']:.4f}" for e in result["topk"])
        lines.append(f"{result['image']}: {', '.join(best)}")
    return results, "\n".join(lines)


def _convert(args):
    from deploy.convert import convert, convert_all
    from ppghost.errors import ConversionError

    options = {
        "fp16": args.fp16,
        "weights": args.weights,
        "input_shape": args.input_shape,
        "timeout": args.timeout,
    }
    if len(args.model_dirs) == 1:
        result = convert(args.model_dirs[0], args.target, args.output, **options)
        return result, _converted(result)
    results = convert_all(args.model_dirs, args.target, args.output, **options)
    failed = [one for one in results if "error" in one]
    if failed:
        error = ConversionError(
            f"{len(failed)} of {len(results)} models could not be converted; see above"
        )
        error.result = results
        raise error
    return results, "\n".join(map(_converted, results))


def _converted(result: dict) -> str:
    check = result["output_check"]
    checked = f", largest difference from Paddle {check['max_abs_diff']:.1e}" if check else ""
    return f"{result['nb']}: {result['bytes']} bytes for {result['target']}{checked}"


def _quantize(args):
    from deploy.quantize import quantize
    from ppghost.data.inference import ListedImages

    images = ListedImages(args.model_dir, args.images, args.image_root)
    result = quantize(
        args.model_dir,
        images,
        args.output,
        samples=args.samples,
        algo=args.algo,
        min_agreement=args.min_agreement,
    )
    return result, _quantized(result)


def _quantized(result: dict) -> str:
    """What was written, and how well it agrees, in a few lines."""
    where = "held-out" if result["held_out"] else "calibration"
    lines = [
        f"{result['model_dir']}: int8 by {result['algo']}, {result['bytes']} bytes",
        f"agreement with fp32 on {result['measured_images']} {where} images, in Paddle's "
        f"simulation: top-1 {result['top1_agreement']:.4f}, cosine {result['cosine']:.4f}",
    ]
    if result["fp32"]["top1"] is not None:
        fp32, int8 = result["fp32"], result["int8"]
        lines.append(
            f"top-1 {fp32['top1']:.4f} -> {int8['top1']:.4f}, "
            f"top-5 {fp32['top5']:.4f} -> {int8['top5']:.4f}"
        )
    return "\n".join(lines)


def _weights_convert(args):
    from ppghost.weight_conversion import convert

    result = convert(args.source, args.target, args.arch, args.class_num)
    left = len(result["unexpected"])
    unused = f", {left} of the file not used" if left else ""
    return result, f"{args.target}: {len(result['loaded'])} tensors of {args.arch}{unused}"


def _devices(args):
    from deploy.devices import describe_all, in_words

    devices = describe_all()
    return devices, "\n".join(map(in_words, devices))


def _bench(args):
    from deploy.bench import bench
    from deploy.campaign import load_campaign
    from deploy.devices import find_devices
    from deploy.tables import latency_table

    given = {name: getattr(args, name) for name in _CAMPAIGN_FLAGS}
    given["benchmark_bin"] = dict(args.benchmark_bin or ())
    campaign = load_campaign(args.campaign, args.override, given)
    output = Path(args.json) if args.json not in (None, "-") else args.results
    result = bench(
        campaign,
        find_devices(campaign.devices, campaign),
        output=output,
        resume=args.resume,
        dry_run=args.dry_run,
        command=shlex.join(["ppghost", *args.argv]),
    )
    return result, latency_table(result) if not args.dry_run else _to_json(result["plan"])


def _compare(args):
    from deploy.compare import compare
    from deploy.tables import comparison_table

    result = compare(args.old, args.new, threshold=args.threshold / 100, force=args.force)
    text = comparison_table(result)
    if result["regressions"]:
        error = CheckFailed(f"{args.new}: slower than {args.old} by over {args.threshold:g} %")
        error.result, error.text = result, text
        raise error
    return result, text


def _report(args):
    from deploy.report import report

    result = report(args.results, args.output)
    return result, f"report: {result['index']}"


def _demo(args):
    from ppghost import demo

    result = demo.demo(args.output)
    return result, demo.summary(result)


def _parser() -> argparse.ArgumentParser:
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
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name, run, help, *, parent=commands, config=False):
        parents = [common, configured] if config else [common]
        sub = parent.add_parser(name, help=help, description=help, parents=parents)
        sub.set_defaults(run=run)
        return sub

    command("list", _list, "architectures, ours and PaddleClas's")

    configs = commands.add_parser("config", help="look at configs").add_subparsers(
        required=True, metavar="WHAT"
    )
    command("show", _config_show, "the whole config, for PaddleClas", parent=configs, config=True)

    data = commands.add_parser("data", help="make data sets").add_subparsers(
        required=True, metavar="DATASET"
    )
    sub = command(
        "digits", _data_digits, "scikit-learn's handwritten digits, as files", parent=data
    )
    sub.add_argument("directory", type=Path, metavar="DIR")
    sub.add_argument("--force", action="store_true", help="renew a damaged copy")

    sub = command("train", _train, "train on a static graph", config=True)
    sub.add_argument("--resume", metavar="auto|PATH", help="go on from a checkpoint")

    command("eval", _eval, "top-1 and top-5 of Global.pretrained_model", config=True)

    sub = command("export", _export, "write an inference model", config=True)
    sub.add_argument("--output", type=Path, required=True, metavar="DIR")
    sub.add_argument(
        "--random-weights",
        action="store_true",
        help="without Global.pretrained_model export an untrained net, to time it",
    )

    sub = command("predict", _predict, "class and score for images")
    sub.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    sub.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    sub.add_argument("--topk", type=_positive, metavar="K")
    sub.add_argument("--labels", type=Path, metavar="FILE", help="'id name' lines")

    sub = command("convert", _convert, "make a .nb with paddle_lite_opt")
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

    sub = command("quantize", _quantize, "static int8, by calibration images")
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

    weights = commands.add_parser("weights", help="weights of other programs").add_subparsers(
        required=True, metavar="WHAT"
    )
    sub = command(
        "convert",
        _weights_convert,
        "weights of PaddleClas 1.x and 2.x, safetensors or PyTorch, in another format",
        parent=weights,
    )
    sub.add_argument("source", type=Path, metavar="SRC")
    sub.add_argument("target", type=Path, metavar="DST", help="FILE.pdparams or FILE.safetensors")
    sub.add_argument("--arch", required=True, metavar="NAME", help="see ppghost list")
    sub.add_argument("--class-num", type=_positive, metavar="N", help="if not the usual one")

    command("devices", _devices, "what can be timed on")

    _add_bench(command("bench", _bench, "measure latency on this host and on phones over adb"))

    sub = command("compare", _compare, "faster, slower, or cannot tell; exit 1 on a regression")
    sub.add_argument("old", type=Path, metavar="OLD.json")
    sub.add_argument("new", type=Path, metavar="NEW.json")
    sub.add_argument(
        "--threshold",
        type=_percent,
        default=5.0,
        metavar="PCT",
        help="a model slower by more than this many percent is a regression (5)",
    )
    sub.add_argument("--force", action="store_true", help="also across devices and settings")

    sub = command("report", _report, "page, table and curve from bench results")
    sub.add_argument("results", type=Path, nargs="+", metavar="RESULT.json")
    sub.add_argument("--output", type=Path, required=True, metavar="DIR")

    sub = command("demo", _demo, "the main job on real images, this host as the device")
    sub.add_argument("--output", type=Path, default=Path("output/demo"), metavar="DIR")
    return parser


#: flags that are keys of a campaign; they win over its file
_CAMPAIGN_FLAGS = (
    "models", "devices", "threads", "rounds", "repeats", "burst_warmup", "precision",
    "time_limit", "reference", "power_mode", "affinity", "max_temp", "max_wait", "benchmark_bin",
)  # fmt: skip


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
    sub.add_argument("--rounds", type=_positive, metavar="N", help="20; at most, with --precision")
    sub.add_argument("--repeats", type=_positive, metavar="N", help="inferences of a burst (5)")
    sub.add_argument("--burst-warmup", type=int, metavar="N", help="others before each burst (1)")
    sub.add_argument("--precision", metavar="2%", help="stop when each interval is so narrow")
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
