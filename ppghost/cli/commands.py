"""What each `ppghost` command does: (the result for `--json`, the text for people).

Each takes the parsed arguments of `ppghost.cli.parser`. Nothing heavy is imported before its
function runs.
"""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from ppghost.errors import CheckFailed

#: flags that are keys of a campaign; they win over its file
CAMPAIGN_FLAGS = (
    "models", "devices", "threads", "rounds", "repeats", "burst_warmup", "precision",
    "round_every", "time_limit", "reference", "power_mode", "affinity", "max_temp", "max_wait",
    "benchmark_bin",
)  # fmt: skip


def list_architectures(args):
    from ppghost.analysis import complexity as analysis
    from ppghost.models import factory as zoo

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


def data_digits(args):
    from ppghost.data.datasets.digits import write_digits

    result = write_digits(args.directory, force=args.force)
    done = "written to" if result["written"] else "already in"
    return result, f"{result['train']} + {result['val']} digits {done} {args.directory}"


def config_show(args):
    config = _load_config(args)
    from ppghost.config.loading import dump

    return config, dump(config).rstrip()


def train(args):
    config = _load_config(args)
    from ppghost.training import loop

    result = loop.train(config, args.resume)
    return result, f"best accuracy {result['best']:.4f}"


def evaluate(args):
    config = _load_config(args)
    from ppghost.training import evaluation

    result = evaluation.evaluate_config(config)
    rate = result["images_per_second"]
    return result, f"{evaluation.describe(result)}, {rate} images/s"


def export(args):
    config = _load_config(args)
    from ppghost.inference import export

    result = export.export(config, args.output, random_weights=args.random_weights)
    return result, f"{result['model_dir']}: {result['bytes']} bytes"


def predict(args):
    from ppghost.inference.predict import predict

    results = predict(args.model_dir, args.images, args.topk, args.labels)
    lines = []
    for result in results:
        best = (f"{e['label'] or e['class_id']} {e['score']:.4f}" for e in result["topk"])
        lines.append(f"{result['image']}: {', '.join(best)}")
    return results, "\n".join(lines)


def convert(args):
    from ppghost.deploy.conversion.convert import convert, convert_all
    from ppghost.errors import ConversionError

    options = {
        "fp16": args.fp16,
        "weights": args.weights,
        "input_shape": args.input_shape,
        "timeout": args.timeout,
        "command": _command_line(args),
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


def quantize(args):
    from ppghost.deploy.conversion.quantize import quantize
    from ppghost.inference.preprocess import ListedImages

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


def weights_convert(args):
    from ppghost.weights.conversion import convert

    result = convert(args.source, args.target, args.arch, args.class_num)
    left = len(result["unexpected"])
    unused = f", {left} of the file not used" if left else ""
    return result, f"{args.target}: {len(result['loaded'])} tensors of {args.arch}{unused}"


def devices(args):
    from ppghost.deploy.devices.discovery import describe_all, in_words

    devices = describe_all()
    return devices, "\n".join(map(in_words, devices))


def bench(args):
    from ppghost.deploy.devices.discovery import find_devices
    from ppghost.deploy.latency.campaign import load_campaign
    from ppghost.deploy.latency.runner import bench
    from ppghost.deploy.latency.tables import latency_table

    given = {name: getattr(args, name) for name in CAMPAIGN_FLAGS}
    given["benchmark_bin"] = dict(args.benchmark_bin or ())
    campaign = load_campaign(args.campaign, args.override, given)
    output = Path(args.json) if args.json not in (None, "-") else args.results
    result = bench(
        campaign,
        find_devices(campaign.devices, campaign),
        output=output,
        resume=args.resume,
        dry_run=args.dry_run,
        command=_command_line(args),
    )
    return result, latency_table(result) if not args.dry_run else to_json(result["plan"])


def compare(args):
    from ppghost.deploy.latency.compare import compare
    from ppghost.deploy.latency.tables import comparison_table

    drift = None if args.drift is None else args.drift / 100
    result = compare(
        args.old, args.new, threshold=args.threshold / 100, drift=drift, force=args.force
    )
    text = comparison_table(result)
    if result["regressions"]:
        error = CheckFailed(f"{args.new}: slower than {args.old} by over {args.threshold:g} %")
        error.result, error.text = result, text
        raise error
    return result, text


def report(args):
    from ppghost.deploy.reporting.write import report

    result = report(args.results, args.output, lang=args.lang, command=_command_line(args))
    return result, f"report: {result['index']}"


def demo(args):
    from ppghost.cli import demo

    result = demo.demo(args.output)
    return result, demo.summary(result)


def _command_line(args: argparse.Namespace) -> str:
    """The whole command, as it can be given to a shell again."""
    return shlex.join(["ppghost", *args.argv])


def _load_config(args: argparse.Namespace) -> dict:
    from ppghost.config import loading as config

    return config.load(args.config, args.override)


def to_json(result: Any) -> str:
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"
