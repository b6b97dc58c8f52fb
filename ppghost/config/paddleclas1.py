"""PaddleClas 1.x configurations (branch release/static), in the 2.x form.

What each key means is read from that branch's tools/program.py, tools/train.py,
ppcls/data/reader.py, ppcls/optimizer/ and ppcls/modeling/loss.py. What differs there from what a
2.x file usually says: Cosine moves once an epoch, batches that are not full are dropped,
evaluation smooths the labels of its loss as training does, and a batch size is the total over
all processes.
"""

import copy
import os
from typing import Any

from ppghost.config.schema import SCHEMA
from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.schema_kinds import (
    NONE,
    REQUIRED,
    Ignored,
    Key,
    Optional,
    Passthrough,
    Tagged,
)
from ppghost.utils.text import nearest
from ppghost.utils.validation import check, notice


def _reader(required: Any) -> dict:
    return {
        "batch_size": Key((int,), default=required, minimum=1),
        "num_workers": Key((int,), default=1, minimum=0),
        "file_list": Key((str,)),
        "data_dir": Key((str,)),
        "delimiter": Key((str,)),
        "shuffle_seed": Ignored(tr("; Global.seed orders the data")),
        "transforms": Key((list,), default=[]),
        "mix": Key((list, NONE), default=None),
    }


#: a learning rate of 1.x by its function
_RATES = {
    "Cosine": {},
    "CosineWarmup": {"warmup_epoch": Key((float,), default=5, minimum=0)},
    "Piecewise": {
        "decay_epochs": Key((list,), default=REQUIRED, item=float),
        "gamma": Key((float,), default=0.1, minimum=0),
    },
    "ExponentialWarmup": {
        "decay_epochs": Key((float,), default=2.4, minimum=0),
        "decay_rate": Key((float,), default=0.97, minimum=0),
        "warmup_epoch": Key((float,), default=5, minimum=0),
    },
}
#: what 2.x calls OpenCV's filters, by OpenCV's number
_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "area", "lanczos")
#: networks that have another name in 2.x
_RENAMED = {"ShuffleNetV2": "ShuffleNetV2_x1_0"}
#: parameters that a rate accepts and leaves, being another's
_RATE = {"lr": Key((float,), default=REQUIRED, minimum=0)} | dict.fromkeys(
    ("warmup_epoch", "decay_epochs", "gamma", "decay_rate", "steps", "end_lr"), Ignored()
)
_GPU_ALONE = Ignored(tr("; it is for graphics cards"))
#: every key of a 1.x file
V1_SCHEMA = {
    "ARCHITECTURE": {"name": Key((str,), default=REQUIRED), "params": Passthrough()},
    "LEARNING_RATE": Optional({"function": Key((str,), default=REQUIRED), "params": Passthrough()}),
    "OPTIMIZER": Optional(
        {
            "function": Key((str,), default="Momentum"),
            "params": Passthrough(),
            "regularizer": Optional(
                {"function": Key((str,), default=REQUIRED), "factor": Key((float,), default=0.0)}
            ),
        }
    ),
    "TRAIN": Optional(_reader(REQUIRED)),
    "VALID": Optional(_reader(64)),
    "pretrained_model": Key((str, list, NONE), default=None),
    "checkpoints": Key((str, NONE), default=None),
    "model_save_dir": Key((str,), default="./output/"),
    "classes_num": Key((int,), default=1000, minimum=1),
    "epochs": Key((int,), default=1, minimum=1),
    "save_interval": Key((int,), default=1, minimum=1),
    "validate": Key((bool,), default=True),
    "valid_interval": Key((int,), default=1, minimum=1),
    "print_interval": Key((int,), default=10, minimum=1),
    "image_shape": Key((list,), default=[3, 224, 224], item=int),
    "topk": Key((int,), default=5, minimum=1),
    "use_mix": Key((bool,), default=False),
    "ls_epsilon": Key((float, NONE), default=None),
    "use_ema": Key((bool,), default=False),
    "ema_decay": Key((float,), default=0.9999, between=(0, 1)),
    "use_fp16": Key((bool,), default=False),
    "amp_scale_loss": Key((float,), default=1.0),
    "use_dynamic_loss_scaling": Key((bool,), default=False),
    "use_distillation": Key((bool,), refused={True: tr("knowledge distillation")}),
    "use_gpu": Key((bool, NONE), default=None),
    "use_xpu": Ignored(),
    "use_dali": Ignored(),
    "use_aa": Ignored(tr("; AutoAugment stands among the transforms")),
    "is_distributed": Ignored(),
    "mode": Ignored(tr("; ppghost train or eval says it")),
    "total_images": Ignored(tr("; the images listed are counted")),
    "fuse_bn_act_ops": _GPU_ALONE,
    "fuse_bn_add_act_ops": _GPU_ALONE,
    "fuse_elewise_add_act_ops": _GPU_ALONE,
    "enable_addto": _GPU_ALONE,
}


