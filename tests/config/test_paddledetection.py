"""Configurations of PaddleDetection's RetinaNet, in our form."""

import logging

import pytest

from ppghost.config import loading
from ppghost.errors import InputError

NETWORK = """
architecture: RetinaNet
num_classes: 3
norm_type: bn
RetinaNet: {backbone: ResNet, neck: FPN, head: RetinaHead}
ResNet: {depth: 18, freeze_norm: false, freeze_at: -1, return_idx: [2, 3]}
FPN: {out_channel: 48, extra_stage: 1, has_extra_convs: true, use_c5: false}
RetinaHead:
  conv_feat: {name: RetinaFeat, feat_in: 48, feat_out: 32, num_convs: 2, norm_type: null}
  anchor_generator: RetinaAnchorGenerator
  bbox_assigner: {name: MaxIoUAssigner, positive_overlap: 0.5, negative_overlap: 0.4}
  loss_bbox: {name: SmoothL1Loss, beta: 0.0, loss_weight: 1.5}
  nms: {name: MultiClassNMS, nms_top_k: -1, score_threshold: 0.1}
RetinaAnchorGenerator: {scales_per_octave: 2, strides: [16.0, 32.0, 64.0]}
"""
DATA = """
metric: VOC
map_type: 11point
worker_num: 1
TrainDataset: !COCODataSet
  dataset_dir: cards
  anno_path: train.json
  image_dir: images
EvalDataset: !VOCDataSet
  dataset_dir: cards
  anno_path: test.txt
  label_list: label_list.txt
  data_fields: ['image', 'gt_bbox', 'gt_class', 'difficult']
TrainReader:
  sample_transforms:
  - Decode: {}
  - RandomFlip: {prob: 0.5}
  - Resize: {target_size: [90, 128], keep_ratio: false}
  - NormalizeImage: {is_scale: true}
  - Permute: {}
  batch_transforms:
  - PadBatch: {pad_to_stride: 32}
  batch_size: 4
EvalReader:
  sample_transforms:
  - Decode: {}
  - Resize: {target_size: 128, keep_ratio: true}
  - Permute: {}
  - Pad: {size: [96, 128], fill_value: 0}
  batch_size: 2
"""
MAIN = """
_BASE_: ['base/network.yml', 'base/data.yml']
epoch: 12
snapshot_epoch: 3
use_gpu: false
TrainDataset: !VOCDataSet
  dataset_dir: cards
  anno_path: train.txt
ResNet: {return_idx: [1, 2, 3]}
RetinaAnchorGenerator: {strides: [8, 16, 32, 64]}
LearningRate:
  base_lr: 0.02
  schedulers:
  - !PiecewiseDecay
    gamma: 0.5
    milestones: [8, 11]
  - !LinearWarmup
    start_factor: 0.1
    steps: 20
OptimizerBuilder:
  optimizer: {type: Momentum, momentum: 0.8}
  regularizer: {type: L2, factor: 1e-3}
"""


@pytest.fixture
def load(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "network.yml").write_text(NETWORK)
    (tmp_path / "base" / "data.yml").write_text(DATA)

    def call(*overrides, text=MAIN):
        (tmp_path / "main.yml").write_text(text)
        return loading.load_config(tmp_path / "main.yml", overrides)

    return call


def test_the_network_is_read(load):
    arch = load()["Arch"]
    assert arch == {
        "name": "RetinaNet",
        "class_num": 3,
        "backbone": {"name": "ResNet18"},
        "levels": [3, 6],
        "anchors": {
            "octave_base_scale": 4, "scales_per_octave": 2, "aspect_ratios": [0.5, 1.0, 2.0]
        },
        "neck": {"width": 48, "kernel": 3},
        "head": {"width": 32, "convs": 2, "kernel": 3},
    }  # fmt: skip


def test_loss_metric_and_suppression_are_read(load):
    new = load()
    loss = {"gamma": 2.0, "alpha": 0.25, "beta": 0.0, "box_weight": 1.5}
    assert new["Loss"]["Train"] == new["Loss"]["Eval"] == [{"RetinaNetLoss": loss}]
    assert new["Metric"]["Eval"] == [
        {"VOCMetric": {"map_type": "11point", "overlap_thresh": 0.5}}
    ]  # fmt: skip
    post = new["Infer"]["PostProcess"]
    assert (post["score_threshold"], post["nms_threshold"], post["keep_top_k"]) == (0.1, 0.5, 100)
    assert "nms_top_k" not in post  # all that come into it


