"""What a run tells: train.jsonl, VisualDL, the bar on a terminal, the time left."""

import contextlib
import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest
from support.runs import make_trainer
from visualdl import LogReader

from ppghost.config import loading as config
from ppghost.training import loop
from ppghost.training.progress import Progress

pytestmark = pytest.mark.usefixtures("static")


def test_every_figure_is_in_the_journal(config_file, tmp_path):
    settings = config.load_config(
        config_file, ["Global.use_visualdl=True", "Global.print_batch_step=1"]
    )
    figures = loop.train(settings)
    directory = tmp_path / "output" / "TinyGhostNet"
    entries = [json.loads(line) for line in (directory / "train.jsonl").read_text().splitlines()]
    assert [(e["phase"], e["step"], e["epoch"]) for e in entries] == [
        *(("train", step, 1) for step in (1, 2, 3)),
        ("train_epoch", 3, 1),
        ("eval", 3, 1),
        *(("train", step, 2) for step in (4, 5, 6)),
        ("train_epoch", 6, 2),
        ("eval", 6, 2),
    ]
    assert entries[-2]["loss"] == figures["train"]["loss"]
    assert entries[-2]["samples"] == 12
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
    assert b"[Iter" not in shown  # the means of each epoch are
    assert b"[Eval][Epoch 2]" in shown


def test_the_time_left_is_that_of_the_images_left(config_file):
    class Told:
        def train(self, *figures, seconds_left, where):
            self.seconds_left = seconds_left

    trainer, told = make_trainer(config.load_config(config_file)), Told()
    trainer.state.position = trainer.state.position._replace(batch=1)
    Progress(told, trainer.state, trainer.sampler).tell(2.0)
    assert told.seconds_left == (8 + 12) / 2  # of 12 images in batches of 4, two epochs
