"""Configurations of PaddleDetection's RetinaNet, in PaddleClas's 2.x form.

What means the same here is translated; what would be another network, loss or schedule is refused
by its key. What each key may be stands in `paddledetection_keys`.
"""

import copy
import os
from typing import Any

from ppghost.config import paddledetection_keys as keys
from ppghost.config.paddleclas1 import V1_SCHEMA
from ppghost.config.paddledetection_data import read_data
from ppghost.config.schema import SCHEMA
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.validation import check, notice

#: of the maps that a ResNet's first stage makes: a stride of 2^2 pixels
_FIRST_LEVEL = 2
#: PaddleDetection's SmoothL1Loss is L1 below it
_L1_BELOW = 1e-5


def is_paddledetection(config: dict, file: str) -> bool:
    """Whether this is a configuration of PaddleDetection, by its keys.

    What has a key that only PaddleClas 1.x knows is one of that.

    Raises:
        InputError: it has keys of PaddleClas too.
    """
    own = [key for key in config if key in keys.KEYS and key not in V1_SCHEMA]
    other = [key for key in config if key in SCHEMA]
    if any(key in V1_SCHEMA and key not in keys.KEYS for key in config):
        return False
    if own and other:
        raise InputError(
            "{file}: {own} is a key of PaddleDetection and {other} one of PaddleClas; keep "
            "to one of the two",
            file=file,
            own=own[0],
            other=other[0],
        )
    return bool(own)


def translate(config: dict, file: str) -> dict:
    """The 2.x form of a configuration of PaddleDetection; `config` itself is left as it is.

    Raises:
        InputError: an unknown key, a wrong value, or what would mean something else here; names the
            key.
    """
    notice(
        tr("{file}: a configuration of PaddleDetection, read in PaddleClas's form").format(
            file=file
        )
    )
    config = copy.deepcopy(config)
    old = _general(config, file)
    modules = _modules(config, file)
    rate, warm_up = _learning_rate(old, file)
    loss = {"RetinaNetLoss": _loss(modules)}
    loaders, infer, image_shape = read_data(old, file)
    new = {
        "Global": _global(old) | warm_up | {"image_shape": image_shape},
        "Arch": _arch(old, modules, file),
        "Loss": {phase: [copy.deepcopy(loss)] for phase in ("Train", "Eval")},
        "Metric": {"Train": [], "Eval": _metrics(old)},
        "Optimizer": _optimizer(old) | {"lr": rate},
        "DataLoader": loaders,
        "Infer": infer | {"PostProcess": _post_process(modules)},
    }
    if old["use_ema"]:
        notice(tr("use_ema: the decay is ema_decay from the first step; PaddleDetection raises it"))
        new["EMA"] = {"decay": old["ema_decay"]}
    if old["amp"]:
        new["AMP"] = {"use_amp": True, "level": old["amp_level"]}
    return new


def _general(config: dict, file: str) -> dict:
    """What is no module, checked; data sets and readers if the file has them."""
    # first of all: the keys of other architectures say less
    first = {key: value for key, value in config.items() if key == "architecture"}
    check(first, {"architecture": keys.ARCHITECTURE}, "", file)
    given = {
        key: value
        for key, value in config.items()
        if key not in keys.MODULES and key not in keys.PARTS
    }
    sections = keys.DATA_SETS | keys.READERS
    there = {key: schema for key, schema in sections.items() if given.get(key) is not None}
    return check(given, keys.GENERAL | there, "", file)


def _modules(config: dict, file: str) -> dict[str, dict]:
    """The modules that a RetinaNet is made of, by their names, each checked."""
    read: dict[str, dict] = {}
    _read_module("RetinaNet", config.get("RetinaNet"), "RetinaNet", config, file, read)
    return read


