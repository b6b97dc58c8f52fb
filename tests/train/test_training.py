"""Training: the schedule, the engine, checkpoints, resuming."""

import contextlib
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import subprocess
import termios

import numpy as np
import paddle
import pytest
from visualdl import LogReader

from ppghost import config, weights
from ppghost.errors import InputError, TrainingError
from ppghost.models import zoo
from ppghost.train import checkpoint, loop, program
from ppghost.train.distributed import Group
from ppghost.train.evaluation import evaluate_config
from ppghost.train.metrics import Averages, topk_accuracy
from ppghost.train.stop import Stop

pytestmark = pytest.mark.usefixtures("static")


def parameters(directory, name="latest"):
    return weights.read_state(directory / name)


def make_trainer(settings):
    return loop.Trainer(settings, paddle.CPUPlace(), Group())


def assert_same_parameters(first, second):
    one, other = parameters(first), parameters(second)
    assert len(one) > 50
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_topk_counts_the_label_among_the_k_best():
    logits = np.array([[3, 2, 1, 0], [0, 1, 2, 3], [3, 2, 1, 0]], dtype="float32")
    labels = np.array([[0], [2], [3]])
    main = paddle.static.Program()
    with paddle.static.program_guard(main, paddle.static.Program()):
        x, y = paddle.static.data("x", [None, 4]), paddle.static.data("y", [None, 1], "int64")
        outputs = topk_accuracy([{"TopkAcc": {"topk": [1, 2, 5]}}], x, y)
        values = paddle.static.Executor().run(
            main, feed={"x": logits, "y": labels}, fetch_list=list(outputs.values())
        )
    # five best of four classes: left out, Paddle's op would fail
    assert dict(zip(outputs, map(float, values), strict=True)) == pytest.approx(
        {"top1": 1 / 3, "top2": 2 / 3}
    )


def test_averages_weigh_batches_by_size():
    averages = Averages()
    averages.add({"top1": 1.0}, 3)
    averages.add({"top1": 0.0}, 1)
    assert averages.means() == {"top1": 0.75}


def test_bn_is_not_decayed_and_weights_are(config_file):
    """With gradients of zero, one step moves by decay alone: the convolutions, never BN."""
    overrides = [
        "Loss.Train.0.CELoss.weight=0",
        "Optimizer.regularizer.coeff=0.5",
        "Optimizer.lr.warmup_epoch=0",
    ]
    trainer = make_trainer(config.load(config_file, overrides))
    names = ["conv1_weights", "conv1_bn_scale", "fc_1_weights"]
    before = program.fetch(trainer.state.scope, names)
    trainer._step(np.ones((4, 3, 32, 32), "float32"), np.zeros((4, 1), "int64"), Stop())
    after = program.fetch(trainer.state.scope, names)
    decayed = 1 - 0.05 * 0.5
    for name, factor in (
        ("conv1_weights", decayed),
        ("conv1_bn_scale", 1),
        ("fc_1_weights", decayed),
    ):
        np.testing.assert_allclose(after[name], before[name] * factor, rtol=1e-5, err_msg=name)


def test_a_run_learns_and_writes_paddleclas_files(config_file, tmp_path):
    overrides = [
        "Global.epochs=16",
        "Global.save_interval=8",
        "DataLoader.Train.sampler.batch_size=12",
        "Optimizer.lr.learning_rate=0.02",
    ]
    figures = loop.train(config.load(config_file, overrides))
    assert figures["train"]["loss"] < 0.7  # ln 3 = 1.1 before
    assert figures["train"]["top1"] > 0.9
    assert set(figures) >= {"best", "top1", "top2", "loss", "samples"}
    written = {p.name for p in (tmp_path / "output" / "TinyGhostNet").iterdir()}
    assert written == {
        f"{name}.{ending}"
        for name in ("latest", "previous", "best_model", "epoch_8", "epoch_16")
        for ending in ("pdparams", "pdopt", "pdstates")
    } | {"train.jsonl"}


def test_a_resumed_run_is_bitwise_the_run_that_never_stopped(config_file, tmp_path, monkeypatch):
    whole = config.load(config_file, [f"Global.output_dir={tmp_path / 'whole'}"])
    loop.train(whole)
    stopped = config.load(config_file, [f"Global.output_dir={tmp_path / 'stopped'}"])
    with ctrl_c_after_step(5, monkeypatch):
        loop.train(stopped)
    loop.train(stopped, resume="auto")
    assert_same_parameters(*(tmp_path / d / "TinyGhostNet" for d in ("whole", "stopped")))