def test_data_sets_and_readers_are_read(load):
    new = load()
    train, evaluation = new["DataLoader"]["Train"], new["DataLoader"]["Eval"]
    assert train["dataset"]["name"] == "VOCDataSet"
    # a section with a tag replaces the one below it whole
    assert "image_dir" not in train["dataset"] or train["dataset"]["image_dir"] is None
    assert train["dataset"]["anno_path"] == "train.txt"
    assert evaluation["dataset"]["label_list"] == "label_list.txt"
    sampler = {"name": "DistributedBatchSampler", "batch_size": 4}
    assert train["sampler"] == sampler | {"shuffle": True, "drop_last": True}
    assert evaluation["sampler"]["shuffle"] is False
    assert train["loader"]["num_workers"] == 1
    assert new["Global"]["image_shape"] == [3, 96, 128]
    assert train["dataset"]["transform_ops"][-1] == {"Pad": {"size": [96, 128], "fill_value": 0}}
    assert len(evaluation["dataset"]["transform_ops"]) == 4


def test_optimizer_and_schedule_are_read(load):
    new = load()
    rate = new["Optimizer"]["lr"]
    assert new["Optimizer"]["momentum"] == 0.8
    assert new["Optimizer"]["regularizer"] == {"name": "L2", "coeff": 1e-3}
    # a single factor is divided by ten at each further milestone, whatever it is
    assert (rate["decay_epochs"], rate["values"]) == ([8, 11], [0.02, 0.01, 0.001])
    assert (new["Global"]["warmup_steps"], rate["warmup_start_lr"]) == (20, 0.002)
    settings = new["Global"]
    assert (settings["epochs"], settings["save_interval"], settings["eval_interval"]) == (12, 3, 3)
    assert settings["device"] == "cpu"


def test_epochs_of_warming_up_come_off_the_milestones(load):
    new = load("LearningRate.schedulers.1={name: LinearWarmup, epochs: 2}")
    assert new["Optimizer"]["lr"]["decay_epochs"] == [6, 9]
    assert new["Optimizer"]["lr"]["warmup_epoch"] == 2
    assert new["Global"]["warmup_steps"] is None


def test_a_cosine_is_read(load):
    new = load(
        "LearningRate.schedulers=[{name: CosineDecay, max_epochs: 12, min_lr_ratio: 0.1, "
        "use_warmup: false}]"
    )
    rate = new["Optimizer"]["lr"]
    assert (rate["name"], rate["eta_min"]) == ("Cosine", pytest.approx(0.002))
    assert new["Global"]["warmup_steps"] is None


def test_averages_and_weights_are_read(load, caplog):
    with caplog.at_level(logging.INFO):
        new = load("use_ema=True", "pretrain_weights=resnet18.pdparams", "weights=out/model")
    assert new["EMA"] == {"decay": 0.9998}
    assert new["Arch"]["backbone"]["pretrained"] == "resnet18.pdparams"
    assert "weights has no effect here; eval and export take" in caplog.text
    assert new["Global"]["pretrained_model"] is None


def test_overrides_of_both_forms(load):
    new = load("epoch=5", "Global.seed=3", "Arch.backbone=SlimNet", "FPN.out_channel=48")
    assert (new["Global"]["epochs"], new["Global"]["seed"]) == (5, 3)
    assert new["Arch"]["backbone"] == "SlimNet"