def _read_module(
    name: str, given: Any, where: str, config: dict, file: str, read: dict[str, dict]
) -> None:
    """Put the module `name` and those that it is made of into `read`.

    A part is a module's name, or a section with it and keys that go over that module's own section.
    """
    parts = keys.PARTS.get(name, {})
    section = check(given, dict.fromkeys(parts, keys.ANY) | {"*": keys.ANY}, where, file)
    own = {key: value for key, value in section.items() if key not in parts}
    read[name] = check(own, keys.MODULES.get(name, {}), where, file)
    for part, wanted in parts.items():
        chosen, place = section.get(part) or wanted, f"{where}.{part}"
        over = dict(chosen) if isinstance(chosen, dict) else {}
        chosen = over.pop("name", None) if isinstance(chosen, dict) else chosen
        if chosen != wanted:
            raise InputError(
                "{file}: {place}: {chosen!r} is not {wanted!r}, the one that is read here; "
                "write the detector in the form of docs/detection.md",
                file=file,
                place=place,
                chosen=chosen,
                wanted=wanted,
            )
        below = config.get(wanted) or {}
        whole = below | over if isinstance(below, dict) else below
        _read_module(wanted, whole, place if over else wanted, config, file, read)


def _global(old: dict) -> dict:
    device = {} if old["use_gpu"] is None else {"device": "gpu" if old["use_gpu"] else "cpu"}
    return device | {
        "output_dir": old["save_dir"],
        "save_interval": old["snapshot_epoch"],
        "eval_interval": old["snapshot_epoch"],
        "epochs": old["epoch"],
        "print_batch_step": old["log_iter"],
        "use_visualdl": old["use_vdl"],
    }


def _arch(old: dict, modules: dict, file: str) -> dict:
    body, neck, feat = (modules[name] for name in ("ResNet", "FPN", "RetinaFeat"))
    anchors = modules["RetinaAnchorGenerator"]
    _check_norm(body["norm_type"] or old["norm_type"], file)
    first, last = body["return_idx"][:1], body["num_stages"] - 1
    if not first or first[0] < 1 or body["return_idx"] != list(range(first[0], last + 1)):
        raise InputError(
            "{file}: ResNet.return_idx: {return_idx} is not [1, 2, 3], [2, 3] or [3], the "
            "stages that a pyramid stands on here",
            file=file,
            return_idx=body["return_idx"],
        )
    if neck["extra_stage"]:
        check({key: neck[key] for key in keys.EXTRA_LEVELS}, keys.EXTRA_LEVELS, "FPN", file)
    levels = [first[0] + _FIRST_LEVEL, last + _FIRST_LEVEL + neck["extra_stage"]]
    strides = [2.0**level for level in range(levels[0], levels[1] + 1)]
    _expect(anchors["strides"], strides, "RetinaAnchorGenerator.strides", "FPN", file)
    _expect(feat["feat_in"], neck["out_channel"], "RetinaFeat.feat_in", "FPN", file)
    names = ("octave_base_scale", "scales_per_octave", "aspect_ratios")
    return {
        "name": "RetinaNet",
        "class_num": modules["RetinaHead"]["num_classes"] or old["num_classes"],
        "backbone": {"name": f"ResNet{body['depth']}"} | _pretrained(old, file),
        "levels": levels,
        "anchors": {name: anchors[name] for name in names},
        "neck": {"width": neck["out_channel"], "kernel": 3},
        "head": {"width": feat["feat_out"], "convs": feat["num_convs"], "kernel": 3},
    }


def _expect(got: Any, wanted: Any, key: str, whose: str, file: str) -> None:
    if got != wanted:
        raise InputError(
            "{file}: {key}: {got} does not go with the {whose}'s {wanted}",
            file=file,
            key=key,
            got=got,
            whose=whose,
            wanted=wanted,
        )


def _check_norm(norm: str, file: str) -> None:
    if norm == "sync_bn" and int(os.environ.get("PADDLE_TRAINERS_NUM", 1)) > 1:
        raise InputError(
            "{file}: norm_type: sync_bn takes its figures of all processes, here each "
            "process normalises by its own; set it to bn, or train in one process",
            file=file,
        )


def _pretrained(old: dict, file: str) -> dict:
    """The backbone's weights. PaddleDetection's own have names that are not read here."""
    weights = old["pretrain_weights"] or None
    if weights and weights.startswith(("http://", "https://")):
        raise InputError(
            "{file}: pretrain_weights: {weights} has PaddleDetection's names of tensors; "
            "with -o pretrain_weights=null a run starts without weights, with -o "
            "Arch.backbone.pretrained=True besides from PaddleClas's (ImageNet)",
            file=file,
            weights=weights,
        )
    return {"pretrained": weights} if weights else {}