@contextlib.contextmanager
def ctrl_c_after_step(number, monkeypatch):
    """What is trained in the block is interrupted in that step, and says so."""
    step = loop.Trainer._step

    def press(self, *arguments):
        if self.state.position.step == number - 1:
            signal.raise_signal(signal.SIGINT)
        return step(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "_step", press)
        with pytest.raises(KeyboardInterrupt):
            yield


RECIPES = {
    "mixup": [
        "DataLoader.Train.dataset.batch_transform_ops=[{MixupOperator: {alpha: 0.5}}]",
        "DataLoader.Train.loader.num_workers=2",
    ],
    "adamw": [
        "Optimizer={name: AdamW, weight_decay: 0.05, one_dim_param_no_weight_decay: True, "
        "lr: {name: Cosine, learning_rate: 0.01, warmup_epoch: 1}}"
    ],
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_other_recipes_train_and_resume_bitwise(config_file, tmp_path, monkeypatch, recipe):
    def settings(directory):
        return config.load(config_file, [*RECIPES[recipe], f"Global.output_dir={directory}"])

    figures = loop.train(settings(tmp_path / "whole"))
    assert ("top1" in figures["train"]) == (recipe != "mixup")  # a mixture has no one class
    assert figures["top1"] >= 0  # of the evaluation
    with ctrl_c_after_step(2, monkeypatch):
        loop.train(settings(tmp_path / "stopped"))
    loop.train(settings(tmp_path / "stopped"), resume="auto")
    assert_same_parameters(*(tmp_path / d / "TinyGhostNet" for d in ("whole", "stopped")))


def test_ctrl_c_saves_in_the_middle_of_an_epoch_and_resumes_bitwise(
    config_file, tmp_path, monkeypatch
):
    loop.train(config.load(config_file, [f"Global.output_dir={tmp_path / 'whole'}"]))
    stopped = config.load(config_file, [f"Global.output_dir={tmp_path / 'stopped'}"])
    with ctrl_c_after_step(2, monkeypatch):
        loop.train(stopped)
    directory = tmp_path / "stopped" / "TinyGhostNet"
    states = weights.read_pickle(directory / "latest.pdstates")
    assert (states["epoch"], states["batch"], states["step"]) == (1, 2, 2)
    loop.train(stopped, resume="auto")
    assert_same_parameters(tmp_path / "whole" / "TinyGhostNet", directory)


def test_ctrl_c_during_the_last_evaluation_is_not_lost(config_file, tmp_path, monkeypatch):
    settings = config.load(config_file, ["Global.epochs=1"])
    evaluate = loop.evaluate

    def press(*arguments):
        signal.raise_signal(signal.SIGINT)
        return evaluate(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "evaluate", press)
        with pytest.raises(KeyboardInterrupt):
            loop.train(settings)
    states = weights.read_pickle(tmp_path / "output" / "TinyGhostNet" / "latest.pdstates")
    assert (states["epoch"], states["batch"]) == (1, 3)  # trained, not evaluated
    assert loop.train(settings, resume="auto")["samples"] == 6


def test_a_second_ctrl_c_inside_a_step_saves_nothing(config_file, tmp_path, monkeypatch):
    def press_twice(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop.Trainer, "_step", press_twice)
    with pytest.raises(KeyboardInterrupt):
        loop.train(config.load(config_file))
    assert [p.name for p in (tmp_path / "output" / "TinyGhostNet").iterdir()] == ["train.jsonl"]


def test_a_damaged_checkpoint_is_passed_over(config_file, tmp_path, caplog):
    trainer = make_trainer(config.load(config_file))
    for step, name in ((3, "epoch_1"), (6, "epoch_2"), (9, "latest")):
        trainer.state.position = trainer.state.position._replace(step=step)
        trainer.state.save(name)
    directory = trainer.state.directory
    shutil.copy(directory / "epoch_1.pdopt", directory / "latest.pdopt")
    (directory / "latest.pdparams").write_bytes(b"half")
    prefix, found = checkpoint.newest(directory, trainer.state.slots)
    assert (prefix.name, found.position.step) == ("epoch_2", 6)
    with pytest.raises(InputError, match="is not of the same save"):
        checkpoint.load(directory / "latest", trainer.state.slots)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("Global.epochs=5", r"Global\.epochs 2, this config says 5"),
        (
            "DataLoader.Train.sampler.batch_size=3",
            r"DataLoader\.Train\.sampler\.batch_size 4, this config says 3",
        ),
        ("Arch.class_num=4", r"Arch\.class_num 3, this config says 4"),
        (
            "Optimizer={name: AdamW, lr: {name: Constant, learning_rate: 0.1}}",
            r"Optimizer\.name Momentum, this config says AdamW",
        ),
    ],
)
def test_resuming_with_another_recipe_is_refused(config_file, override, message):
    make_trainer(config.load(config_file)).state.save("latest")
    with pytest.raises(InputError, match=message):
        loop.train(config.load(config_file, [override]), resume="auto")