def test_what_is_read_reads_back_in_our_form(load, tmp_path):
    new = load()
    (tmp_path / "new.yaml").write_text(loading.dump(new))
    assert loading.load_config(tmp_path / "new.yaml") == new


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("architecture=YOLOv3", "architecture: 'YOLOv3' is not 'RetinaNet'"),
        ("ResNet.variant=d", "ResNet.variant: 'd' is not 'b'"),
        ("ResNet.depth=20", "ResNet.depth: 20 is not 50 or 18 or 34"),
        ("ResNet={depth: 50}", "ResNet.freeze_norm: True is not False"),
        ("ResNet.freeze_at=0", "ResNet.freeze_at: 0 is not -1"),
        ("ResNet.dcn_v2_stages=[1, 2]", r"ResNet.dcn_v2_stages: \[1, 2\] is not \[-1\]"),
        ("ResNet.return_idx=[0, 1, 2, 3]", r"return_idx: \[0, 1, 2, 3\] is not \[1, 2, 3\]"),
        ("ResNet.dept=50", "ResNet.dept: unknown key, did you mean depth"),
        ("RetinaNet.backbone=MobileNet", "RetinaNet.backbone: 'MobileNet' is not 'ResNet'"),
        ("FPN.use_c5=true", "FPN.use_c5: True is not False"),
        ("FPN.has_extra_convs=false", "FPN.has_extra_convs: False is not True"),
        ("FPN.norm_type=gn", "FPN.norm_type: 'gn' is not None"),
        ("FPN.out_channel=64", "RetinaFeat.feat_in: 48 does not go with the FPN's 64"),
        ("FPN.extra_stage=2", "RetinaAnchorGenerator.strides: .* does not go with"),
        ("RetinaHead.conv_feat.norm_type=gn", "RetinaHead.conv_feat.norm_type: 'gn' is not None"),
        ("RetinaHead.conv_feat=RetinaFeat", "RetinaFeat.norm_type: 'bn' is not None"),
        ("RetinaHead.loss_bbox=GIoULoss", "RetinaHead.loss_bbox: 'GIoULoss' is not 'SmoothL1Loss'"),
        ("RetinaHead.bbox_assigner.name=ATSSAssigner", "bbox_assigner: 'ATSSAssigner' is not"),
        ("RetinaHead.bbox_assigner.positive_overlap=0.6", "positive_overlap: 0.6 is not 0.5"),
        ("RetinaHead.loss_class={name: FocalLoss, loss_weight: 2}", "loss_weight: 2 is not 1.0"),
        ("RetinaHead.nms.nms_eta=0.9", "RetinaHead.nms.nms_eta: 0.9 is not 1.0"),
        ("pretrain_weights=https://x/y.pdparams", "pretrain_weights: https://x/y.pdparams has"),
        ("LearningRate.schedulers=[{name: CosineDecay}]", "give LinearWarmup next"),
        (
            "LearningRate.schedulers.0={name: CosineDecay, max_epochs: 300}",
            "max_epochs: 300 is not epoch, 12",
        ),
        ("LearningRate.schedulers.1={name: ExpWarmup}", "ExpWarmup is for warming up along"),
        ("LearningRate.schedulers.0.gamma=[0.1]", "1 factors for 2 milestones"),
        ("LearningRate.schedulers.1={name: LinearWarmup, epochs: 9}", "do not rise from"),
        ("OptimizerBuilder.clip_grad_by_norm=35", "clip_grad_by_norm: 35 is not None"),
        ("OptimizerBuilder.regularizer={type: L3, factor: 1}", "is not a section with type"),
        ("TrainReader.batch_transforms=[BatchRandomResize: {}]", "batches of several sizes"),
        ("TrainReader.batch_transforms=[Gt2YoloTarget: {}]", "'Gt2YoloTarget' is none of PadBatch"),
        (
            "TrainReader.sample_transforms.2={Resize: {target_size: [90, 130], keep_ratio: true}}",
            r"TrainReader.sample_transforms: images of several .*`Pad: \{size: 160,",
        ),
        (
            "EvalReader.sample_transforms.3={Pad: {size: 128}}",
            "TrainReader 96x128, EvalReader 128x",
        ),
        ("EvalReader.inputs_def={image_shape: [3, 64, 64]}", r"image_shape: \[3, 64, 64\], but"),
        ("map_type=integrl", "map_type: 'integrl' is none of 11point, integral, area"),
        ("metric=RBOX", "metric: 'RBOX' is none of COCO, VOC"),
        ("TrainDataset.sample_num=10", "TrainDataset.sample_num: 10 is not -1"),
        ("TrainDataset.name=MOTDataSet", "'MOTDataSet' is none of COCODataSet, VOCDataSet"),
        ("slim=PTQ", "slim is for pruning"),
        ("YOLOv3Head={}", "YOLOv3Head: unknown key"),
    ],
)
def test_what_it_says_otherwise_is_refused(load, override, message):
    with pytest.raises(InputError, match=message) as error:
        load(override)
    assert "main.yml: " in str(error.value)
    assert "\n" not in str(error.value)


def test_norms_of_several_processes_are_refused_there_alone(load, monkeypatch):
    load("norm_type=sync_bn")
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    load("norm_type=bn")
    with pytest.raises(InputError, match="norm_type: sync_bn takes its figures of all processes"):
        load("norm_type=sync_bn")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (MAIN.replace("!LinearWarmup", "!LinearWarmUp"), "line 17: .*!LinearWarmUp is not supp"),
        (MAIN.replace("!VOCDataSet", "!!python/object:os.system"), "line 6: not valid YAML"),
        (MAIN + "Global: {epochs: 3}\n", "architecture is a key of PaddleDetection and Global"),
        ("_BASE_: [base/data.yml]\n", "architecture is missing"),
        ("_BASE_: [main.yml]\n", "_BASE_ leads back to this file"),
    ],
)
def test_files_that_are_none(load, text, message):
    with pytest.raises(InputError, match=message):
        load(text=text)
