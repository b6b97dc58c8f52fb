"""Training from Python: callbacks, a dict for a config, another thread."""

import signal
import threading

import paddle
import pytest
import yaml
from support.runs import parameters

from ppghost.config import loading as config
from ppghost.training import loop
from ppghost.training.callbacks import Callback


class Recorder(Callback):
    def __init__(self, last_step=None, last_epoch=None):
        self.steps, self.epochs = [], []
        self.last_step, self.last_epoch = last_step, last_epoch

    def on_step(self, record):
        self.steps.append(record)
        return record.step == self.last_step

    def on_epoch(self, record):
        self.epochs.append(record)
        return record.epoch == self.last_epoch


@pytest.fixture
def settings(config_file):
    """A run of three epochs, from a dict."""
    return config.load_config(yaml.safe_load(config_file.read_text()), ["Global.epochs=3"])


def output(settings):
    from pathlib import Path

    return Path(settings["Global"]["output_dir"]) / settings["Arch"]["name"]


def test_every_step_and_epoch_is_told_of(settings):
    recorder = Recorder()
    result = loop.train(settings, callbacks=[Callback(), recorder])
    per_epoch = len(recorder.steps) // 3
    assert per_epoch > 1
    assert [record.step for record in recorder.steps] == list(range(1, 3 * per_epoch + 1))
    assert [(r.epoch, r.batch) for r in recorder.steps[per_epoch - 1 : per_epoch + 1]] == [
        (1, per_epoch),
        (2, 1),
    ]
    assert recorder.steps[0].metrics.keys() >= {"loss", "top1"}
    assert [record.epoch for record in recorder.epochs] == [1, 2, 3]
    last = recorder.epochs[-1]
    assert (last.metrics, last.best) == (result["train"], result["best"])
    assert last.evaluation["samples"] > 0
    mean = sum(r.learning_rate for r in recorder.steps) / len(recorder.steps)
    assert 0 < mean < max(r.learning_rate for r in recorder.steps) + 1e-12


def test_a_callback_ends_the_run_and_it_goes_on_from_there(settings):
    whole = Recorder()
    loop.train(settings, callbacks=[whole])
    expected = parameters(output(settings))
    again = settings | {"Global": settings["Global"] | {"output_dir": f"{output(settings)}-again"}}
    middle = Recorder(last_step=len(whole.steps) // 2)
    loop.train(again, callbacks=[middle])
    assert len(middle.steps) == len(whole.steps) // 2
    rest = Recorder()
    loop.train(again, resume="auto", callbacks=[rest])
    assert [r.step for r in middle.steps + rest.steps] == [r.step for r in whole.steps]
    for name, array in parameters(output(again)).items():
        assert (array == expected[name]).all(), name


def test_a_callback_ends_the_run_after_an_epoch(settings):
    recorder = Recorder(last_epoch=2)
    result = loop.train(settings, callbacks=[recorder])
    assert len(recorder.epochs) == 2
    assert result["train"] == recorder.epochs[-1].metrics
    assert (output(settings) / "latest.pdstates").is_file()


def test_an_error_of_a_callback_is_raised_and_the_checkpoints_stay(settings):
    class Failing(Callback):
        def on_epoch(self, record):
            if record.epoch == 2:
                raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        loop.train(settings, callbacks=[Failing()])
    recorder = Recorder()
    loop.train(settings, resume="auto", callbacks=[recorder])
    assert [record.epoch for record in recorder.epochs] == [3]


def test_a_run_in_another_thread_leaves_signals_and_modes_alone(settings):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    results = []
    thread = threading.Thread(target=lambda: results.append(loop.train(settings)))
    thread.start()
    thread.join()
    assert results[0]["epochs"] == 3
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_signals_and_mode_are_the_callers_again_after_a_run(settings, dygraph):
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    flags = paddle.get_flags(["FLAGS_new_executor_serial_run"])
    loop.train(settings)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert paddle.in_dynamic_mode()
    assert paddle.get_flags(["FLAGS_new_executor_serial_run"]) == flags
