"""Checkpoints: whole or not there, whatever ends a run and whenever."""

import errno
import os
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import paddle
import pytest
from support.runs import ctrl_c_after_step, logged

from ppghost import weights
from ppghost.config import loading as config
from ppghost.errors import InputError, TrainingError
from ppghost.tasks.metrics import Averages
from ppghost.training import checkpoint, loop
from ppghost.training.steps import StepRunner
from ppghost.weights import TensorSpec

SLOTS = [TensorSpec("layer.weight", "layer_weights", (3,))]


def snapshot(step, average=False):
    network = {"layer_weights": np.full(3, step, "float32")}
    return checkpoint.Checkpoint(
        network=network,
        optimizer={"moment": np.full(3, -step, "float32")},
        schedule={"last_epoch": step},
        position=checkpoint.Position(1, step, step, 0.5),
        settings={"seed": 1},
        average={"layer_weights": np.full(3, step + 0.5, "float32")} if average else {},
        statistics={},
        epoch_averages=Averages({"loss": 2.5 * step}, step),
    )


def same(one, other):
    return repr(one) == repr(other)


@pytest.mark.parametrize("average", [False, True])
def test_what_is_saved_is_what_is_loaded(tmp_path, average):
    checkpoint.save(tmp_path / "latest", snapshot(3, average), SLOTS)
    assert same(checkpoint.load(tmp_path / "latest", SLOTS), snapshot(3, average))


def test_with_an_average_the_names_are_paddleclas_s(tmp_path):
    """Its `.pdparams` is the average then, its `.pdema` what is trained."""
    checkpoint.save(tmp_path / "latest", snapshot(3, average=True), SLOTS)
    assert weights.read_pickle(tmp_path / "latest.pdparams")["layer.weight"][0] == 3.5
    assert weights.read_pickle(tmp_path / "latest.pdema")["layer.weight"][0] == 3
    checkpoint.save(tmp_path / "latest", snapshot(4), SLOTS)
    assert not (tmp_path / "latest.pdema").exists()


class Killed(BaseException):
    pass


def each_write(monkeypatch, last):
    """Whatever touches the disk, die at touch number `last`."""
    touches = 0

    def counted(function):
        def call(*arguments, **keywords):
            nonlocal touches
            touches += 1
            if touches == last:
                raise Killed
            return function(*arguments, **keywords)

        return call

    for owner, name in ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


def test_a_save_that_dies_at_any_touch_of_the_disk_leaves_a_whole_checkpoint(tmp_path):
    last, done = 0, False
    while not done:
        last += 1
        directory = tmp_path / str(last)
        for step in (1, 2):
            checkpoint.save(directory / "latest", snapshot(step), SLOTS)
        with pytest.MonkeyPatch.context() as patch:
            each_write(patch, last)
            try:
                checkpoint.save(directory / "latest", snapshot(3), SLOTS)
                done = True
            except Killed:
                pass
        _, found = checkpoint.newest(directory, SLOTS, lambda settings: [])
        assert found.position.step == (3 if done else found.position.step)
        assert found.position.step >= 2
        assert same(found, snapshot(found.position.step))
        # and once more, from what is left
        with pytest.MonkeyPatch.context() as patch:
            each_write(patch, 8)
            with pytest.raises(Killed):
                checkpoint.save(directory / "latest", snapshot(4), SLOTS)
        _, found = checkpoint.newest(directory, SLOTS, lambda settings: [])
        assert found.position.step >= 2
        assert same(found, snapshot(found.position.step))
    assert last > 15


