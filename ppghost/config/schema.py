"""What a PaddleClas 2.x configuration may hold: every key with its type, default and limits.

The table alone, in the terms of `utils.schema_kinds`; `loading` reads files against it.
Defaults are PaddleClas's. What is filled in must be something that PaddleClas takes there, for a
dumped configuration goes to its constructors, which refuse an argument they do not know; only
`Global` may hold keys of our own.
"""

from collections.abc import Iterable
from typing import Any

from ppghost.errors import InputError
from ppghost.i18n import tr
from ppghost.utils.schema_kinds import (
    ABSENT,
    NONE,
    REQUIRED,
    Entries,
    Ignored,
    Key,
    Optional,
    Parsed,
    Passthrough,
    Tagged,
    Unsupported,
)


def _key(*types: type, default: Any = ABSENT, **limits: Any) -> Key:
    return Key(types, default, **limits)


def _refused(tasks: dict[str, str]) -> dict[str, Any]:
    """{task: "Name Name ..."} as {name: Unsupported(task)}."""
    return {name: Unsupported(task) for task, names in tasks.items() for name in names.split()}


_DISTILLATION = tr("knowledge distillation")
_RETRIEVAL = tr("retrieval (metric learning)")
_MULTILABEL = tr("multi-label classification")
_SEMI = tr("semi-supervised training")
_HASHING = tr("deep hashing")

#: keys of Global that are ours; PaddleClas passes over those that it does not know
EXTENSION_KEYS = {
    "bad_images": _key(str, default="stop", choices=("stop", "skip")),
    # boxes without area, outside of their image or of an unknown class
    "bad_boxes": _key(str, default="stop", choices=("stop", "skip")),
    # convolutions and ReLU in oneDNN's CPU kernels; off, they run in Paddle's own
    "onednn": _key(bool, default=True),
    # seconds after which a silent process of a distributed run counts as lost
    "peer_timeout": _key(int, default=300, minimum=1),
    # how many epoch_N checkpoints stay on disk, the newest; best_model and latest always do
    "keep_checkpoints": _key(int, default=3, minimum=1),
    # save `latest` every so many steps inside an epoch too, not only at its end
    "checkpoint_steps": _key(int, NONE, default=None, minimum=1),
    # the total batch (per process x processes x update_freq) that the learning rate was tuned for
    "tuned_batch_size": _key(int, NONE, default=None, minimum=1),
    # updates to warm up over, in place of lr.warmup_epoch; the epochs of Piecewise and
    # MultiStepDecay then count from the first one on, not from the end of the warm-up
    "warmup_steps": _key(int, NONE, default=None, minimum=1),
    # multiply the learning rates by total batch / tuned_batch_size
    "scale_lr": _key(bool, default=False),
}

_GLOBAL = {
    "checkpoints": _key(str, NONE, default=None),
    "pretrained_model": _key(str, NONE, default=None),
    "output_dir": _key(str, default="./output/"),
    "device": _key(str, default="cpu", choices=("cpu", "gpu")),
    "save_interval": _key(int, default=1),  # below 1: no epoch_N, as in PaddleClas
    "eval_during_train": _key(bool, default=True),
    "eval_interval": _key(int, default=1, minimum=1),
    "epochs": _key(int, default=1, minimum=1),
    "print_batch_step": _key(int, default=10, minimum=1),
    "use_visualdl": _key(bool, default=False),
    "image_shape": _key(list, default=[3, 224, 224], item=int),
    "save_inference_dir": _key(str, default="./inference"),
    "seed": _key(int, NONE, default=None),
    "update_freq": _key(int, default=1, minimum=1),
    "class_num": _key(int, minimum=1),  # PaddleClas: stands in for a missing Arch.class_num
    "eval_mode": _key(str, refused={"retrieval": _RETRIEVAL, "adaface": tr("face recognition")}),
    "train_mode": _key(
        str,
        NONE,
        choices=("progressive",),
        refused={"metabin": _RETRIEVAL} | dict.fromkeys(("fixmatch", "fixmatch_ccssl"), _SEMI),
    ),
    "use_multilabel": _key(bool, refused={True: _MULTILABEL}),
    "feature_binarize": Unsupported(_HASHING),
    "retrieval_feature_from": Unsupported(_RETRIEVAL),
    "re_ranking": Unsupported(_RETRIEVAL),
    "iter_per_epoch": Unsupported(tr("epochs of a set length")),
    "to_static": Ignored(),
    "use_dali": Ignored(),
    "image_channel": Ignored(),
    "is_distributed": Ignored(),
    "log_ranks": Ignored(),
    "print_mem_info": Ignored(),
    "start_eval_epoch": _key(int, default=0),
    "uniform_output_enabled": Ignored(),
    "export_for_fd": Ignored(),
    "pdx_model_name": Ignored(),
    "hpi_config_path": Ignored(),
    "feature_normalize": Ignored(),
} | EXTENSION_KEYS

