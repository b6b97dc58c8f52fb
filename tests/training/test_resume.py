"""Runs that are stopped and go on."""

import shutil
import signal

import pytest
from support.runs import assert_same_parameters, ctrl_c_after_step, make_trainer

from ppghost import weights
from ppghost.config import loading as config
from ppghost.errors import InputError
from ppghost.static.runtime import static_graph
from ppghost.training import checkpoint, loop
from ppghost.training.evaluation import Evaluator
from ppghost.training.steps import StepRunner

pytestmark = pytest.mark.usefixtures("static")


def test_a_resumed_run_is_bitwise_the_run_that_never_stopped(config_file, tmp_path, monkeypatch):
    whole = config.load_config(config_file, [f"Global.output_dir={tmp_path / 'whole'}"])
    loop.train(whole)
    stopped = config.load_config(config_file, [f"Global.output_dir={tmp_path / 'stopped'}"])
    with ctrl_c_after_step(5, monkeypatch):
        loop.train(stopped)
    loop.train(stopped, resume="auto")
    assert_same_parameters(*(tmp_path / d / "TinyGhostNet" for d in ("whole", "stopped")))


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
        return config.load_config(config_file, [*RECIPES[recipe], f"Global.output_dir={directory}"])

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
    loop.train(config.load_config(config_file, [f"Global.output_dir={tmp_path / 'whole'}"]))
    stopped = config.load_config(config_file, [f"Global.output_dir={tmp_path / 'stopped'}"])
    with ctrl_c_after_step(2, monkeypatch):
        loop.train(stopped)
    directory = tmp_path / "stopped" / "TinyGhostNet"
    states = weights.read_pickle(directory / "latest.pdstates")
    assert (states["epoch"], states["batch"], states["step"]) == (1, 2, 2)
    loop.train(stopped, resume="auto")
    assert_same_parameters(tmp_path / "whole" / "TinyGhostNet", directory)


def test_ctrl_c_during_the_last_evaluation_is_not_lost(config_file, tmp_path, monkeypatch):
    settings = config.load_config(config_file, ["Global.epochs=1"])
    evaluate = Evaluator.run

    def press(self, network):
        signal.raise_signal(signal.SIGINT)
        return evaluate(self, network)

    with monkeypatch.context() as patch:
        patch.setattr(Evaluator, "run", press)
        with pytest.raises(KeyboardInterrupt):
            loop.train(settings)
    states = weights.read_pickle(tmp_path / "output" / "TinyGhostNet" / "latest.pdstates")
    assert (states["epoch"], states["batch"]) == (1, 3)  # trained, not evaluated
    assert loop.train(settings, resume="auto")["samples"] == 6


def test_a_second_ctrl_c_inside_a_step_saves_nothing(config_file, tmp_path, monkeypatch):
    def press_twice(self, *arguments):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(StepRunner, "run", press_twice)
    with pytest.raises(KeyboardInterrupt):
        loop.train(config.load_config(config_file))
    assert [p.name for p in (tmp_path / "output" / "TinyGhostNet").iterdir()] == ["train.jsonl"]


def test_a_damaged_checkpoint_is_passed_over(config_file, tmp_path, caplog):
    trainer = make_trainer(config.load_config(config_file))
    for step, name in ((3, "epoch_1"), (6, "epoch_2"), (9, "latest")):
        trainer.state.position = trainer.state.position._replace(step=step)
        trainer.state.save(name)
    directory = trainer.state.directory
    shutil.copy(directory / "epoch_1.pdopt", directory / "latest.pdopt")
    (directory / "latest.pdparams").write_bytes(b"half")
    prefix, found = checkpoint.newest(directory, trainer.state.specs, lambda settings: [])
    assert (prefix.name, found.position.step) == ("epoch_2", 6)
    with pytest.raises(InputError, match="is not of the same save"):
        checkpoint.load(directory / "latest", trainer.state.specs)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("Optimizer.lr.learning_rate=0.1", r"lr\.learning_rate 0\.05, this config says 0\.1"),
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
    make_trainer(config.load_config(config_file)).state.save("latest")
    with pytest.raises(InputError, match=message):
        loop.train(config.load_config(config_file, [override]), resume="auto")


def test_other_threads_are_told_of_when_a_run_goes_on(config_file, monkeypatch, caplog):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    make_trainer(config.load_config(config_file)).state.save("latest")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    with static_graph() as place:
        loop.prepare(config.load_config(config_file), place, "auto")
    assert "was trained with OMP_NUM_THREADS 1, now it is 2" in caplog.text


def test_more_epochs_go_on_and_say_what_the_rate_becomes(config_file, tmp_path, caplog):
    constant = "Optimizer.lr={name: Linear, learning_rate: 0.01, end_lr: 0}"
    loop.train(config.load_config(config_file, [constant]))
    longer = config.load_config(config_file, [constant, "Global.epochs=4"])
    figures = loop.train(longer, resume="auto")
    assert "run of 2 epochs, this config says 4" in caplog.text
    assert "over 4 epochs, 0.005 where it was 0" in caplog.text
    assert figures["epochs"] == 4
    assert (tmp_path / "output" / "TinyGhostNet" / "epoch_4.pdparams").exists()


def test_a_fresh_start_sets_the_earlier_run_aside(config_file, tmp_path, caplog):
    directory = tmp_path / "output" / "TinyGhostNet"
    loop.train(config.load_config(config_file))
    before = {path.name: path.read_bytes() for path in directory.iterdir()}
    fresh = config.load_config(config_file, ["Global.seed=2", "Global.epochs=1"])
    loop.train(fresh)
    assert "held the checkpoints of an earlier run" in caplog.text
    aside = directory / "earlier_run_1"
    assert {path.name: path.read_bytes() for path in aside.iterdir()} == before
    assert not (directory / "epoch_2.pdparams").exists()
    with static_graph() as place:
        state = loop.prepare(fresh, place, "auto").state
    assert (state.position.epoch, state.position.step) == (2, 3)


def test_checkpoints_of_other_runs_are_passed_over(config_file, caplog):
    """Older versions left them side by side."""
    own = make_trainer(config.load_config(config_file))
    own.state.save("epoch_1")
    other = make_trainer(config.load_config(config_file, ["Optimizer.lr.learning_rate=0.1"]))
    other.state.position = other.state.position._replace(step=60)
    other.state.save("epoch_20")
    own.state.start_from("auto")
    assert own.state.position.step == 0
    assert "epoch_20 is of another run (Optimizer.lr.learning_rate 0.1" in caplog.text


def test_data_that_moved_is_the_same_and_other_data_is_not(config_file, shapes_dir, tmp_path):
    make_trainer(config.load_config(config_file)).state.save("latest")
    moved = shutil.copytree(shapes_dir, tmp_path / "moved")
    override = "DataLoader.Train.dataset"
    paths = [
        f"{override}.image_root={moved}",
        f"{override}.cls_label_path={moved / 'train_list.txt'}",
    ]
    make_trainer(config.load_config(config_file, paths)).state.start_from("auto")
    lines = (moved / "train_list.txt").read_text().splitlines()
    (moved / "train_list.txt").write_text("\n".join(reversed(lines)))
    with pytest.raises(InputError, match="their names and labels"):
        make_trainer(config.load_config(config_file, paths)).state.start_from("auto")
