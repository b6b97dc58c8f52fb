"""A trained network as an inference model, with all that is needed to use it beside it.

`inference.yml` follows PaddleClas's (PreProcess, PostProcess) and adds the image's shape. A network
that is trained with branches is exported with these merged (`ppghost.models.reparameterization`).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import paddle

from ppghost import weights
from ppghost.analysis import complexity as analysis
from ppghost.data.build import box_classes
from ppghost.errors import InputError
from ppghost.formats.exported import MODEL_FILE, RANDOM_WEIGHTS, publish, write_description
from ppghost.formats.program_desc import TensorShape
from ppghost.inference.input_shape import check_transforms
from ppghost.inference.labels import check_count, read_labels
from ppghost.inference.preprocess import box_transforms, image_transforms
from ppghost.models import dy2static, factory
from ppghost.models.reparameterization import reparameterize
from ppghost.models.retinanet import read_arguments
from ppghost.static import program
from ppghost.static.runtime import Place, static_graph
from ppghost.tasks.detection.settings import nms_settings
from ppghost.tasks.factory import make_task, task_of
from ppghost.utils.files import output_errors, staging_directory
from ppghost.utils.text import parse_number
from ppghost.weights.pretrained import pretrained_path

logger = logging.getLogger(__name__)


class ExportResult(NamedTuple):
    """An exported model: its folder, its tensors (the batch is -1), the bytes of its files.

    `reparameterized` says whether branches of its network were merged.
    """

    model_dir: Path
    inputs: list[TensorShape]
    outputs: list[TensorShape]
    bytes: int
    reparameterized: bool = False

    def to_json(self) -> dict[str, Any]:
        """The result of `ppghost export`."""
        return {**self._asdict(), "model_dir": str(self.model_dir)}


def export(
    config: dict[str, Any],
    output: str | Path | None = None,
    *,
    random_weights: bool = False,
    batch: int | None = None,
    exclude_post_process: bool = False,
) -> ExportResult:
    """Write the inference model of a config's network.

    Args:
        config: what `ppghost.load_config` gives; `Global.pretrained_model` names the weights.
        output: the folder to write to; a model in it is replaced when the new one is whole.
            `Global.save_inference_dir` if None.
        random_weights: export freshly initialised weights where the config names none; the
            latency of such a model is real, its predictions are not.
        batch: how many images the model takes at once, None for any number; a detector takes
            one if it is None, as phones do.
        exclude_post_process: of a detector: end with what its network computes, "logits"
            [N, A, C] and "deltas" [N, A, 4] of the A anchors; decoding and suppression are the
            app's.

    Returns:
        Where the model is, and what it takes and gives.

    Raises:
        InputError: no weights, weights of another network, or `output` cannot be written.
    """
    output = Path(config["Global"]["save_inference_dir"] if output is None else output)
    with static_graph() as place:
        return _export(config, output, random_weights, batch, place, exclude_post_process)


def _export(
    config: dict[str, Any],
    output: Path,
    random_weights: bool,
    batch: int | None,
    place: Place,
    exclude_post_process: bool,
) -> ExportResult:
    if exclude_post_process and task_of(config) != "detection":
        raise InputError(
            "{name} is no detector: it has no post-processing to leave", name=config["Arch"]["name"]
        )
    description = describe(config)
    if exclude_post_process:
        description["Global"]["exclude_post_process"] = True
        description["Global"]["model_name"] += "_raw"  # beside the whole one in a report
    path = pretrained_path(config)
    if path is None and not random_weights:
        raise InputError("Global.pretrained_model is missing; give the weights to export")
    if batch is None and task_of(config) == "detection":
        batch = 1
    graph = build_inference(config, batch, exclude_post_process)
    scope, executor = paddle.static.Scope(), paddle.static.Executor(place)
    with paddle.static.scope_guard(scope), staging_directory(output) as stage:
        if path is None:
            arrays = _random_weights(config, executor)
        else:
            arrays = weights.load(path, graph.network, config["Arch"]["name"]).arrays
        deployed = _deploy_form(config)
        if deployed is not config:
            arrays = reparameterize(graph.network, arrays)
            graph = build_inference(deployed, batch, exclude_post_process)
            description["Global"]["reparameterized"] = True
            logger.info("%s is exported with its branches merged", config["Arch"]["name"])
        description["Global"] |= _complexity(deployed)
        program.initialize(executor, graph, config["Global"]["seed"] or 0, scope)
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
            write_description(stage, description)
        size = publish(stage, output)
    merged = deployed is not config
    return ExportResult(output, _shapes(graph.inputs), _shapes(outputs), size, merged)


def _deploy_form(config: dict[str, Any]) -> dict[str, Any]:
    """The config of the network as it is deployed: itself where training knows no other form."""
    arch = config["Arch"]
    if not factory.find(arch["name"]).reparameterizable or arch.get("deploy"):
        return config
    return config | {"Arch": arch | {"deploy": True}}


def build_inference(
    config: dict[str, Any], batch: int | None = None, exclude_post_process: bool = False
) -> program.Graph:
    """Images [N, C, H, W] -> what the task predicts, in evaluation mode; N is `batch` or free.

    With `exclude_post_process` what a detector's network computes, before boxes are made of it.
    """
    make = _raw_outputs if exclude_post_process else _predictions(config)
    graph = program.build(config, make, dy2static.set_eval_mode, batch)
    return replace(graph, program=graph.program.clone(for_test=True))


def build_calibration(config: dict[str, Any]) -> program.Graph:
    """Images -> scores in training mode; one run sets BN's statistics to those of its batch."""
    graph = program.build(config, _predictions(config))
    for op in graph.program.global_block().ops:
        if op.type == "batch_norm":
            op._set_attr("momentum", 0.0)
    return graph