_AMP = {
    "use_amp": _key(bool, default=True),
    "level": _key(str, default="O1", choices=("O1", "O2")),
    "scale_loss": _key(float, default=1.0),
    "use_dynamic_loss_scaling": _key(bool, default=False),
    "use_fp16_test": _key(bool, default=False),
    "use_promote": Ignored(),
    "use_pure_fp16": Ignored(tr("; level O2 says it")),  # PaddleClas 2.2
}

_ARCH = {
    "name": _key(
        str,
        default=REQUIRED,
        refused={"RecModel": _RETRIEVAL}
        | dict.fromkeys(("DistillationModel", "AttentionModel"), _DISTILLATION),
    ),
    "class_num": _key(int, minimum=1),
    "pretrained": _key(bool, str, NONE),
    "use_ssld": _key(bool),
    "is_rec": _key(bool, refused={True: _RETRIEVAL}),
    "infer_add_softmax": _key(bool),  # of the exported model: PaddleClas's default is True
    "infer_output_key": _key(str, NONE, choices=("logits",), refused={"features": _RETRIEVAL}),
    "use_sync_bn": Ignored(tr("; each process normalises over its own share of the batch")),
    "use_ml_decoder": _key(bool, refused={True: _MULTILABEL}),
    "*": Passthrough(),  # the rest are arguments of the network, checked when it is built
} | _refused({_RETRIEVAL: "Backbone BackboneStopLayer Neck Head"})

_LOSS = Entries(
    {
        "CELoss": {
            "weight": _key(float, default=1.0),
            "epsilon": _key(float, NONE, default=None),
            # PaddleClas's third, none, is no scalar and cannot be trained on
            "reduction": _key(str, choices=("mean", "sum")),
        },
        # PaddleClas's takes an epsilon that does not smooth, and nothing else
        "GoogLeNetLoss": {"weight": _key(float, default=1.0)},
        # ours, with the keys of PaddleDetection's FocalLoss and SmoothL1Loss
        "RetinaNetLoss": {
            "gamma": _key(float, default=2.0, minimum=0),
            "alpha": _key(float, default=0.25, between=(0, 1)),
            "beta": _key(float, default=1 / 9, minimum=0),
            "box_weight": _key(float, default=1.0, minimum=0),
        },
    }
    | _refused(
        {
            _MULTILABEL: "MultiLabelLoss MultiLabelAsymmetricLoss",
            _DISTILLATION: "AFDLoss DMLLoss DistanceLoss SoftTargetCrossEntropy "
            "DistillationCELoss DistillationGTCELoss DistillationDMLLoss DistillationDistanceLoss "
            "DistillationRKDLoss DistillationKLDivLoss DistillationDKDLoss DistillationWSLLoss "
            "DistillationSKDLoss DistillationMultiLabelLoss DistillationDISTLoss "
            "DistillationPairLoss",
            _RETRIEVAL: "CenterLoss ContrastiveLoss ContrastiveLoss_XBM EmlLoss MSMLoss NpairsLoss "
            "TriHardLoss TripletLoss TripletLossV2 TripletAngularMarginLoss "
            "TripletAngularMarginLoss_XBM SupConLoss PairwiseCosface CELossForMetaBIN "
            "TripletLossForMetaBIN InterDomainShuffleLoss IntraDomainScatterLoss",
            _SEMI: "SoftSupConLoss CCSSLCELoss",
            _HASHING: "DSHSDLoss LCDSHLoss DCHLoss",
        }
    ),
    default=[{"CELoss": {}}],
    # PaddleClas dropped this name: its CELoss takes the labels of Mixup and Cutmix too
    renamed={"MixCELoss": "CELoss"},
)

