"""A trained network as an inference model, with all that is needed to use it beside it.

`inference.yml` follows PaddleClas's (PreProcess, PostProcess) and adds the image's shape.
"""

import importlib.util
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import yaml

from ppghost import weights
from ppghost.analysis import complexity as analysis
from ppghost.errors import InputError
from ppghost.formats.exported import CONFIG_FILE, MODEL_FILE, RANDOM_WEIGHTS, publish
from ppghost.models import dy2static
from ppghost.static import program
from ppghost.static.runtime import Place, static_graph
from ppghost.tasks.classification import Classification
from ppghost.utils.files import output_errors, staging_directory
from ppghost.utils.text import parse_number
from ppghost.weights.pretrained import pretrained_path

logger = logging.getLogger(__name__)


def export(config: dict, output: str | Path, *, random_weights: bool = False) -> dict:
    """Write the inference model of the config's network into the directory `output`.

    Args:
        config: a checked configuration (`ppghost.load_config`).
        output: the folder; what it held of an older export is replaced.
        random_weights: export freshly initialised weights where the config names none; the
            latency of such a model is real, its predictions are not.

    Returns:
        {"model_dir", "inputs": [{"name", "shape"}], "outputs": [...], "bytes"}; batch is -1.

    Raises:
        InputError: no weights, weights of another network, `output` cannot be written.
    """
    with static_graph() as place:
        result = _export(config, Path(output), random_weights, place)
    logger.info("exported %s to %s", config["Arch"]["name"], output)
    return result


def _export(config: dict, output: Path, random_weights: bool, place: Place) -> dict:
    description = describe(config)
    graph = build_inference(config)
    description["Global"] |= _complexity(config)
    scope, executor = paddle.static.Scope(), paddle.static.Executor(place)
    path = pretrained_path(config)
    if path is None and not random_weights:
        raise InputError("Global.pretrained_model is missing; give the weights to export")
    with paddle.static.scope_guard(scope), staging_directory(output) as stage:
        program.initialize(executor, graph, config["Global"]["seed"] or 0, scope)
        if path is None:
            arrays = _random_weights(config, executor)
        else:
            arrays = weights.load(path, graph.network, config["Arch"]["name"]).arrays
        program.assign(scope, arrays)
        outputs = list(graph.outputs.values())
        with output_errors(output):
            paddle.static.save_inference_model(
                str((stage / MODEL_FILE).with_suffix("")),
                graph.inputs,
                outputs,
                executor,
                program=graph.program,
            )
            text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
            (stage / CONFIG_FILE).write_text(text, encoding="utf-8")
        size = publish(stage, output)
    return {
        "model_dir": str(output),
        "inputs": [_tensor(v) for v in graph.inputs],
        "outputs": [_tensor(v) for v in outputs],
        "bytes": size,
    }


def build_inference(config: dict) -> program.Graph:
    """Images [N, C, H, W] -> what the task predicts, in evaluation mode."""
    graph = program.build(config, _predictions(config), dy2static.set_evaluating)
    return replace(graph, program=graph.program.clone(for_test=True))


def build_calibration(config: dict) -> program.Graph:
    """Images -> scores in training mode; one run sets BN's statistics to those of its batch."""
    graph = program.build(config, _predictions(config))
    for op in graph.program.global_block().ops:
        if op.type == "batch_norm":
            op._set_attr("momentum", 0.0)
    return graph


def _predictions(config: dict) -> Callable[[paddle.nn.Layer, Any], dict]:
    task = Classification(config)
    return lambda network, outputs: task.predictions(outputs)


def _complexity(config: dict) -> dict[str, int]:
    """{"params", "macs"} of one image, for whoever compares networks later."""
    arguments = program.arch_arguments(config)
    shape = program.image_shape(config)
    return analysis.count_architecture(config["Arch"]["name"], shape, **arguments)._asdict()


def _random_weights(config: dict, executor) -> dict[str, np.ndarray]:
    """Fresh weights by parameter name, BN's statistics being those of a batch of noise.

    Otherwise an untrained deep network overflows into one-hot scores, and comparing those between
    two runtimes would show nothing.
    """
    noise = np.random.default_rng(0).normal(size=(4, *program.image_shape(config)))
    calibration, scope = build_calibration(config), paddle.static.Scope()
    program.initialize(executor, calibration, config["Global"]["seed"] or 0, scope)
    executor.run(calibration.program, feed={"image": noise.astype("float32")}, scope=scope)
    names = [slot.parameter for slot in weights.slots_of(calibration.network)]
    return program.fetch(scope, names)


def describe(config: dict) -> dict:
    """The content of `inference.yml` but its counts: model, preprocessing after decoding, labels.

    Raises:
        InputError: no `Infer.transforms`, or the label file cannot be read.
    """
    transforms = config["Infer"].get("transforms")
    if not transforms:
        raise InputError(
            "Infer.transforms is missing; say how an image becomes the network's input"
        )
    ops = []
    for entry in transforms:
        name, settings = next(iter(entry.items()))
        if name == "NormalizeImage" and settings and "scale" in settings:
            settings = {**settings, "scale": parse_number(settings["scale"])}
        ops.append({name: settings})
    path = pretrained_path(config)
    post = config["Infer"]["PostProcess"]
    settings = {"topk": post["topk"]}
    if post.get("class_id_map_file"):
        settings["label_list"] = read_labels(Path(post["class_id_map_file"]))
    return {
        "Global": {
            "model_name": config["Arch"]["name"],
            "image_shape": program.image_shape(config),
            "class_num": config["Arch"]["class_num"],
            "weights": Path(path).name if path else RANDOM_WEIGHTS,
        },
        "PreProcess": {"transform_ops": ops},
        "PostProcess": {post["name"]: settings},
    }


def read_labels(path: Path) -> list[str]:
    """Class names by class id, from PaddleClas's "id name" lines.

    A path that is not here is looked for in the installed PaddleClas: its configs say
    `ppcls/utils/imagenet1k_label_list.txt`, relative to a checkout.

    Raises:
        InputError: unreadable, or ids that do not count up from 0.
    """
    if not path.is_absolute() and not path.exists():
        # none in a checkout's own folder, where `paddleclas` is a file of the checkout
        packages = importlib.util.find_spec("paddleclas").submodule_search_locations or []
        found = [Path(package) / path for package in packages if (Path(package) / path).is_file()]
        path = found[0] if found else path
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: cannot read the labels: {error.strerror}") from None
    labels = []
    for number, line in enumerate(filter(str.strip, lines)):
        class_id, _, name = line.strip().partition(" ")
        if class_id != str(number) or not name:
            raise InputError(f"{path} line {number + 1}: expected '{number} NAME', got {line!r}")
        labels.append(name.strip())
    return labels


def _tensor(variable) -> dict:
    return {"name": variable.name, "shape": list(variable.shape)}