def _predictions(config: dict[str, Any]) -> Callable[[paddle.nn.Layer, Any], dict]:
    task = make_task(config)
    return lambda network, outputs: task.predictions(outputs)


def _raw_outputs(network: paddle.nn.Layer, outputs: Any) -> dict:
    return {name: outputs[name] for name in ("logits", "deltas")}


def _complexity(config: dict[str, Any]) -> dict[str, int]:
    """{"params", "macs"} of one image, for whoever compares networks later."""
    arguments = program.arch_arguments(config)
    shape = program.image_shape(program.with_known_shape(config))
    return analysis.count_architecture(config["Arch"]["name"], shape, **arguments)._asdict()


def _random_weights(config: dict[str, Any], executor: Any) -> dict[str, np.ndarray]:
    """Fresh weights by parameter name, BN's statistics being those of a batch of noise.

    Otherwise an untrained deep network overflows into one-hot scores, and comparing those between
    two runtimes would show nothing.
    """
    config = program.with_known_shape(config)
    noise = np.random.default_rng(0).normal(size=(4, *program.image_shape(config)))
    calibration, scope = build_calibration(config), paddle.static.Scope()
    program.initialize(executor, calibration, config["Global"]["seed"] or 0, scope)
    executor.run(calibration.program, feed={"image": noise.astype("float32")}, scope=scope)
    names = [spec.parameter for spec in weights.tensor_specs(calibration.network)]
    return program.fetch(scope, names)


def describe(config: dict[str, Any]) -> dict[str, Any]:
    """The content of `inference.yml` but its counts: model, preprocessing after decoding, labels.

    Raises:
        InputError: there are no `Infer.transforms`, they do not make what the network takes, or
            the label file cannot be read.
    """
    shape, detects = program.image_shape(config), task_of(config) == "detection"
    ops = infer_transforms(config, detects)
    transform = box_transforms if detects else image_transforms
    check_transforms(transform(ops, "Infer.transforms"), shape, "Infer.transforms")
    path = pretrained_path(config)
    post = _detector_post_process(config) if detects else _post_process(config)
    return {
        "Global": {
            "model_name": _model_name(config["Arch"], detects),
            # what reads it wants sizes; where they are free the program says so
            **({"image_shape": shape} if min(shape) > 0 else {}),
            "class_num": config["Arch"]["class_num"],
            "weights": Path(path).name if path else RANDOM_WEIGHTS,
        },
        "PreProcess": {"transform_ops": ops},
        "PostProcess": {
            "MultiClassNMS" if detects else config["Infer"]["PostProcess"]["name"]: post
        },
    }


def _model_name(arch: dict[str, Any], detects: bool) -> str:
    """What the model is called in reports: a detector by what it stands on, too."""
    return f"{arch['name']}_{read_arguments(arch)['backbone']['name']}" if detects else arch["name"]


def infer_transforms(config: dict[str, Any], detects: bool) -> list[dict]:
    """`Infer.transforms` with plain numbers; of a detector those of the evaluation if missing.

    Raises:
        InputError: there are none.
    """
    transforms = config["Infer"].get("transforms")
    if not transforms and detects:
        transforms = config["DataLoader"]["Eval"]["dataset"]["transform_ops"]
    if not transforms:
        raise InputError(
            "Infer.transforms is missing; say how an image becomes the network's input"
        )
    ops = []
    for entry in transforms:
        name, settings = next(iter(entry.items()))
        if name == "NormalizeImage" and settings and "scale" in settings:
            settings = {**settings, "scale": parse_number(settings["scale"])}
        if name == "DecodeImage" and settings:  # PaddleClas's predictor has no such parameter
            settings = {key: value for key, value in settings.items() if key != "reduced"}
        ops.append({name: settings})
    return ops


def _detector_post_process(config: dict[str, Any]) -> dict[str, Any]:
    """How boxes were chosen in the exported program, and the class names."""
    settings: dict[str, Any] = dict(nms_settings(config))
    post, class_num = config["Infer"]["PostProcess"], config["Arch"]["class_num"]
    if file := post.get("class_id_map_file"):
        settings["label_list"] = read_labels(Path(file), post.get("delimiter"))
        check_count(settings["label_list"], class_num, file)
    elif known := box_classes(config):
        settings["label_list"], settings["category_ids"] = known
        check_count(settings["label_list"], class_num, "DataLoader.Eval.dataset")
    return settings


def _post_process(config: dict[str, Any]) -> dict[str, Any]:
    """How scores become an answer: `Infer.PostProcess`, with the class names themselves."""
    post, class_num = config["Infer"]["PostProcess"], config["Arch"]["class_num"]
    if post["name"] == "ThreshOutput":
        if class_num != 2 or "threshold" not in post:
            raise InputError(
                "Infer.PostProcess: ThreshOutput needs a threshold, and a network of 2 "
                "classes; Arch.class_num is {class_num}",
                class_num=class_num,
            )
        labels = [post.get("label_0", "0"), post.get("label_1", "1")]
        return {"threshold": post["threshold"], "label_list": labels}
    settings: dict[str, Any] = {"topk": post["topk"]}
    if file := post.get("class_id_map_file"):
        settings["label_list"] = read_labels(Path(file), post.get("delimiter"))
        check_count(settings["label_list"], class_num, file)
    return settings


def _shapes(variables: Sequence[Any]) -> list[TensorShape]:
    return [{"name": variable.name, "shape": list(variable.shape)} for variable in variables]