_TOPK = {"topk": _key(list, int, default=[1, 5], item=int)}
_METRIC = Entries(
    {
        "TopkAcc": _TOPK,
        "GoogLeNetTopkAcc": _TOPK,
        # of detectors; the keys are PaddleDetection's
        "COCOMetric": {},
        "VOCMetric": {
            "overlap_thresh": _key(float, default=0.5, between=(0, 1)),
            "map_type": _key(str, default="11point", choices=("11point", "area", "integral")),
        },
    }
    | _refused(
        {
            _DISTILLATION: "DistillationTopkAcc",
            _RETRIEVAL: "Recallk mAP mINP Precisionk",
            _MULTILABEL: "HammingDistance AccuracyScore ATTRMetric MultilabelMeanAccuracy "
            "MultiLabelMAP",
            tr("scoring of two classes by threshold"): "TprAtFpr",
        }
    ),
    default=[{"TopkAcc": {}}],
    # a shorter name; PaddleClas itself knows TopkAcc alone
    renamed={"Acc": "TopkAcc"},
)

_NO_DECAY = {
    "no_weight_decay_name": _key(str, NONE),
    "one_dim_param_no_weight_decay": _key(bool),
}
_ADAM = {
    "beta1": _key(float, default=0.9, minimum=0),
    "beta2": _key(float, default=0.999, minimum=0),
    "epsilon": _key(float, default=1e-8, minimum=0),
}
_RATE = {"learning_rate": _key(float, minimum=0), "by_epoch": _key(bool, default=False)}
_WARM_UP = {
    "warmup_epoch": _key(float, default=0, minimum=0),
    "warmup_start_lr": _key(float, default=0.0, minimum=0),
    # PaddleClas sets these itself, whatever the file says
    "epochs": Ignored(),
    "step_each_epoch": Ignored(),
    "last_epoch": Ignored(),
}
_GAMMA = _key(float, default=0.1, minimum=0)
_LR_KINDS: dict[str, dict | Unsupported] = {
    # PaddleClas's Constant has no warm-up; its ConstLR has
    "Constant": {
        "warmup_epoch": Ignored(tr("; lr.name ConstLR warms up")),
        "warmup_start_lr": Ignored(tr("; lr.name ConstLR warms up")),
    },
    "ConstLR": _WARM_UP,
    "Linear": _WARM_UP
    | {
        "end_lr": _key(float, default=0.0, minimum=0),
        "power": _key(float, default=1.0),
        "cycle": _key(bool, default=False),
    },
    "Cosine": _WARM_UP | {"eta_min": _key(float, default=0.0, minimum=0)},
    "Step": _WARM_UP | {"step_size": _key(float, default=REQUIRED, minimum=0), "gamma": _GAMMA},
    "Piecewise": _WARM_UP
    | {"decay_epochs": _key(list, item=float), "values": _key(list, item=float)},
    "MultiStepDecay": _WARM_UP
    | {"milestones": _key(list, default=REQUIRED, item=float), "gamma": _GAMMA},
}
_LR = Tagged(
    "Cosine",
    _LR_KINDS
    | _refused(
        {
            tr("rates that follow the evaluation"): "ReduceOnPlateau",
            tr("cyclical rates"): "Cyclic OneCycleLR",
            _SEMI: "CosineFixmatch",
        }
    ),
    common=_RATE,
    renamed={"Polynomial": "Linear"},  # of which it is the power
)
_OPTIMIZER = Tagged(
    "Momentum",
    {
        "SGD": {},
        "Momentum": _NO_DECAY
        | {
            "momentum": _key(float, default=0.9, minimum=0),
            "use_nesterov": _key(bool),  # PaddleClas 2.5 has none
        },
        "Adam": _ADAM,
        "AdamW": _ADAM
        | _NO_DECAY
        | {"weight_decay": _key(float, default=0.01, minimum=0)}  # as Paddle; PaddleClas has none
        # PaddleClas's AdamW drops what it does not know; the ViT recipes carry this from elsewhere
        | {"clip_grad": Ignored(tr(" nor in PaddleClas; clip_norm clips"))},
        "RMSProp": _NO_DECAY
        | {
            "momentum": _key(float, default=0.0, minimum=0),
            "rho": _key(float, default=0.95, minimum=0),
            "epsilon": _key(float, default=1e-6, minimum=0),
        },
        "AdamWDL": Unsupported(tr("learning rates that decay by layer")),
    },
    common={
        "lr": _LR,
        "regularizer": Optional(
            {
                "name": _key(str, default=REQUIRED, choices=("L1", "L2")),
                "coeff": _key(float, default=0.0, minimum=0),
            }
        ),
        "weight_decay": _key(float, NONE, minimum=0),
        "clip_norm": _key(float, minimum=0),
        "multi_precision": _key(bool),
    },
)


