"""Training: what a step does, what is averaged, what is written."""

import json

import numpy as np
import paddle
import pytest
from support.runs import make_trainer

from ppghost import weights
from ppghost.config import loading as config
from ppghost.errors import InputError, TrainingError
from ppghost.models import registry
from ppghost.models.layers import fc_layer
from ppghost.models.network import Architecture, Network
from ppghost.static.program import fetch
from ppghost.training import loop
from ppghost.training.distributed import Group
from ppghost.training.evaluation import Evaluator, evaluate
from ppghost.training.steps import StepRunner, dropout_seed

pytestmark = pytest.mark.usefixtures("static")


def test_bn_is_not_decayed_and_weights_are(config_file):
    """With gradients of zero, one step moves by decay alone: the convolutions, never BN."""
    overrides = [
        "Loss.Train.0.CELoss.weight=0",
        "Optimizer.regularizer.coeff=0.5",
        "Optimizer.lr.warmup_epoch=0",
    ]
    trainer = make_trainer(config.load_config(config_file, overrides))
    names = ["conv1_weights", "conv1_bn_scale", "fc_1_weights"]
    before = fetch(trainer.state.scope, names)
    trainer.steps.run(np.ones((4, 3, 32, 32), "float32"), {"label": np.zeros((4, 1), "int64")})
    after = fetch(trainer.state.scope, names)
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
    figures = loop.train(config.load_config(config_file, overrides))
    assert figures["train"]["loss"] < 0.7  # ln 3 = 1.1 before
    assert figures["train"]["top1"] > 0.9
    assert set(figures) >= {"best", "top1", "top2", "loss", "samples"}
    written = {p.name for p in (tmp_path / "output" / "TinyGhostNet").iterdir()}
    assert written == {
        f"{name}.{ending}"
        for name in ("latest", "previous", "best_model", "epoch_8", "epoch_16")
        for ending in ("pdparams", "pdopt", "pdstates")
    } | {"train.jsonl"}


def test_a_loss_that_is_no_number_ends_the_run(config_file):
    overrides = ["Optimizer.lr.learning_rate=1e30", "Optimizer.lr.warmup_epoch=0"]
    with pytest.raises(TrainingError, match="the loss is nan at epoch 1, step 2"):
        loop.train(config.load_config(config_file, overrides))


def test_seeds_differ_and_repeat(config_file):
    def first_weights(seed):
        trainer = make_trainer(config.load_config(config_file, [f"Global.seed={seed}"]))
        return fetch(trainer.state.scope, ["conv1_weights"])["conv1_weights"]

    np.testing.assert_array_equal(first_weights(1), first_weights(1))
    assert not np.array_equal(first_weights(1), first_weights(2))


def test_ema_follows_the_weights_as_paddleclas_s_does(config_file):
    """Against the formula by hand; with update_freq 2 it moves when the weights do."""
    for frequency in (1, 2):
        overrides = ["EMA={decay: 0.75}", f"Global.update_freq={frequency}"]
        trainer = make_trainer(config.load_config(config_file, overrides))
        trainer.state.start_from(None)
        averages = trainer.state.graph.averages
        assert len(averages) == len(trainer.state.specs)
        expected = trainer.state.fetch(averages)
        moved = []
        for step in range(4):
            images = np.random.default_rng(step).normal(size=(4, 3, 32, 32)).astype("float32")
            trainer.steps.run(images, {"label": np.array([[0], [1], [2], [0]])})
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
    figures = loop.train(config.load_config(config_file, ["EMA={decay: 0.99}"]))
    assert figures["ema"]["samples"] == 6
    assert figures["ema"]["loss"] != figures["loss"]
    directory = tmp_path / "output" / "TinyGhostNet"
    average = config.load_config(config_file, [f"Global.pretrained_model={directory / 'latest'}"])
    assert evaluate(average)["loss"] == figures["ema"]["loss"]
    assert (directory / "latest.pdema").exists()