def _loss(modules: dict) -> dict:
    focal, smooth = modules["FocalLoss"], modules["SmoothL1Loss"]
    return {
        "gamma": focal["gamma"],
        "alpha": focal["alpha"],
        "beta": smooth["beta"] if smooth["beta"] >= _L1_BELOW else 0.0,
        "box_weight": smooth["loss_weight"],
    }


def _post_process(modules: dict) -> dict:
    nms = modules["MultiClassNMS"]
    given = {key: nms[key] for key in ("score_threshold", "nms_threshold", "keep_top_k")}
    if nms["nms_top_k"] > 0:  # below it: all that there are
        given["nms_top_k"] = nms["nms_top_k"]
    return {"name": "MultiClassNMS"} | given


def _metrics(old: dict) -> list[dict]:
    if old["metric"] == "COCO":
        return [{"COCOMetric": {}}]
    return [{"VOCMetric": {"map_type": old["map_type"]}}]


def _optimizer(old: dict) -> dict:
    built = old["OptimizerBuilder"]
    given = dict(built["optimizer"])
    new = {"name": given.pop("type")} | given
    if built["regularizer"] and new["name"] != "AdamW":  # which PaddleDetection does not give it to
        new["regularizer"] = built["regularizer"]
    return new


def _learning_rate(old: dict, file: str) -> tuple[dict, dict]:
    """`Optimizer.lr`, and what of the warm-up stands in `Global`."""
    base, where = old["LearningRate"]["base_lr"], "LearningRate.schedulers"
    first, *others = old["LearningRate"]["schedulers"] or [None]
    decay = check(first, keys.DECAYS, f"{where}.0", file)
    rate, epochs, steps = {}, 0, None
    if decay["use_warmup"]:
        if not others:
            raise InputError(
                "{file}: {where}: give LinearWarmup next, or use_warmup: false",
                file=file,
                where=where,
            )
        warm_up = check(others[0], keys.WARM_UPS, f"{where}.1", file)
        rate["warmup_start_lr"] = base * warm_up["start_factor"]
        if warm_up["epochs_first"] and warm_up["epochs"]:
            epochs = rate["warmup_epoch"] = warm_up["epochs"]
        else:
            steps = warm_up["steps"]
    extra = {} if steps is None else {"warmup_steps": steps}
    if decay["name"] == "CosineDecay":
        return _cosine(old, base, decay, file) | rate, extra
    return _piecewise(base, decay, epochs, file) | rate, extra


def _cosine(old: dict, base: float, decay: dict, file: str) -> dict:
    if decay["max_epochs"] != old["epoch"]:
        raise InputError(
            "{file}: LearningRate.schedulers.0.max_epochs: {max_epochs} is not epoch, "
            "{epoch}: a cosine ends with the last epoch here; make them equal",
            file=file,
            max_epochs=decay["max_epochs"],
            epoch=old["epoch"],
        )
    return {"name": "Cosine", "learning_rate": base, "eta_min": base * decay["min_lr_ratio"]}


def _piecewise(base: float, decay: dict, warm_up: int, file: str) -> dict:
    """The rates between milestones, which count from the first epoch on; ours from the warm-up."""
    gamma, milestones = decay["gamma"], decay["milestones"]
    if not isinstance(gamma, list):  # as PaddleDetection has it, whatever the factor
        gamma = [gamma / 10**i for i in range(len(milestones))]
    where = f"{file}: LearningRate.schedulers.0"
    if len(gamma) != len(milestones):
        raise InputError(
            "{where}.gamma: {count} factors for {milestones_count} milestones",
            where=where,
            count=len(gamma),
            milestones_count=len(milestones),
        )
    if milestones != sorted(milestones) or (milestones and milestones[0] < warm_up):
        raise InputError(
            "{where}.milestones: {milestones} do not rise from the warm-up's end on",
            where=where,
            milestones=milestones,
        )
    return {
        "name": "Piecewise",
        "decay_epochs": [milestone - warm_up for milestone in milestones],
        "values": [base, *(base * factor for factor in gamma)],
    }
