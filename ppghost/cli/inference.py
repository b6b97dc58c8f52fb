"""What a trained network is used for: an exported model, predictions, labels."""

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
from ppghost.errors import InputError, PPGhostError
from ppghost.i18n import say, tr, translate


def add_commands(commands: Commands) -> None:
    """Add this module's commands to the command line."""
    _add_export(commands.add("export", export, help="write an inference model", config=True))
    _add_predict(commands.add("predict", predict, help="classes, or boxes, and scores for images"))
    _add_label(
        commands.add("label", label, help="labels for images, by a trained teacher", config=True)
    )


def _add_export(parser: argparse.ArgumentParser) -> None:
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


def _add_predict(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        type=Path,
        nargs="*",
        metavar="MODEL_DIR IMAGE",
        help="an exported model, then images, folders, globs or lists (.txt); with -c no model, "
        "and without images those of Infer.infer_imgs",
    )
    add_config_arguments(parser, required=False)
    parser.add_argument("--topk", type=positive, metavar="K", help="classes of each image")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="'id name' lines")
    parser.add_argument(
        "--batch-size",
        type=positive,
        metavar="N",
        help="images at once in a thread, if the model takes any number",
    )
    parser.add_argument(
        "--threads", type=positive, metavar="N", help="of the CPU; all of them if not given"
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


def _add_label(parser: argparse.ArgumentParser) -> None:
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
        help="least score of a label; of a classifier least share that is written (default 0.001)",
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
        "--threads", type=positive, metavar="N", help="of the CPU; all of them if not given"
    )


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
    return result.to_json(), tr("{model_dir}: {bytes} bytes").format(
        model_dir=result.model_dir, bytes=result.bytes
    )


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
    known = tr("{output}: {images} images, {labels} labels; look at a sample in {page}")
    least = tr(
        "{output}: {images} images, {labels} labels of scores from {threshold:.4f}; look at a "
        "sample in {page}"
    )
    page = Path(result["output"]).with_suffix(".html")
    return (known if result["threshold"] is None else least).format(page=page, **result)


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
    how |= {"batch_size": args.batch_size, "threads": args.threads, "draw": args.draw}
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
    text = "\n".join(_predicted(result, args.threshold) for result in results)
    if args.draw:
        try:
            drawing.draw_results(results, args.draw, args.threshold)
        except InputError as error:
            error.result, error.text = results, text
            raise
    return text


def _predicted(result: dict, threshold: float) -> str:
    found = result["boxes"] if "boxes" in result else result["topk"]
    parts = []
    for entry in found:
        if "bbox" in entry and entry["score"] < threshold:
            continue
        place = ""
        if "bbox" in entry:
            place = say(" at {box}", box=", ".join(f"{v:.0f}" for v in entry["bbox"]))
        parts.append(f"{entry['label'] or entry['class_id']} {entry['score']:.4f}{place}")
    # an error says itself of which image it is
    nothing = say("nothing with a score of {threshold:g} or more", threshold=threshold)
    error = translate(result.get("error", ""))
    return error or f"{result['image']}: {', '.join(parts) or nothing}"
