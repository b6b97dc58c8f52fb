"""Training on images of several sizes, and in stages: a Program for each."""

import numpy as np
import paddle
import pytest
from support.runs import assert_same_parameters, ctrl_c_after_step, make_trainer

from ppghost.config import loading as config
from ppghost.errors import InputError
from ppghost.models import network, registry
from ppghost.tasks.classification import Classification
from ppghost.training import loop, program
from ppghost.training.distributed import Group

pytestmark = pytest.mark.usefixtures("static")


CROP = {"RandCropImage": {"size": 32}}


PROGRESSIVE = {"RandCropImage": {"size": 32, "progress_size": [16, 24, 32, 48]}}


def with_crop(config_file, crop, overrides):
    """The config with one operation more in training, and overridden."""
    settings = config.load_config(config_file, overrides)
    dataset = settings["DataLoader"]["Train"]["dataset"]
    decode, *others = dataset["transform_ops"]
    dataset["transform_ops"] = [decode, crop, *others]
    return settings


VARYING = {
    "several sizes": (
        CROP,
        [
            "DataLoader.Train.dataset.name=MultiScaleDataset",
            "DataLoader.Train.sampler={name: MultiScaleSampler, scales: [32, 64], first_bs: 3}",
            "DataLoader.Train.loader.num_workers=1",
            "EMA={decay: 0.5}",
            "Global.update_freq=2",
            "Global.seed=2",
        ],
    ),
    "stages": (PROGRESSIVE, ["Global.train_mode=progressive", "Global.epochs=4"]),
}


@pytest.mark.parametrize("kind", VARYING)
def test_images_of_several_sizes_train_and_resume_bitwise(config_file, tmp_path, monkeypatch, kind):
    crop, overrides = VARYING[kind]
    fed = []
    run = Group.run

    def watched(self, executor, graph, **arguments):
        fed.append(arguments["feed"]["image"].shape[2:])
        return run(self, executor, graph, **arguments)

    def settings(directory):
        return with_crop(config_file, crop, [*overrides, f"Global.output_dir={directory}"])

    monkeypatch.setattr(Group, "run", watched)
    figures = loop.train(settings(tmp_path / "whole"))
    whole, fed[:] = list(fed), []
    assert figures["samples"] == 6
    with ctrl_c_after_step(4, monkeypatch):
        loop.train(settings(tmp_path / "stopped"))
    assert len(set(whole[:4])) > 1  # the part that is resumed changes size, too
    assert len(set(whole[4:])) > 1
    loop.train(settings(tmp_path / "stopped"), resume="auto")
    assert fed == whole
    assert_same_parameters(*(tmp_path / d / "TinyGhostNet" for d in ("whole", "stopped")))


def test_resuming_with_other_sizes_is_refused(config_file):
    crop, overrides = VARYING["several sizes"]
    make_trainer(with_crop(config_file, crop, overrides)).state.save("latest")
    other = [*overrides, "DataLoader.Train.sampler.scales=[32]"]
    with pytest.raises(InputError, match=r"scales \[32, 64\], this config says \[32\]"):
        loop.train(with_crop(config_file, crop, other), resume="auto")


def test_programs_of_several_sizes_train_one_network(config_file):
    """Turns of two Programs of one size are one Program: accumulators, rate and averages too."""
    overrides = ["EMA={decay: 0.75}", "Global.update_freq=2"]
    ends = []
    for count in (1, 2):
        trainer = make_trainer(config.load_config(config_file, overrides))
        trainer.state.start_from(None)
        shapes = trainer.loader.image_shapes() * count
        trainer.steps.graphs = program.build_variants(
            trainer.config,
            Classification(trainer.config),
            trainer.state.schedule,
            shapes,
            1,
            on_gpu=False,
        )
        trainer.sampler.variant = lambda epoch, batch, count=count: batch % count
        for step in range(6):
            images = np.random.default_rng(step).normal(size=(4, 3, 32, 32)).astype("float32")
            trainer.steps.run(images, {"label": np.array([[0], [1], [2], [0]])})
        ends.append(trainer.state.fetch(trainer.state._persistables()))
        assert len(trainer.steps.executors) == count
    assert len(ends[0]) > 150
    for name, array in ends[0].items():
        np.testing.assert_array_equal(ends[1][name], array, err_msg=name)


class StagedHead(paddle.nn.Layer):
    """A head as EfficientNetV2_S has it, with a dropout rate for each stage."""

    def __init__(self):
        super().__init__()
        self.dropout_rate = [0.1, 0.2, 0.3, 0.4]
        self._dropout = paddle.nn.Dropout(self.dropout_rate[0])

    def forward(self, x):
        return self._dropout(x)


class Staged(paddle.nn.Layer):
    def __init__(self, class_num):
        super().__init__()
        self.head = StagedHead()
        self.fc = paddle.nn.Linear(3, class_num)

    def forward(self, x):
        return self.fc(self.head(x.mean([2, 3])))


def test_a_stage_has_its_dropout_rate(config_file, monkeypatch):
    monkeypatch.setitem(registry.ARCHITECTURES, "Staged", network.Architecture("Tiny", Staged))
    overrides = ["Arch.name=Staged", "Global.train_mode=progressive", "Global.epochs=8"]
    trainer = make_trainer(with_crop(config_file, PROGRESSIVE, overrides))
    rates = []
    for epoch in range(1, 9):
        graph, _ = trainer.steps._variant(epoch, 0)
        ops = graph.program.global_block().ops
        rates += [op.attr("dropout_prob") for op in ops if op.type == "dropout"]
        assert len(trainer.steps.executors) == 1  # those of stages gone by are let go
    assert rates == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4])