_LISTED = {
    "image_root": _key(str),
    "cls_label_path": _key(str),
    "delimiter": _key(str, NONE),
}
_ARCHIVE = {
    "data_file": _key(str, NONE),
    "mode": _key(str, choices=("train", "test")),
    "download": _key(bool),
    "backend": _key(str, choices=("cv2", "pil")),
}
# PaddleDetection's
_DETECTION: dict[str, Any] = {
    "dataset_dir": _key(str, default=REQUIRED),
    "anno_path": _key(str, default=REQUIRED),
    "image_dir": _key(str, NONE),
    "allow_empty": _key(bool),
}
#: beside a labelled set what a teacher has labelled (`ppghost label`): in each batch the share
#: `ratio`, of which every loss counts `weight` times
_PSEUDO = {
    "dataset_dir": _key(str, default=REQUIRED),
    "anno_path": _key(str, default=REQUIRED),
    "image_dir": _key(str, NONE),
    # images in which the teacher has found nothing
    "allow_empty": _key(bool, default=True),
    "weight": _key(float, default=1.0, minimum=0),
    "ratio": _key(float, default=0.5, between=(0, 1)),
}
_VOC = _DETECTION | {"label_list": _key(str, NONE)}
_DATASETS: dict[str, Any] = {
    "ImageNetDataset": _LISTED | {"relabel": _key(bool)},
    "Cifar10": _ARCHIVE,
    "Cifar100": _ARCHIVE,
    "VOCDataSet": _VOC,
    "COCODataSet": _DETECTION,
} | _refused(
    {
        _MULTILABEL: "MultiLabelDataset",
        _RETRIEVAL: "VeriWild CompCars LogoDataset ICartoonDataset MixDataset "
        "Market1501 MSMT17 DukeMTMC FiveValidationDataset AdaFaceDataset",
    }
)
_SAMPLERS = _refused(
    {
        _RETRIEVAL: "DistributedRandomIdentitySampler PKSampler MixSampler "
        "DomainShuffleBatchSampler NaiveIdentityBatchSampler",
    }
)


def _batches(shuffle: bool) -> dict:
    return {
        "batch_size": _key(int, default=64, minimum=1),
        "drop_last": _key(bool, default=False),
        "shuffle": _key(bool, default=shuffle),
    }


