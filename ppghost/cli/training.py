"""From a config to a trained network and its predictions."""

import argparse
from pathlib import Path

from ppghost.cli.common import Commands, Output, load_config, positive


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    group = commands.group("config", "look at configs", "WHAT")
    commands.add("show", show_config, "the whole config, for PaddleClas", group=group, config=True)

    group = commands.group("data", "make data sets", "DATASET")
    parser = commands.add(
        "digits", write_digits, "scikit-learn's handwritten digits, as files", group=group
    )
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--force", action="store_true", help="renew a damaged copy")

    parser = commands.add("train", train, "train on a static graph", config=True)
    parser.add_argument("--resume", metavar="auto|PATH", help="go on from a checkpoint")

    commands.add("eval", evaluate, "top-1 and top-5 of Global.pretrained_model", config=True)

    parser = commands.add("export", export, "write an inference model", config=True)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="without Global.pretrained_model export an untrained net, to time it",
    )

    parser = commands.add("predict", predict, "class and score for images")
    parser.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--topk", type=positive, metavar="K")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="'id name' lines")


def show_config(args: argparse.Namespace) -> Output:
    """The config with everything that it inherits and every default."""
    config = load_config(args)
    from ppghost.config import loading

    return config, loading.dump(config).rstrip()


def write_digits(args: argparse.Namespace) -> Output:
    """scikit-learn's digits as image files with lists."""
    from ppghost.data.datasets import digits

    result = digits.write_digits(args.directory, force=args.force)
    done = "written to" if result["written"] else "already in"
    return result, f"{result['train']} + {result['val']} digits {done} {args.directory}"


def train(args: argparse.Namespace) -> Output:
    """Train as the config says."""
    config = load_config(args)
    from ppghost.training import loop

    result = loop.train(config, args.resume)
    if result["best"] is not None:
        return result, f"best accuracy {result['best']:.4f}"
    means = result.get("train") or {}
    loss = f", training loss {means['loss']:.4f}" if means else ""
    return result, f"{result['epochs']} epochs, not evaluated{loss}"


def evaluate(args: argparse.Namespace) -> Output:
    """Accuracy of the config's weights."""
    config = load_config(args)
    from ppghost.training import evaluation

    result = evaluation.evaluate(config)
    rate = result["images_per_second"]
    return result, f"{evaluation.describe(result)}, {rate} images/s"


def export(args: argparse.Namespace) -> Output:
    """The config's weights as an inference model."""
    config = load_config(args)
    from ppghost.inference import export

    result = export.export(config, args.output, random_weights=args.random_weights)
    return result.to_json(), f"{result.model_dir}: {result.bytes} bytes"


def predict(args: argparse.Namespace) -> Output:
    """The best classes of images."""
    from ppghost.inference import predict

    results = predict.predict(args.model_dir, args.images, args.topk, args.labels)
    lines = []
    for result in results:
        best = (f"{e['label'] or e['class_id']} {e['score']:.4f}" for e in result["topk"])
        lines.append(f"{result['image']}: {', '.join(best)}")
    return results, "\n".join(lines)
