"""From a config to a trained network and its predictions."""

import argparse
from pathlib import Path

from ppghost.cli.common import (
    Commands,
    Output,
    above_zero,
    add_config_arguments,
    load_config,
    numbers,
    positive,
    score,
)
from ppghost.errors import CheckFailed, InputError, PPGhostError


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

    parser = commands.add("shapes", write_shapes, "shapes on photos, with boxes", group=group)
    parser.add_argument("directory", type=Path, metavar="DIR")
    parser.add_argument("--images", type=positive, default=150, metavar="N", help="default 150")
    parser.add_argument(
        "--size", type=positive, default=320, metavar="S", help="longer side; default 320 pixels"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="K", help="default 0")
    parser.add_argument("--one-class", action="store_true", help="call all of them shape")
    parser.add_argument("--force", action="store_true", help="renew a damaged copy")

    parser = commands.add("train", train, "train on a static graph", config=True)
    parser.add_argument("--resume", metavar="auto|PATH", help="go on from a checkpoint")

    text = "what will go wrong with a config, before it does: lists, images, recipe, one step"
    commands.add("doctor", doctor, text, config=True)

    commands.add("eval", evaluate, "top-1 and top-5 of Global.pretrained_model", config=True)

    parser = commands.add("export", export, "write an inference model", config=True)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="if not Global.save_inference_dir"
    )
    parser.add_argument(
        "--batch-size", type=positive, metavar="N", help="images at once; any number if not given"
    )
    parser.add_argument(
        "--random-weights",
        action="store_true",
        help="without Global.pretrained_model export an untrained net, to time it",
    )

    parser.add_argument(
        "--exclude-post-process",
        action="store_true",
        help="of a detector: end with its network, before decoding and suppression",
    )

    parser = commands.add("predict", predict, "classes, or boxes, and scores for images")
    parser.add_argument(
        "sources",
        type=Path,
        nargs="*",
        metavar="MODEL_DIR IMAGE",
        help="an exported model, then images, folders, globs or lists (.txt); with -c no model, "
        "and without images those of Infer.infer_imgs",
    )
    add_config_arguments(parser, required=False)
    parser.add_argument("--topk", type=positive, metavar="K")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="'id name' lines")
    parser.add_argument(
        "--batch-size",
        type=positive,
        metavar="N",
        help="images at once in a thread, if the model takes any number",
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="of the CPU; all that there are if not given"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write .csv, .jsonl or .json as well; of boxes .json is in COCO's form",
    )
    parser.add_argument(
        "--draw", type=Path, metavar="DIR", help="write each image with its boxes into a folder"
    )
    parser.add_argument(
        "--threshold",
        type=score,
        default=0.5,
        metavar="SCORE",
        help="least score of boxes that are shown and drawn (default 0.5); files hold all",
    )

    parser = commands.add("label", label, "labels for images, by a trained teacher", config=True)
    parser.add_argument(
        "--images", type=Path, required=True, metavar="FOLDER_OR_LIST", help="or a glob"
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE.json",
        help="COCO's form, of a classifier soft labels; a page, and the journal that a second run "
        "goes on from, are written beside it",
    )
    taken = parser.add_mutually_exclusive_group()
    taken.add_argument(
        "--threshold",
        type=score,
        metavar="SCORE",
        help="least score of a label; of a classifier least share that is told (default 0.001)",
    )
    taken.add_argument(
        "--objects-per-image",
        type=above_zero,
        metavar="N",
        help="mean number of labels, shared by the classes as in the training set; without it and "
        "--threshold each class has as many as there",
    )
    parser.add_argument(
        "--scales",
        type=numbers,
        metavar="S,S,...",
        help="image sizes over the config's (default 0.75,1,1.25, of a classifier 1)",
    )
    parser.add_argument("--no-flip", action="store_true", help="do not look at mirrored images too")
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="of the CPU; all that there are if not given"
    )


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


