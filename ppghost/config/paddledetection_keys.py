"""What a configuration of PaddleDetection's RetinaNet may hold, and what of it means the same here.

The tables alone; `paddledetection` reads files against them. Names, defaults and meanings are those
of ppdet 2.6 to develop: ppdet/modeling (architectures/retinanet, backbones/resnet, necks/fpn,
heads/retina_head and what it is given), ppdet/optimizer, ppdet/data, ppdet/engine/trainer.
"""

from typing import Any

from ppghost.i18n import tr
from ppghost.utils.schema_kinds import (
    ABSENT,
    NONE,
    REQUIRED,
    Entries,
    Ignored,
    Key,
    Parsed,
    Passthrough,
    Tagged,
    Unsupported,
)
from ppghost.utils.text import parse_number


def only(*values: Any, why: str, default: Any = ABSENT) -> Parsed:
    """A leaf that means the same here with these values alone.

    Args:
        values: the first is what messages ask for, and the default unless there is another.
        why: what is so here, or what to do.
        default: PaddleDetection's, where that is none of them.
    """
    kinds = {(isinstance(value, bool), repr(_plain(value))) for value in values}

    def parse(value: Any) -> Any:
        if (isinstance(value, bool), repr(_plain(value))) not in kinds:
            raise ValueError
        return value

    told = default is not ABSENT and default is not REQUIRED
    text = (
        tr("{wanted}: {why} (PaddleDetection's default is {default!r})")
        if told
        else tr("{wanted}: {why}")
    )
    wanted = tr(" or ").join(repr(value) for value in values)
    expected = text.format(wanted=wanted, why=why, default=default)
    return Parsed(parse, expected, values[0] if default is ABSENT else default)