def is_v1(config: dict, file: str) -> bool:
    """Whether this is a 1.x configuration, by its keys.

    Raises:
        InputError: it has keys of both versions.
    """
    old = [key for key in config if key in V1_SCHEMA]
    new = [key for key in config if key in SCHEMA]
    if old and new:
        raise InputError(
            "{file}: {old} is a key of PaddleClas 1.x and {new} one of 2.x; keep to one of the two",
            file=file,
            old=old[0],
            new=new[0],
        )
    return bool(old)


def total_batch(config: dict) -> Any:
    """What a 1.x file says its total batch is, unchecked; None if it says nothing."""
    section = config.get("TRAIN")
    return section.get("batch_size") if isinstance(section, dict) else None


def translate(config: dict, file: str) -> dict:
    """The 2.x form of a 1.x configuration; `config` itself is left as it is.

    Raises:
        InputError: an unknown key, a wrong value, or a task that is not supported; names the key.
    """
    notice(tr("{file}: a PaddleClas 1.x configuration, read in the 2.x form").format(file=file))
    old = check(copy.deepcopy(config), V1_SCHEMA, "", file)
    name = _RENAMED.get(old["ARCHITECTURE"]["name"], old["ARCHITECTURE"]["name"])
    new = {
        "Global": _global(old, file),
        "Arch": {"name": name, "class_num": old["classes_num"]} | _arguments(old),
        "Loss": _losses(old, file),
        "Metric": _metrics(old),
        "Optimizer": _optimizer(old, file),
        "DataLoader": {},
    }
    if "TRAIN" in old:
        new["DataLoader"]["Train"] = _loader(old, "TRAIN", file)
    if "VALID" in old:
        new["DataLoader"]["Eval"] = _loader(old, "VALID", file)
        post = {"name": "Topk", "topk": min(old["topk"], old["classes_num"])}
        new["Infer"] = {"transforms": _transforms(old["VALID"]), "PostProcess": post}
    if old["use_ema"]:
        notice(tr("use_ema: the decay is ema_decay from the first step; 1.x raises it slowly"))
        new["EMA"] = {"decay": old["ema_decay"]}
    if old["use_fp16"]:
        keys = {"scale_loss": "amp_scale_loss", "use_dynamic_loss_scaling": None}
        new["AMP"] = {"use_amp": True} | {key: old[keys[key] or key] for key in keys}
    return new


def _global(old: dict, file: str) -> dict:
    weights = old["pretrained_model"]
    if isinstance(weights, list):
        if len(weights) > 1:
            raise InputError(
                "{file}: pretrained_model: several files are not supported, name one", file=file
            )
        weights = weights[0] if weights else None
    device = {} if old["use_gpu"] is None else {"device": "gpu" if old["use_gpu"] else "cpu"}
    return device | {
        "checkpoints": old["checkpoints"] or None,
        "pretrained_model": weights or None,
        "output_dir": old["model_save_dir"],
        "save_interval": old["save_interval"],
        "eval_during_train": old["validate"],
        "eval_interval": old["valid_interval"],
        "epochs": old["epochs"],
        "print_batch_step": old["print_interval"],
        "image_shape": old["image_shape"],
    }


def _arguments(old: dict) -> dict:
    """The network's own arguments; `is_test` 1.x sets itself, as the phase has it."""
    given = old["ARCHITECTURE"].get("params") or {}
    return {key: value for key, value in given.items() if key != "is_test"}


def _losses(old: dict, file: str) -> dict:
    epsilon = old["ls_epsilon"]
    smooths = epsilon is not None and 0 < epsilon < 1
    if old["ARCHITECTURE"]["name"] == "GoogLeNet":
        if smooths or old["use_mix"]:
            raise InputError(
                "{file}: ls_epsilon and use_mix: GoogLeNet's loss takes neither", file=file
            )
        loss = {"GoogLeNetLoss": {"weight": 1.0}}
    else:
        loss = {"CELoss": {"weight": 1.0} | ({"epsilon": epsilon} if smooths else {})}
    return {"Train": [loss], "Eval": [copy.deepcopy(loss)]}