def test_a_loss_that_is_no_number_ends_the_run(config_file):
    overrides = ["Optimizer.lr.learning_rate=1e30", "Optimizer.lr.warmup_epoch=0"]
    with pytest.raises(TrainingError, match="the loss is nan at epoch 1, step 2"):
        loop.train(config.load(config_file, overrides))


def test_seeds_differ_and_repeat(config_file):
    def first_weights(seed):
        trainer = make_trainer(config.load(config_file, [f"Global.seed={seed}"]))
        return program.fetch(trainer.state.scope, ["conv1_weights"])["conv1_weights"]

    np.testing.assert_array_equal(first_weights(1), first_weights(1))
    assert not np.array_equal(first_weights(1), first_weights(2))


def test_ema_follows_the_weights_as_paddleclas_s_does(config_file):
    """Against the formula by hand; with update_freq 2 it moves when the weights do."""
    for frequency in (1, 2):
        overrides = ["EMA={decay: 0.75}", f"Global.update_freq={frequency}"]
        trainer = make_trainer(config.load(config_file, overrides))
        trainer.state.start_from(None)
        averages = trainer.state.graph.averages
        assert len(averages) == len(trainer.state.slots)
        expected = trainer.state.fetch(averages)
        moved = []
        for step in range(4):
            images = np.random.default_rng(step).normal(size=(4, 3, 32, 32)).astype("float32")
            trainer._step(images, np.array([[0], [1], [2], [0]]), Stop())
            now = trainer.state.fetch(averages)
            moved.append((step + 1) % frequency == 0)
            if moved[-1]:
                expected = {n: 0.75 * expected[n] + 0.25 * now[n] for n in averages}
            for name, average in averages.items():
                np.testing.assert_allclose(
                    trainer.state.fetch([average])[average], expected[name], rtol=1e-5, atol=1e-7
                )
        assert sum(moved) == 4 // frequency


def test_with_ema_the_average_is_evaluated_and_saved_too(config_file, tmp_path):
    figures = loop.train(config.load(config_file, ["EMA={decay: 0.99}"]))
    assert figures["ema"]["samples"] == 6
    assert figures["ema"]["loss"] != figures["loss"]
    directory = tmp_path / "output" / "TinyGhostNet"
    average = config.load(config_file, [f"Global.pretrained_model={directory / 'latest'}"])
    assert evaluate_config(average)["loss"] == figures["ema"]["loss"]
    assert (directory / "latest.pdema").exists()


def test_every_figure_is_in_the_journal(config_file, tmp_path):
    settings = config.load(config_file, ["Global.use_visualdl=True", "Global.print_batch_step=1"])
    figures = loop.train(settings)
    directory = tmp_path / "output" / "TinyGhostNet"
    entries = [json.loads(line) for line in (directory / "train.jsonl").read_text().splitlines()]
    assert [(e["phase"], e["step"], e["epoch"]) for e in entries] == [
        *(("train", step, 1) for step in (1, 2, 3)),
        ("eval", 3, 1),
        *(("train", step, 2) for step in (4, 5, 6)),
        ("eval", 6, 2),
    ]
    assert entries[-1]["loss"] == figures["loss"]
    assert entries[0].keys() >= {"lr", "loss", "top1", "images_per_second", "time"}
    [log] = (directory / "vdl").iterdir()
    scalars = LogReader(file_path=str(log))
    assert "train/loss" in scalars.get_tags()["scalar"]
    assert [point.id for point in scalars.get_data("scalar", "eval/top1")] == [3, 6]