def _plain(value: Any) -> Any:
    """1 and 1.0, None and "None" as one."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None if value == "None" else value


def _factors(value: Any) -> Any:
    """A factor, or one for each milestone."""
    if isinstance(value, list):
        return [float(parse_number(item)) for item in value]
    return float(parse_number(value))


def _regularizer(value: Any) -> dict[str, Any] | None:
    """`Optimizer.regularizer`, None where nothing decays."""
    if not value or value == "None":
        return None
    given = dict(value)
    name, factor = given.pop("type"), given.pop("factor")
    if given or name not in ("L1", "L2"):
        raise ValueError
    return {"name": name, "coeff": parse_number(factor)}


_NONE_FROZEN = tr("all of the backbone is trained here, nothing is frozen")
#: of modules: what each may hold; where `only` stands the network or its loss would be another
MODULES: dict[str, dict[str, Any]] = {
    "ResNet": {
        "depth": only(50, 18, 34, 101, 152, why=tr("there are these ResNets")),
        "variant": only("b", why=tr("a ResNet is built so here")),
        "norm_type": Key((str, NONE), default=None, choices=("bn", "sync_bn")),
        "norm_decay": only(0.0, why=tr("scales and offsets of norms do not decay here")),
        "freeze_norm": only(False, why=_NONE_FROZEN, default=True),
        "freeze_at": only(-1, why=_NONE_FROZEN, default=0),
        "freeze_stem_only": Ignored(tr("; nothing is frozen")),
        "return_idx": Key((list,), default=[0, 1, 2, 3], item=int),
        "num_stages": only(4, why=tr("the backbone ends with its fourth stage here")),
        "lr_mult_list": only([1.0] * 4, why=tr("there is one learning rate here")),
        "ch_in": only(64, why=tr("a ResNet begins with 64 channels here")),
        "groups": only(1, why=tr("there is no ResNeXt here")),
        "base_width": only(64, why=tr("there is no ResNeXt here")),
        "dcn_v2_stages": only([-1], why=tr("there are no deformable convolutions here")),
        "std_senet": only(False, why=tr("there is no squeeze-and-excitation in a ResNet here")),
    },
    "FPN": {
        "out_channel": Key((int,), default=REQUIRED, minimum=1),
        "extra_stage": Key((int,), default=1, minimum=0),
        "has_extra_convs": Key((bool,), default=False),
        "use_c5": Key((bool,), default=True),
        "relu_before_extra_convs": Key((bool,), default=True),
        "norm_type": only(None, why=tr("a pyramid has no norms here")),
        "norm_decay": Ignored(),
        "freeze_norm": Ignored(),
        # PaddleDetection itself takes these two of the backbone, whatever the file says
        "in_channels": Key((list,)),
        "spatial_scales": Key((list,)),
    },
    "RetinaHead": {
        "num_classes": Key((int, NONE), default=None, minimum=1),
        "prior_prob": only(0.01, why=tr("so the first predictions are made here")),
        "nms_pre": Ignored(tr("; the 1000 best of all levels go into suppression")),
        "weights": only([1.0] * 4, why=tr("deltas are not scaled here")),
    },
    "RetinaFeat": {
        "feat_in": Key((int,), default=256, minimum=1),
        "feat_out": Key((int,), default=256, minimum=1),
        "num_convs": Key((int,), default=4, minimum=0),
        "norm_type": only(
            None,
            why=tr(
                "of a head's norms gn is here alone, behind convolutions without a bias: "
                "set it to null, then -o Arch.head.norm=gn"
            ),
            default="bn",
        ),
        "use_dcn": only(False, why=tr("there are no deformable convolutions here")),
    },
    "RetinaAnchorGenerator": {
        "octave_base_scale": Key((float,), default=4, minimum=0),
        "scales_per_octave": Key((int,), default=3, minimum=1),
        "aspect_ratios": Key((list,), default=[0.5, 1.0, 2.0], item=float),
        "strides": Key((list,), default=[8.0, 16.0, 32.0, 64.0, 128.0], item=float),
        "variance": only([1.0] * 4, why=tr("deltas are not scaled here")),
        "offset": only(0.0, why=tr("anchors lie around the corners of the grid here")),
    },
    "MaxIoUAssigner": {
        "positive_overlap": only(0.5, why=tr("so anchors are assigned here"), default=REQUIRED),
        "negative_overlap": only(0.4, why=tr("so anchors are assigned here"), default=REQUIRED),
        "allow_low_quality": only(True, why=tr("each object has an anchor here")),
    },
    "FocalLoss": {
        "use_sigmoid": only(True, why=tr("the focal loss is of sigmoids")),
        "alpha": Key((float,), default=0.25),
        "gamma": Key((float,), default=2.0, minimum=0),
        "loss_weight": only(
            1.0, why=tr("the other loss has a weight here; scale loss_bbox's and base_lr instead")
        ),
    },
    "SmoothL1Loss": {
        "beta": Key((float,), default=1.0, minimum=0),
        "loss_weight": Key((float,), default=1.0, minimum=0),
    },
    "MultiClassNMS": {
        "score_threshold": Key((float,), default=0.05),
        "nms_threshold": Key((float,), default=0.5),
        "nms_top_k": Key((int,), default=-1),
        "keep_top_k": Key((int,), default=100, minimum=1),
        "normalized": only(True, why=tr("a box's last pixel does not belong to it here")),
        "nms_eta": only(1.0, why=tr("the threshold stays as it is here")),
        **dict.fromkeys(("return_index", "return_rois_num", "trt", "cpu"), Ignored()),
    },
}
#: what is looked at later
ANY = Passthrough()
#: which modules a module is made of, each the only one of its kind here
PARTS = {
    "RetinaNet": {"backbone": "ResNet", "neck": "FPN", "head": "RetinaHead"},
    "RetinaHead": {
        "conv_feat": "RetinaFeat",
        "anchor_generator": "RetinaAnchorGenerator",
        "bbox_assigner": "MaxIoUAssigner",
        "loss_class": "FocalLoss",
        "loss_bbox": "SmoothL1Loss",
        "nms": "MultiClassNMS",
    },
}
#: of a pyramid with levels above the backbone's
EXTRA_LEVELS = {
    "has_extra_convs": only(True, why=tr("levels above the backbone's are convolved here")),
    "use_c5": only(
        False, why=tr("the first level above the backbone's is made of the pyramid's last")
    ),
    "relu_before_extra_convs": only(True, why=tr("so it is here")),
}

_USE_WARMUP = {"use_warmup": Key((bool,), default=True)}
DECAYS = Tagged(
    "",
    {
        "PiecewiseDecay": _USE_WARMUP
        | {
            "gamma": Parsed(_factors, tr("a factor or a list of them"), default=[0.1, 0.01]),
            "milestones": Key((list,), default=[8, 11], item=float),
            "values": only(None, why=tr("give gamma as a list, the factors of base_lr")),
        },
        "CosineDecay": _USE_WARMUP
        | {
            "max_epochs": Key((int,), default=1000, minimum=1),
            "min_lr_ratio": Key((float,), default=0.0, minimum=0),
            "last_plateau_epochs": only(0, why=tr("a cosine ends with the last epoch here")),
        },
    },
)
WARM_UPS = Tagged(
    "",
    {
        "LinearWarmup": {
            "steps": Key((int,), default=500, minimum=1),
            "start_factor": Key((float,), default=1 / 3, minimum=0),
            "epochs": Key((int, NONE), default=None, minimum=1),
            "epochs_first": Key((bool,), default=True),
        },
        "ExpWarmup": Unsupported("warming up along a power of the steps"),
    },
)
#: LearningRate.schedulers if the file gives none
SCHEDULERS: list[dict] = [{"name": "PiecewiseDecay"}, {"name": "LinearWarmup"}]

_BATCH_TRANSFORMS = Entries(
    {
        "PadBatch": {"pad_to_stride": Key((int,), default=0)},
        "BatchRandomResize": Unsupported("batches of several sizes; put Resize before Permute"),
    },
    default=[],
)


def _reader(training: bool) -> dict[str, Any]:
    return {
        "sample_transforms": Key((list,), default=[]),
        "batch_transforms": _BATCH_TRANSFORMS,
        "batch_size": Key((int,), default=1, minimum=1),
        "shuffle": Key((bool,), default=training),
        "drop_last": Key((bool,), default=training),
        "inputs_def": {
            "image_shape": Key((list, NONE), default=None, item=int),
            "num_max_boxes": Ignored(),
        },
        # how batches travel
        "collate_batch": Key((bool,)),
        "use_shared_memory": Key((bool,)),
        "transform_schedulers": Unsupported("operations that come and go with the epochs"),
    } | dict.fromkeys(
        ("mixup_epoch", "cutmix_epoch"),
        only(-1, why=tr("images with boxes are not mixed here")),
    )


_SET = {
    "dataset_dir": Key((str, NONE), default=None),
    "image_dir": Key((str, NONE), default=None),
    "anno_path": Key((str,), default=REQUIRED),
    "allow_empty": Key((bool,), default=False),
    "data_fields": Key((list,)),  # a detector needs the same ones always
    "empty_ratio": only(1.0, why=tr("with allow_empty all images without boxes stay")),
    "sample_num": only(-1, why=tr("all images count; shorten the list instead")),
    "repeat": only(1, why=tr("an epoch is each image once; raise epoch instead")),
}
_DATA_SET = Tagged(
    "",
    {
        "COCODataSet": {"load_crowd": only(False, why=tr("crowds are not trained on here"))},
        "VOCDataSet": {"label_list": Key((str, NONE), default=None)},
    },
    common=_SET,
)
#: the sections that are data sets; there is none by default
DATA_SETS = {"TrainDataset": _DATA_SET, "EvalDataset": _DATA_SET}
READERS = {"TrainReader": _reader(True), "EvalReader": _reader(False), "TestReader": _reader(False)}

ARCHITECTURE = only(
    "RetinaNet",
    why=tr("of PaddleDetection's architectures there is this one"),
    default=REQUIRED,
)
_WITHOUT_EFFECT = (
    "use_xpu", "use_mlu", "use_npu", "print_flops", "print_params", "find_unused_parameters",
    "log_ranks", "to_static", "vdl_log_dir", "classwise", "output_eval", "save_prediction_only",
    "fleet", "master_grad", "profiler_options",
)  # fmt: skip
#: what is no module, no data set and no reader
GENERAL: dict[str, Any] = {
    "architecture": ARCHITECTURE,
    "pretrain_weights": Key((str, NONE), default=None),
    "weights": Ignored(tr("; eval and export take -o Global.pretrained_model=FILE")),
    "num_classes": Key((int,), default=80, minimum=1),
    "metric": Key((str,), default="COCO", choices=("COCO", "VOC")),
    "map_type": Key((str,), default="11point", choices=("11point", "integral", "area")),
    "norm_type": Key((str,), default="bn", choices=("bn", "sync_bn")),
    "epoch": Key((int,), default=REQUIRED, minimum=1),
    "snapshot_epoch": Key((int,), default=1, minimum=1),
    "log_iter": Key((int,), default=20, minimum=1),
    "save_dir": Key((str,), default="output"),
    "worker_num": Key((int,), default=0, minimum=0),
    "use_gpu": Key((bool, NONE), default=None),
    "use_vdl": Key((bool,), default=False),
    "use_ema": Key((bool,), default=False),
    "ema_decay": Key((float,), default=0.9998, between=(0, 1)),
    "ema_decay_type": Key(
        (str,), default="threshold", choices=("threshold", "normal", "exponential")
    ),
    "cycle_epoch": only(-1, why=tr("averages of the weights do not begin anew here")),
    "amp": Key((bool,), default=False),
    "amp_level": Key((str,), default="O1"),
    "LearningRate": {
        "base_lr": Key((float,), default=0.01, minimum=0),
        "schedulers": Key((list,), default=SCHEDULERS),
    },
    "OptimizerBuilder": {
        "optimizer": {"type": Key((str,), default="Momentum"), "*": Passthrough()},
        "regularizer": Parsed(
            _regularizer,
            tr("a section with type and factor"),
            default={"type": "L2", "factor": 1e-4},
        ),
    }
    | dict.fromkeys(
        ("clip_grad_by_norm", "clip_grad_by_value"),
        only(None, why=tr("gradients are clipped each by its own norm here (Optimizer.clip_norm)")),
    ),
    "TestDataset": Ignored(tr("; ppghost predict is given images"), default=None),
    "export": Ignored(tr("; ppghost export says it")),
    "slim": Unsupported(tr("pruning, quantisation and distillation while training")),
    "ssod_method": Unsupported(tr("semi-supervised training")),
    "unstructured_prune": Unsupported(tr("pruning while training")),
    **dict.fromkeys(_WITHOUT_EFFECT, Ignored()),
}
#: every section and key of the top level
KEYS = {*GENERAL, *DATA_SETS, *READERS, *MODULES, *PARTS}
#: tags of sections, `!Name`; PaddleDetection makes objects of them
TAGS = (*DECAYS.kinds, *WARM_UPS.kinds, *_DATA_SET.kinds, "ImageFolder")