def test_another_batch_is_told_what_linear_scaling_says(config_file, caplog):
    caplog.set_level("INFO", logger="ppghost")
    overrides = ["Global.tuned_batch_size=8"]
    assert make_trainer(config.load_config(config_file, overrides)).state.schedule.rate(3) == 0.05
    assert "for 4 linear scaling says 0.025" in caplog.text
    scaled = make_trainer(config.load_config(config_file, [*overrides, "Global.scale_lr=True"]))
    assert scaled.state.schedule.rate(3) == 0.025
    caplog.clear()
    loop.Trainer(
        config.load_config(config_file, overrides), paddle.CPUPlace(), Group(rank=0, size=2)
    )
    assert "linear scaling" not in caplog.text  # 2 times 4 is what it was tuned for


def test_an_epoch_s_figures_are_of_its_images(config_file, monkeypatch):
    """Of 12 images in batches of 8 and 4."""
    overrides = ["Global.epochs=1", "DataLoader.Train.sampler.batch_size=8"]
    losses, step = [], StepRunner.run

    def noted(*arguments):
        values, stopping = step(*arguments)
        losses.append(values["loss"])
        return values, stopping

    monkeypatch.setattr(StepRunner, "run", noted)
    figures = loop.train(config.load_config(config_file, overrides))
    assert losses[0] != losses[1]
    assert figures["train"]["loss"] == pytest.approx((2 * losses[0] + losses[1]) / 3)


def test_one_process_that_is_to_stop_stops_all_of_them(config_file, monkeypatch):
    trainer = make_trainer(config.load_config(config_file))
    trainer._stop_if_requested()
    monkeypatch.setattr(Group, "sum", lambda self, values: values + 1)  # another was asked
    with pytest.raises(KeyboardInterrupt):
        trainer._stop_if_requested()


def test_the_oldest_checkpoints_of_epochs_are_deleted(config_file, tmp_path):
    overrides = ["Global.epochs=3", "Global.save_interval=1", "Global.keep_checkpoints=2"]
    loop.train(config.load_config(config_file, overrides))
    written = (tmp_path / "output" / "TinyGhostNet").glob("epoch_*.pdparams")
    assert {path.stem for path in written} == {"epoch_2", "epoch_3"}


@pytest.mark.parametrize(
    ("by_epoch", "expected"),
    [(True, [1, 1, 1, 0.5, 0.5, 0.5]), (False, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])],
)
def test_a_schedule_moves_by_epoch_or_by_iteration(config_file, monkeypatch, by_epoch, expected):
    rate = f"{{name: Linear, learning_rate: 0.01, end_lr: 0, by_epoch: {by_epoch}}}"
    trainer = make_trainer(config.load_config(config_file, [f"Optimizer.lr={rate}"]))
    rates, step = [], StepRunner.run

    def noted(*arguments):
        rates.append(trainer.state.schedule.get_lr())
        return step(*arguments)

    monkeypatch.setattr(StepRunner, "run", noted)
    trainer.run()
    assert rates == pytest.approx([0.01 * share for share in expected])


def test_dropout_differs_between_steps_and_processes():
    seeds = [dropout_seed(7, step, rank, 3) for step in range(20) for rank in range(3)]
    assert len(set(seeds)) == 60
    assert dropout_seed(8, 0, 0, 3) not in seeds


def test_an_update_freq_above_the_steps_becomes_1(config_file, caplog):
    trainer = make_trainer(config.load_config(config_file, ["Global.update_freq=4"]))
    before = fetch(trainer.state.scope, ["fc_1_weights"])["fc_1_weights"]
    trainer.steps.run(np.ones((4, 3, 32, 32), "float32"), {"label": np.zeros((4, 1), "int64")})
    trainer.steps.run(np.ones((4, 3, 32, 32), "float32"), {"label": np.zeros((4, 1), "int64")})
    assert "Global.update_freq 4 is above the 3 steps of an epoch" in caplog.text
    assert not np.array_equal(before, fetch(trainer.state.scope, ["fc_1_weights"])["fc_1_weights"])