def test_on_a_terminal_there_is_a_bar_and_in_a_file_are_lines(config_file, tiny_command):
    command = [*tiny_command, "train", "-c", str(config_file)]
    log = subprocess.run(command, capture_output=True, text=True)
    assert log.stderr.count("[Train][Epoch 1/2][Iter: 2/3] lr:") == 1
    assert "step/s" not in log.stderr
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    with subprocess.Popen(command, stderr=theirs, stdout=theirs) as run:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that the other end is gone
            while part := os.read(ours, 4096):
                shown += part
    os.close(ours)
    assert run.returncode == 0, shown.decode()
    assert b"epoch 1/2" in shown
    assert b"epoch 2/2" in shown
    assert b"[Train]" not in shown
    assert b"[Eval][Epoch 2]" in shown


def test_another_batch_is_told_what_linear_scaling_says(config_file, caplog):
    caplog.set_level("INFO", logger="ppghost")
    overrides = ["Global.tuned_batch_size=8"]
    assert make_trainer(config.load(config_file, overrides)).state.schedule.rate(3) == 0.05
    assert "for 4 linear scaling says 0.025" in caplog.text
    scaled = make_trainer(config.load(config_file, [*overrides, "Global.scale_lr=True"]))
    assert scaled.state.schedule.rate(3) == 0.025


def test_other_threads_are_told_of_when_a_run_goes_on(config_file, monkeypatch, caplog):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    make_trainer(config.load(config_file)).state.save("latest")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    loop.prepare(config.load(config_file), "auto")
    assert "was trained with OMP_NUM_THREADS 1, now it is 2" in caplog.text


CROP = {"RandCropImage": {"size": 32}}
PROGRESSIVE = {"RandCropImage": {"size": 32, "progress_size": [16, 24, 32, 48]}}


def with_crop(config_file, crop, overrides):
    """The config with one operation more in training, and overridden."""
    settings = config.load(config_file, overrides)
    dataset = settings["DataLoader"]["Train"]["dataset"]
    decode, *others = dataset["transform_ops"]
    dataset["transform_ops"] = [decode, crop, *others]
    return settings


VARYING = {
    "several sizes": (
        CROP,
        [
            "DataLoader.Train.dataset.name=MultiScaleDataset",
            "DataLoader.Train.sampler={name: MultiScaleSampler, scales: [32, 64, 96], first_bs: 3}",
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
    other = [*overrides, "DataLoader.Train.sampler.scales=[32, 64]"]
    with pytest.raises(InputError, match=r"scales \[32, 64, 96\], this config says \[32, 64\]"):
        loop.train(with_crop(config_file, crop, other), resume="auto")


def test_the_time_left_is_that_of_the_images_left(config_file):
    class Told:
        def train(self, *figures, seconds_left, where):
            self.seconds_left = seconds_left

    trainer, told = make_trainer(config.load(config_file)), Told()
    trainer.state.position = trainer.state.position._replace(batch=1)
    trainer._progress(told, {}, rate=2.0)
    assert told.seconds_left == (8 + 12) / 2  # of 12 images in batches of 4, two epochs


def test_programs_of_several_sizes_train_one_network(config_file):
    """Turns of two Programs of one size are one Program: accumulators, rate and averages too."""
    overrides = ["EMA={decay: 0.75}", "Global.update_freq=2"]
    ends = []
    for count in (1, 2):
        trainer = make_trainer(config.load(config_file, overrides))
        trainer.state.start_from(None)
        shapes = trainer.loader.image_shapes() * count
        trainer.graphs = program.build_variants(
            trainer.config, trainer.state.schedule, shapes, 1, on_gpu=False
        )
        trainer.sampler.variant = lambda epoch, batch, count=count: batch % count
        for step in range(6):
            images = np.random.default_rng(step).normal(size=(4, 3, 32, 32)).astype("float32")
            trainer._step(images, np.array([[0], [1], [2], [0]]), Stop())
        ends.append(trainer.state.fetch(trainer.state._persistables()))
        assert len(trainer.executors) == count
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
    monkeypatch.setitem(zoo.ARCHITECTURES, "Staged", zoo.Architecture("Tiny", Staged))
    overrides = ["Arch.name=Staged", "Global.train_mode=progressive", "Global.epochs=8"]
    trainer = make_trainer(with_crop(config_file, PROGRESSIVE, overrides))
    rates = []
    for epoch in range(1, 9):
        graph, _ = trainer._variant(epoch, 0)
        ops = graph.program.global_block().ops
        rates += [op.attr("dropout_prob") for op in ops if op.type == "dropout"]
        assert len(trainer.executors) == 1  # those of stages gone by are let go
    assert rates == pytest.approx([0.1, 0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4])
