"""Several processes, by Paddle's own launcher: the same run, and an end whatever happens."""

import signal
import socket

import numpy as np
import psutil
import pytest
from support.runs import logged

from ppghost import weights
from ppghost.errors import InputError
from ppghost.training import distributed

#: of 3 steps an epoch, long enough to be killed in the middle
LONG = [
    "-o", "Global.epochs=8", "-o", "Global.print_batch_step=1", "-o", "Global.eval_interval=1000",
    "-o", "Global.save_interval=1000", "-o", "DataLoader.Train.sampler.batch_size=2",
]  # fmt: skip


def dumped(directory):
    return [dict(np.load(directory / f"{rank}.npz")) for rank in (0, 1)]


def read(output, arch):
    """The network of the last checkpoint, by parameter name."""
    state = weights.read_pickle(output / arch / "latest.pdparams")
    names = state[weights.NAME_TABLE].values()
    return {name: state[name] for name in names}


def assert_equal(one, other):
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


def test_two_processes_are_one_with_the_double_batch(config_file, tmp_path, start):
    same = ["-o", "Arch.name=Plain", "-o", "Optimizer.lr.learning_rate=0.5"]
    half = ["-o", "DataLoader.Train.sampler.batch_size=2"]
    two = start(config_file, tmp_path / "two", *same, *half, processes=2, dump=tmp_path / "d")
    one = start(config_file, tmp_path / "one", *same)
    assert (one.end(), two.end()) == (0, 0), two.text()
    first, second = dumped(tmp_path / "d")
    assert_equal(first, second)
    alone, together = read(tmp_path / "one", "Plain"), read(tmp_path / "two", "Plain")
    assert_equal(first, together)
    assert len(alone) == 6
    for name, array in alone.items():
        np.testing.assert_allclose(together[name], array, rtol=0, atol=1e-6, err_msg=name)
    assert "batch 2 x 2" in two.text()
    # every image counts once in the evaluation, also where the shares are not equal
    assert "6 images" in two.text()


def test_statistics_of_the_processes_are_averaged_in_what_is_saved(config_file, tmp_path, start):
    half = ["-o", "DataLoader.Train.sampler.batch_size=2", "-o", "EMA={decay: 0.5}"]
    run = start(config_file, tmp_path / "two", *half, processes=2, dump=tmp_path / "d")
    assert run.end() == 0, run.text()
    first, second = dumped(tmp_path / "d")
    state = weights.read_pickle(tmp_path / "two" / "TinyGhostNet" / "latest.pdema")
    statistics = [name for name in first if name.endswith(("_mean", "_variance"))]
    assert len(statistics) == 24
    for name, array in first.items():
        if name in statistics:
            assert not np.array_equal(array, second[name]), name
            mean = (array.astype(np.float64) + second[name]) / 2
            np.testing.assert_allclose(state[name], mean, rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(array, second[name], err_msg=name)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_launchers_are_two_nodes(config_file, tmp_path, start):
    master = ["--master", f"127.0.0.1:{free_port()}", "--nnodes", "2", "--nproc_per_node", "1"]
    half = ["-o", "DataLoader.Train.sampler.batch_size=2"]
    # the second node has a disk of its own
    runs = [
        start(config_file, tmp_path / f"node{n}", *half, launcher=[*master, "--rank", str(n)])
        for n in (0, 1)
    ]
    assert [run.end() for run in runs] == [0, 0], "\n".join(run.text() for run in runs)
    assert "2 processes, connected" in runs[0].text()
    assert (tmp_path / "node0" / "TinyGhostNet" / "latest.pdstates").exists()
    assert not (tmp_path / "node1" / "TinyGhostNet").exists()


def struck_run(start, config_file, output, happen, message):
    """A run that something happens to ends with that message, and all its processes with it."""
    run = start(config_file, output, *LONG, "-o", "Global.peer_timeout=4", processes=2)
    run.wait_for_step(10)
    workers = run.workers()
    assert len(workers) == 2
    happen(run)
    assert run.end(timeout=60) != 0
    _, alive = psutil.wait_procs(workers, timeout=15)
    assert not alive
    assert message in run.text()
    assert "Traceback" not in run.text()


@pytest.mark.parametrize(
    ("happen", "message"),
    [
        pytest.param(
            lambda run: run.workers()[1].send_signal(signal.SIGSTOP),
            "silent for Global.peer_timeout (4 s)",
            id="a process hangs",
        ),
        pytest.param(
            lambda run: run.process.kill(), "the launcher is gone", id="the launcher is killed"
        ),
        pytest.param(
            lambda run: run.process.terminate(),
            "go on with --resume",
            id="the launcher is asked to stop",
        ),
    ],
)
def test_a_fault_ends_all_processes(config_file, tmp_path, start, happen, message):
    struck_run(start, config_file, tmp_path, happen, message)


def test_a_restart_after_a_fault_goes_on_bit_for_bit(config_file, tmp_path, start):
    whole = start(config_file, tmp_path / "whole", *LONG, processes=2)
    output = tmp_path / "run"
    struck_run(start, config_file, output, lambda run: run.workers()[1].kill(), "lost another one")
    again = start(config_file, output, *LONG, "--resume", "auto", processes=2)
    assert (whole.end(), again.end()) == (0, 0), whole.text() + again.text()
    assert "resuming" in again.text()
    assert_equal(read(tmp_path / "whole", "TinyGhostNet"), read(output, "TinyGhostNet"))
    assert logged(tmp_path / "whole" / "TinyGhostNet") == logged(output / "TinyGhostNet")


@pytest.mark.parametrize(
    "environment",
    [
        {"PADDLE_TRAINER_ID": "2", "PADDLE_TRAINERS_NUM": "2"},
        {"PADDLE_TRAINER_ID": "x", "PADDLE_TRAINERS_NUM": "2"},
        {"PADDLE_TRAINER_ID": "0", "PADDLE_TRAINERS_NUM": "2", "PADDLE_MASTER": "nowhere"},
    ],
)
def test_an_environment_that_makes_no_sense_is_refused(monkeypatch, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="in the environment"):
        distributed.init_process_group({"Global": {"peer_timeout": 1}})