def _metrics(old: dict) -> dict:
    name = "GoogLeNetTopkAcc" if old["ARCHITECTURE"]["name"] == "GoogLeNet" else "TopkAcc"
    ks = sorted({1, min(old["topk"], old["classes_num"])})
    train = [] if old["use_mix"] else [{name: {"topk": ks}}]
    return {"Train": train, "Eval": [{name: {"topk": list(ks)}}]}


def _optimizer(old: dict, file: str) -> dict:
    given = old.get("OPTIMIZER") or {"function": "Momentum"}
    new = {"name": given["function"]} | (given.get("params") or {})
    if "LEARNING_RATE" in old:
        new["lr"] = _learning_rate(old["LEARNING_RATE"], file)
    if "regularizer" in given:
        regularizer = given["regularizer"]
        new["regularizer"] = {"name": regularizer["function"], "coeff": regularizer["factor"]}
    return new


def _learning_rate(given: dict, file: str) -> dict:
    """The 2.x schedule that moves at the same iterations."""
    function = given["function"]
    if function not in _RATES:
        names = ", ".join(_RATES) + nearest(function, _RATES)
        raise InputError(
            "{file}: LEARNING_RATE.function: {function!r} is none of {names}",
            file=file,
            function=function,
            names=names,
        )
    schema = Tagged("Cosine", _RATES, common=_RATE)
    named = {"name": function} | (given.get("params") or {})
    old = check(named, schema, "LEARNING_RATE.params", file)
    rate = {"learning_rate": old["lr"]}
    warm_up = {"warmup_epoch": old.get("warmup_epoch", 0)}
    match old["name"]:
        case "Cosine":
            return {"name": "Cosine"} | rate | {"by_epoch": True}
        case "CosineWarmup":
            return {"name": "Cosine"} | rate | warm_up
        case "Piecewise":
            steps = {"milestones": old["decay_epochs"], "gamma": old["gamma"]}
            return {"name": "MultiStepDecay"} | rate | steps
    steps = {"step_size": old["decay_epochs"], "gamma": old["decay_rate"]}
    return {"name": "Step"} | rate | steps | warm_up


def _loader(old: dict, section: str, file: str) -> dict:
    given, training = old[section], section == "TRAIN"
    dataset: dict[str, Any] = {"name": "ImageNetDataset"}
    names = {"data_dir": "image_root", "file_list": "cls_label_path", "delimiter": "delimiter"}
    dataset |= {new: given[key] for key, new in names.items() if key in given}
    dataset["transform_ops"] = _transforms(given)
    if dataset["transform_ops"][-1:] == [{"ToCHWImage": None}]:
        dataset["transform_ops"].pop()  # data sets of 2.x do it themselves
    if training and old["use_mix"]:
        if not given["mix"]:
            raise InputError("{file}: use_mix is on, but TRAIN.mix names no operation", file=file)
        dataset["batch_transform_ops"] = given["mix"]
    return {
        "dataset": dataset,
        "sampler": {
            "name": "DistributedBatchSampler",
            "batch_size": _share(given["batch_size"], f"{file}: {section}.batch_size", training),
            "drop_last": training,
            "shuffle": training,
        },
        "loader": {"num_workers": given["num_workers"], "use_shared_memory": True},
    }


def _share(total: int, where: str, exact: bool) -> int:
    """The part of a total batch that falls to each process; a rest matters in training alone."""
    processes = int(os.environ.get("PADDLE_TRAINERS_NUM", 1))
    if exact and total % processes:
        raise InputError(
            "{where}: {total} images, the total of a PaddleClas 1.x file, do not divide "
            "among {processes} processes",
            where=where,
            total=total,
            processes=processes,
        )
    return max(1, total // processes)


def _transforms(given: dict) -> list:
    """The operations; 1.x's DecodeImage has a `to_np` that nothing reads."""
    ops = copy.deepcopy(given["transforms"])
    known = [op for op in ops if isinstance(op, dict)]
    for name, parameters in [item for op in known for item in op.items()]:
        if not isinstance(parameters, dict):
            continue
        if name == "DecodeImage":
            parameters.pop("to_np", None)
        number = parameters.get("interpolation")
        if isinstance(number, int) and number in range(-1, len(_INTERPOLATIONS)):
            parameters["interpolation"] = _INTERPOLATIONS[number] if number >= 0 else None
    return ops