def _loader(datasets: dict, samplers: dict, shuffle: bool) -> dict:
    same = dict.fromkeys(("DistributedBatchSampler", "BatchSampler"), _batches(shuffle))
    return {
        "dataset": Tagged(
            "ImageNetDataset",
            _DATASETS | datasets,
            common={
                "transform_ops": _key(list, default=[]),
                "batch_transform_ops": _key(list, NONE),
            },
        ),
        "sampler": Tagged("DistributedBatchSampler", _SAMPLERS | same | samplers),
        "loader": {
            "num_workers": _key(int, default=0, minimum=0),
            "use_shared_memory": _key(bool, default=True),
        },
    }


_TRAIN_LOADER = _loader(
    datasets={
        "ImageNetDataset": _LISTED | {"relabel": _key(bool), "soft_labels": _key(str, NONE)},
        "MultiScaleDataset": _LISTED,
        "VOCDataSet": _VOC | {"pseudo": Optional(_PSEUDO)},
        "COCODataSet": _DETECTION | {"pseudo": Optional(_PSEUDO)},
    },
    samplers={
        "MultiScaleSampler": {
            "scales": _key(list, default=REQUIRED, item=int),
            "first_bs": _key(int, default=REQUIRED, minimum=1),
            "divided_factor": _key(int, default=32, minimum=1),
            "is_training": _key(bool, default=True),
            "shuffle": _key(bool, default=True),
            "seed": Ignored(tr("; Global.seed does it")),
        },
        "RASampler": _batches(shuffle=False) | {"num_repeats": _key(int, default=3, minimum=1)},
    },
    shuffle=True,
)


#: every key of a configuration
SCHEMA: dict[str, Any] = {
    "Global": _GLOBAL,
    "AMP": Optional(_AMP),
    "EMA": Optional({"decay": _key(float, default=0.9999, between=(0, 1))}),
    "Arch": _ARCH,
    "Loss": {"Train": _LOSS, "Eval": _LOSS},
    "Optimizer": _OPTIMIZER,
    "DataLoader": {
        "Train": _TRAIN_LOADER,
        "Eval": _loader({}, {}, shuffle=False)
        | _refused({_RETRIEVAL: "Query Gallery TestGallery TestQuery"}),
    }
    | _refused({_SEMI: "UnLabelTrain", _RETRIEVAL: "Gallery Query"}),
    "Infer": {
        "infer_imgs": _key(str, NONE, default=None),
        "infer_list": _key(str, NONE),
        "save_dir": _key(str, NONE),
        "batch_size": _key(int, default=10, minimum=1),
        "transforms": _key(list),
        "PostProcess": {
            "name": _key(str, default="Topk"),
            "topk": _key(int, default=5),
            "class_id_map_file": _key(str, NONE),
            "delimiter": _key(str, NONE),
            "threshold": _key(float, between=(0, 1)),
            "label_0": _key(str),
            "label_1": _key(str),
            # of detectors, with PaddleDetection's MultiClassNMS
            "score_threshold": _key(float, between=(0, 1)),
            "nms_threshold": _key(float, between=(0, 1)),
            "nms_top_k": _key(int, minimum=1),
            "keep_top_k": _key(int, minimum=1),
        },
    },
    "Metric": {"Train": _METRIC, "Eval": _METRIC},
    "UnLabelLoss": Unsupported(_SEMI),
    "Slim": Unsupported(tr("pruning and quantisation while training")),
    "profiler_options": Ignored(),
}


def add_dataset(name: str, keys: Iterable[str]) -> None:
    """Let `DataLoader.*.dataset.name` be `name`, with these keys, whatever their values.

    Raises:
        InputError: there is a data set of that name.
    """
    for loader in (SCHEMA["DataLoader"]["Train"], SCHEMA["DataLoader"]["Eval"]):
        kinds = loader["dataset"].kinds
        if name in kinds:
            raise InputError("there is a data set {name} already; register another name", name=name)
        kinds[name] = {key: Parsed(lambda value: value, "") for key in keys}