def test_without_hard_links_the_files_are_copied(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    for step in (1, 2):
        checkpoint.save(tmp_path / "latest", snapshot(step), SLOTS)
    assert same(checkpoint.load(tmp_path / "previous", SLOTS), snapshot(1))


@pytest.mark.parametrize("ending", ["pdparams", "pdopt", "pdstates"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before_and_says_so(
    tmp_path, caplog, ending, damage
):
    for step in (1, 2):
        checkpoint.save(tmp_path / "latest", snapshot(step), SLOTS)
    file = tmp_path / f"latest.{ending}"
    content = file.read_bytes()
    file.unlink()
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        # in the last third, where the arrays and the digests stand
        place = len(content) * 2 // 3
        file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    prefix, found = checkpoint.newest(tmp_path, SLOTS, lambda settings: [])
    assert prefix.name == "previous"
    assert same(found, snapshot(1))
    if (ending, damage) != ("pdstates", "gone"):
        assert "latest" in caplog.text
        assert "looking for another checkpoint" in caplog.text


def test_a_hostile_checkpoint_runs_nothing(tmp_path):
    import pickle

    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'was_here'}",)

    checkpoint.save(tmp_path / "latest", snapshot(1), SLOTS)
    (tmp_path / "latest.pdstates").write_bytes(pickle.dumps({"step": Hostile()}))
    with pytest.raises(InputError, match="not a weight file that is safe to read"):
        checkpoint.load(tmp_path / "latest", SLOTS)
    assert checkpoint.newest(tmp_path, SLOTS, lambda settings: []) is None
    assert not (tmp_path / "was_here").exists()


def test_the_newest_epochs_are_kept(tmp_path):
    for epoch in (8, 9, 10, 11):
        checkpoint.save(tmp_path / f"epoch_{epoch}", snapshot(epoch), SLOTS)
    checkpoint.save(tmp_path / "best_model", snapshot(1), SLOTS)
    checkpoint.prune(tmp_path, keep=2)
    assert sorted(p.stem for p in tmp_path.glob("*.pdopt")) == [
        "best_model",
        "epoch_10",
        "epoch_11",
    ]
    assert len(list(tmp_path.iterdir())) == 9


def test_a_full_disk_ends_the_run_and_keeps_what_was_saved(config_file, tmp_path, monkeypatch):
    paddle.enable_static()
    step = StepRunner.run
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(self, *arguments):
        if self.state.position.step == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
        return step(self, *arguments)

    monkeypatch.setattr(StepRunner, "run", fill_the_disk)
    try:
        with pytest.raises(TrainingError, match=r"cannot be written .*go on with --resume auto"):
            loop.train(config.load_config(config_file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    monkeypatch.undo()
    directory = tmp_path / "output" / "TinyGhostNet"
    assert not [path for path in directory.iterdir() if path.name.startswith(".")]
    assert loop.train(config.load_config(config_file), resume="auto")["epochs"] == 2


def test_a_run_killed_at_random_points_ends_bit_for_bit_as_one_that_was_not(
    config_file, tmp_path, start
):
    settings = [
        "-o", "Global.epochs=10", "-o", "Global.checkpoint_steps=2", "-o", "EMA={decay: 0.9}",
        "-o", "Global.print_batch_step=1", "-o", "DataLoader.Train.sampler.batch_size=2",
        "-o", "DataLoader.Train.loader.num_workers=2", "-o", "Global.save_interval=4",
        "-o", "DataLoader.Train.dataset.batch_transform_ops=[{MixupOperator: {alpha: 0.4}}]",
    ]  # fmt: skip
    whole = start(config_file, tmp_path / "whole", *settings)
    assert whole.end() == 0, whole.text()
    rng = np.random.default_rng(20)
    for _ in range(2):
        run = start(config_file, tmp_path / "killed", *settings, "--resume", "auto")
        run.wait_for_step(run.step() + int(rng.integers(1, 25)))
        time.sleep(rng.random() * 0.1)
        run.process.kill()
        run.end()
    assert run.step() < 60
    run = start(config_file, tmp_path / "killed", *settings, "--resume", "auto")
    assert run.end() == 0, run.text()
    assert "resuming" in run.text()
    for ending in ("pdparams", "pdema"):
        one, other = (
            weights.read_pickle(tmp_path / which / "TinyGhostNet" / f"latest.{ending}")
            for which in ("whole", "killed")
        )
        for name in one[weights.NAME_TABLE]:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    # the figures too stand there once each, as if nothing had happened, those of epochs as well
    one, other = (logged(tmp_path / which / "TinyGhostNet") for which in ("whole", "killed"))
    assert one == other
    assert [entry["samples"] for entry in one if entry["phase"] == "train_epoch"] == [12] * 10


def test_a_checkpoint_without_the_metrics_of_its_epoch_resumes_with_those_of_the_rest(
    config_file, tmp_path, monkeypatch
):
    paddle.enable_static()
    settings = config.load_config(config_file, ["Global.epochs=1"])
    with ctrl_c_after_step(1, monkeypatch):
        loop.train(settings)
    states = tmp_path / "output" / "TinyGhostNet" / "latest.pdstates"
    content = weights.read_pickle(states)
    assert content.pop("epoch_averages")["samples"] == 4
    weights.write_pickle(states, content)
    loop.train(settings, resume="auto")
    [epoch] = [entry for entry in logged(states.parent) if entry["phase"] == "train_epoch"]
    assert epoch["samples"] == 8


def test_a_copy_of_a_run_can_be_gone_on_with_elsewhere(config_file, tmp_path):
    paddle.enable_static()
    loop.train(config.load_config(config_file, ["Global.epochs=2"]))
    shutil.copytree(tmp_path / "output", tmp_path / "copy")
    settings = config.load_config(config_file, [f"Global.output_dir={tmp_path / 'copy'}"])
    for name in ("latest", "latest.pdparams", "latest.pdstates"):
        resume = str(tmp_path / "copy/TinyGhostNet" / name)
        assert loop.train(settings, resume=resume)["epochs"] == 2