def doctor(args: argparse.Namespace) -> Output:
    """What will go wrong with a config."""
    from ppghost.doctor.examine import examine

    checks = examine(args.config, args.override)
    result = [check._asdict() for check in checks]
    width = max(len(check.check) for check in checks)
    lines = [f"{'ok' if c.ok else 'NO':<3} {c.check:<{width}}  {c.message}" for c in checks]
    if failed := [check for check in checks if not check.ok]:
        error = CheckFailed(f"{len(failed)} of {len(checks)} checks failed")
        error.result, error.text = result, "\n".join(lines)
        raise error
    return result, "\n".join(lines)


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

    result = export.export(
        config,
        args.output,
        random_weights=args.random_weights,
        batch=args.batch_size,
        exclude_post_process=args.exclude_post_process,
    )
    return result.to_json(), f"{result.model_dir}: {result.bytes} bytes"


def label(args: argparse.Namespace) -> Output:
    """Labels by the config's network."""
    config = load_config(args)
    from ppghost.inference import label as labelling

    taken = {"threshold": args.threshold, "objects_per_image": args.objects_per_image}
    how = {"scales": args.scales, "flip": not args.no_flip, "threads": args.threads}
    try:
        result = labelling.label(config, args.images, args.output, **taken, **how)
    except PPGhostError as error:
        if error.result is not None:
            error.text = _labelled(error.result)
        raise
    return result, _labelled(result)


def _labelled(result: dict) -> str:
    least = "" if result["threshold"] is None else f" of scores from {result['threshold']:.4f}"
    counts = f"{result['images']} images, {result['labels']} labels{least}"
    return f"{result['output']}: {counts}; look at a sample in {Path(result['output']).stem}.html"


def predict(args: argparse.Namespace) -> Output:
    """The best classes of images."""
    config = load_config(args) if args.config else None
    if args.override and config is None:
        raise InputError("-o is for a config: give -c CONFIG too")
    if config is None and len(args.sources) < 2:
        raise InputError("give MODEL_DIR and images, or -c CONFIG")
    from ppghost.inference import from_config, prediction_files
    from ppghost.inference.images import find_images

    output = args.output or (from_config.output_of_config(config) if config else None)
    if output:
        prediction_files.check_ending(output)
    how = {"topk": args.topk, "labels": args.labels}
    how |= {"batch_size": args.batch_size, "threads": args.threads}
    try:
        if config:
            images = find_images(args.sources)
            results = from_config.predict_with_config(config, images, **how)
        else:
            model, *sources = args.sources
            results = from_config.predict_or_detect(model, find_images(sources), **how)
    except PPGhostError as error:
        if error.result is not None:
            error.text = _keep_predictions(args, output, error.result)
        raise
    return results, _keep_predictions(args, output, results)


def _keep_predictions(args: argparse.Namespace, output: Path | None, results: list[dict]) -> str:
    """Write them where they were asked for; a line for each image."""
    from ppghost.inference import drawing, prediction_files

    if output:
        prediction_files.write_predictions(output, results)
    if args.draw:
        if not any("boxes" in result for result in results):
            raise InputError("--draw is for detectors; classes have no place in an image")
        drawing.draw_results(results, args.draw, args.threshold)
    return "\n".join(_predicted(result, args.threshold) for result in results)


def _predicted(result: dict, threshold: float) -> str:
    found = result["boxes"] if "boxes" in result else result["topk"]
    parts = []
    for entry in found:
        if "bbox" in entry and entry["score"] < threshold:
            continue
        place = f" at {', '.join(f'{v:.0f}' for v in entry['bbox'])}" if "bbox" in entry else ""
        parts.append(f"{entry['label'] or entry['class_id']} {entry['score']:.4f}{place}")
    # an error says itself of which image it is
    return result.get("error") or f"{result['image']}: {', '.join(parts) or 'nothing found'}"