def test_an_accuracy_of_0_has_a_best_model_too(config_file, tmp_path, monkeypatch):
    figures = {"loss": 1.0, "top1": 0.0, "samples": 6, "images_per_second": 1.0}
    monkeypatch.setattr(Evaluator, "run", lambda self, network: dict(figures))
    result = loop.train(config.load_config(config_file, ["Global.save_interval=-1"]))
    assert result["best"] == 0
    written = {path.stem for path in (tmp_path / "output" / "TinyGhostNet").glob("*.pdparams")}
    assert written == {"latest", "previous", "best_model"}
    saved = weights.read_pickle(tmp_path / "output" / "TinyGhostNet" / "best_model.pdstates")
    assert saved["epoch"] == 3  # the later of two that are alike


def test_without_evaluation_there_is_no_best_accuracy(run, config_file):
    overrides = ["-o", "Global.eval_during_train=False", "-o", "Global.epochs=1"]
    code, out, _ = run("train", "-c", config_file, *overrides)
    assert code == 0
    assert out.startswith("1 epochs, not evaluated, training loss ")


def test_evaluation_starts_with_start_eval_epoch(config_file, tmp_path):
    overrides = ["Global.epochs=3", "Global.start_eval_epoch=2"]
    loop.train(config.load_config(config_file, overrides))
    log = (tmp_path / "output" / "TinyGhostNet" / "train.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in log]
    assert [entry["epoch"] for entry in entries if entry["phase"] == "eval"] == [2, 3]


def test_training_and_evaluation_may_have_two_sizes(config_file, tmp_path):
    larger = [
        "DataLoader.Eval.dataset.transform_ops.1={ResizeImage: {size: 48}}",
        "Global.epochs=1",
    ]
    assert loop.train(config.load_config(config_file, larger))["samples"] == 6
    weights_file = f"Global.pretrained_model={tmp_path / 'output' / 'TinyGhostNet' / 'latest'}"
    assert evaluate(config.load_config(config_file, [*larger, weights_file]))["samples"] == 6


def test_without_a_metric_to_evaluate_by_nothing_is_trained(config_file):
    for nothing in ("null", "[]"):
        with pytest.raises(InputError, match=r"Metric\.Eval names nothing .* TopkAcc"):
            make_trainer(config.load_config(config_file, [f"Metric.Eval={nothing}"]))


def test_an_evaluation_that_gives_nan_is_no_best_model(config_file, tmp_path, monkeypatch, caplog):
    figures = {"loss": float("nan"), "top1": 0.5, "samples": 6, "images_per_second": 1.0}
    monkeypatch.setattr(Evaluator, "run", lambda self, network: dict(figures))
    result = loop.train(config.load_config(config_file, ["Global.epochs=1"]))
    assert result["best"] is None
    assert "the loss of the evaluation is nan" in caplog.text
    directory = tmp_path / "output" / "TinyGhostNet"
    assert not (directory / "best_model.pdparams").exists()
    last = (directory / "train.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["loss"] is None


def flat(class_num=3, in_channels=3):
    """Its classifier has a weight for each pixel."""
    return Network(lambda x: fc_layer(paddle.flatten(x, 1), class_num, name="fc"), in_channels)


def test_a_network_whose_weights_depend_on_the_size_says_so(config_file, monkeypatch):
    monkeypatch.setitem(registry.ARCHITECTURES, "Flat", Architecture("Flat", flat, (3, 32, 32)))
    larger = "DataLoader.Eval.dataset.transform_ops.1={ResizeImage: {size: 48}}"
    with pytest.raises(
        InputError, match=r"32, 32\], evaluation on \[3, 48, 48\]; Flat has weights"
    ):
        make_trainer(config.load_config(config_file, ["Arch.name=Flat", larger]))
