"""Worker processes: the same batches, and an end whatever happens to them or to their parent."""

import contextlib
import errno
import logging
import os
import pickle
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import psutil
import pytest
from support import ROOT, data_sets

from ppghost.data.loader import Batches, Loader
from ppghost.data.samplers import MultiScaleSampler
from ppghost.data.transforms.batch import BATCH_OPS, MixupOperator, build_batch_transforms
from ppghost.data.transforms.compose import OPS, build_transforms
from ppghost.errors import TrainingError


@pytest.fixture
def loaders():
    """Make loaders that are closed at the end; all their workers must be gone then."""
    made = []

    def make(dataset, batch_size=3, num_workers=2, shared=True, **options):
        batches = data_sets.batches(dataset, batch_size, **options)
        made.append(Loader(batches, num_workers=num_workers, use_shared_memory=shared))
        return made[-1]

    yield make
    for loader in made:
        loader.close()
    assert not workers_of()


def workers_of(pid=None):
    """Return the worker processes of a process."""
    children = psutil.Process(pid).children(recursive=True)
    return [child for child in children if "ppghost.data.workers" in " ".join(child.cmdline())]


def assert_same(first, second):
    first, second = list(first), list(second)
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_equal(one[1], other[1])
        assert one[0].dtype == other[0].dtype
        assert one[1]["label"].dtype == other[1]["label"].dtype


@pytest.mark.parametrize(("workers", "shared"), [(1, True), (2, True), (2, False)])
def test_batches_of_several_sizes_are_the_same_whatever_prepares_them(workers, shared):
    scales = [(2, 9), (5, 2), (20, 1)]
    datasets = [data_sets.Sized(40, side) for side, _ in scales]
    batches = Batches(datasets, MultiScaleSampler(40, scales, shuffle=True, seed=7))
    plain = Loader(batches)
    with contextlib.closing(Loader(batches, num_workers=workers, use_shared_memory=shared)) as data:
        for epoch in (3, 4):
            assert_same(data.epoch(epoch), plain.epoch(epoch))
        assert_same(data.epoch(4, start_batch=2), list(plain.epoch(4))[2:])
    shapes = [images.shape for images, _ in plain.epoch(3)]
    assert set(shapes) == {(count, 3, side, side) for side, count in scales}


@pytest.mark.parametrize(("workers", "shared"), [(1, True), (3, True), (2, False)])
def test_batches_are_the_same_whatever_prepares_them(loaders, workers, shared):
    plain = loaders(data_sets.Numbers(22), num_workers=0, shuffle=True)
    data = loaders(data_sets.Numbers(22), num_workers=workers, shared=shared, shuffle=True)
    for epoch in (3, 4):
        assert_same(data.epoch(epoch), plain.epoch(epoch))
    assert_same(data.epoch(5, start_batch=6), list(plain.epoch(5))[6:])
    assert len(workers_of()) == workers


#: what those operations need that do nothing, or cannot be, without arguments
ARGUMENTS = {
    "CropImage": {"size": 20},
    "CropImageAtRatio": {"size": 20, "pad": 4},
    "CropWithPadding": {"prob": 1.0, "padding_num": 4, "size": 20},
    "OpSampler": {"MixupOperator": {"prob": 0.5}, "CutmixOperator": {"prob": 0.5}},
    "NormalizeImage": {"order": ""},
    "Pad": {"padding": 2},
    "RandCropImage": {"size": 20},
    "RandCropImageV2": {"size": 20},
    "RandomCropImage": {"size": 20},
    "RandomRotation": {"degrees": 20},
    "ResizeImage": {"size": 20},
}


@pytest.mark.parametrize("name", [*OPS, *BATCH_OPS, "OpSampler"])
def test_every_operation_can_go_to_a_worker_and_does_the_same_there(name):
    entry = [{name: ARGUMENTS.get(name)}]
    pixels = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 3), np.uint8)
    if name in OPS:
        operation = build_transforms(entry, "ops")
        one = pixels[0] if name != "DecodeImage" else cv2.imencode(".png", pixels[0])[1].tobytes()
        arguments = (one,)
    else:
        operation = build_batch_transforms(entry, "ops", 10)
        arguments = (pixels.astype("float32").transpose(0, 3, 1, 2), np.arange(4).reshape(4, 1))
    there = pickle.loads(pickle.dumps(operation))
    for seed in range(5):
        made = [op(*arguments, np.random.default_rng(seed)) for op in (operation, there)]
        np.testing.assert_equal(made[1], made[0])


def test_mixed_batches_are_the_same_too(loaders):
    mix = MixupOperator(class_num=10, alpha=1.0)
    plain = loaders(data_sets.Numbers(10), num_workers=0, batch_transforms=mix)
    data = loaders(data_sets.Numbers(10), batch_transforms=mix)
    assert_same(data.epoch(2), plain.epoch(2))


def test_workers_live_on_from_epoch_to_epoch_until_the_loader_is_closed(loaders):
    data = loaders(data_sets.Numbers(10))
    seen = set()
    for epoch in range(3):
        assert len(list(data.epoch(epoch))) == 4
        seen |= {worker.pid for worker in workers_of()}
    assert len(seen) == 2
    data.close()
    assert not workers_of()


def test_two_epochs_at_once_do_not_disturb_each_other(loaders):
    data = loaders(data_sets.Numbers(10), shuffle=True)
    plain = loaders(data_sets.Numbers(10), num_workers=0, shuffle=True)
    both = list(zip(data.epoch(0), data.epoch(1), strict=True))
    assert_same([first for first, _ in both], plain.epoch(0))
    assert_same([second for _, second in both], plain.epoch(1))


def test_what_a_batch_holds_stays_as_it_was(loaders):
    batches = list(loaders(data_sets.Numbers(60)).epoch(0))
    for images, labels in batches:
        np.testing.assert_array_equal(np.floor(images[:, 0, 0, 0]), labels["label"][:, 0])
        images += 1  # and is the caller's to change


def test_workers_never_import_paddle_and_are_one_thread_each(loaders, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # which paddle sets
    [(images, labels)] = loaders(data_sets.Modules(2)).epoch(0)
    assert labels["label"].ravel().tolist() == [0, 0]
    assert images.max() <= 1  # OpenCV's own count
    assert [worker.num_threads() for worker in workers_of()] == [1, 1]


def test_workers_stay_a_bounded_number_of_batches_ahead(loaders, tmp_path):
    data = loaders(data_sets.Numbers(1000, tmp_path / "loads"), batch_size=5)
    batches = data.epoch(0)
    for _ in range(4):
        next(batches)
    time.sleep(0.3)  # time enough for workers without a bound to load everything
    assert (tmp_path / "loads").stat().st_size == (4 + 2 * 2) * 5
    batches.close()


@pytest.mark.parametrize("shared", [True, False])
def test_an_error_comes_up_as_it_is_at_its_batch(loaders, shared):
    data = loaders(data_sets.FailsAt(12), shared=shared).epoch(0)
    assert [next(data)[1]["label"][0, 0] for _ in range(2)] == [0, 3]
    with pytest.raises(TrainingError, match=r"^list\.txt:8: broken$"):
        next(data)
    assert not workers_of()


def test_a_killed_worker_ends_the_epoch_in_one_line_that_names_it(loaders):
    data = loaders(data_sets.Killed(100)).epoch(0)
    assert [next(data)[1]["label"][0, 0] for _ in range(2)] == [0, 3]
    started = time.monotonic()
    with pytest.raises(
        TrainingError, match=r"^data worker 0 \(pid \d+\) was killed by SIGKILL; if"
    ):
        next(data)
    assert time.monotonic() - started < 3
    assert not workers_of()


def test_a_worker_that_is_killed_while_it_rests_is_named_as_well(loaders):
    data = loaders(data_sets.Numbers(10))
    list(data.epoch(0))
    victim = workers_of()[1]
    victim.kill()
    time.sleep(0.1)
    with pytest.raises(TrainingError, match=rf"^data worker \d \(pid {victim.pid}\) was killed"):
        list(data.epoch(1))
    assert len(list(data.epoch(1))) == 4  # with new ones


def test_a_worker_that_cannot_be_started_is_named_and_the_others_end(loaders, monkeypatch):
    memories, memfd_create = [], os.memfd_create

    def create_two(name):
        if len(memories) == 2:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        memories.append(memfd_create(name))
        return memories[-1]

    monkeypatch.setattr(os, "memfd_create", create_two)
    with pytest.raises(TrainingError, match=r"^data worker 1 cannot be started \(Too many open"):
        next(loaders(data_sets.Numbers(10)).epoch(0))
    assert not workers_of()


def test_a_defect_in_a_worker_shows_its_traceback(loaders, capfd):
    data = loaders(data_sets.Defective(12)).epoch(0)
    with pytest.raises(TrainingError, match=r"^data worker 0 .* ended with exit code 1; its own"):
        list(data)
    assert "ZeroDivisionError" in capfd.readouterr().err


@pytest.mark.parametrize("ending", ["break", "exception", "interrupt"])
def test_leaving_an_epoch_early_leaves_no_worker_behind(loaders, ending):
    data = loaders(data_sets.Slow(1000), batch_size=50)
    causes = {"exception": RuntimeError, "interrupt": KeyboardInterrupt}

    def consume():
        for _ in data.epoch(0):
            assert len(workers_of()) == 2
            if ending == "break":
                break
            raise causes[ending]

    if ending == "break":
        consume()
    else:
        with pytest.raises(causes[ending]):
            consume()
    assert not workers_of()


def test_a_loader_that_is_dropped_ends_its_workers():
    data = Loader(data_sets.batches(data_sets.Numbers(10), 3), num_workers=1)
    list(data.epoch(0))
    assert len(workers_of()) == 1
    del data
    assert not workers_of()


def test_what_workers_log_is_logged_here_once(loaders, caplog):
    with caplog.at_level(logging.WARNING):
        list(loaders(data_sets.Warns(12)).epoch(0))
    assert caplog.messages == ["image 3 looks odd"]


def shared_memory():
    return [name for name in os.listdir("/dev/shm") if "ppghost" in name]  # noqa: S108


PARENT = """
import sys, time
from support import ROOT, data_sets
from ppghost.data.loader import Loader
if __name__ == "__main__":
    batches = data_sets.batches(data_sets.Slow(400), 10)
    epoch = Loader(batches, num_workers=2).epoch(0)
    next(epoch)
    print("ready", flush=True)
    input()
    {then}
"""


def start_parent(tmp_path, then):
    script = tmp_path / "parent.py"
    script.write_text(PARENT.format(then=then))
    path = os.pathsep.join([str(ROOT / "tests"), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert parent.stdout.readline() == "ready\n"
    workers = workers_of(parent.pid)
    assert len(workers) == 2
    parent.stdin.write("\n")
    parent.stdin.flush()
    return parent, workers


def test_a_parent_that_is_killed_leaves_no_worker_and_no_shared_memory(tmp_path):
    before = shared_memory()
    parent, workers = start_parent(tmp_path, "list(epoch)")
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    assert shared_memory() == before


@pytest.mark.parametrize(
    ("then", "code"), [("pass", 0), ("sys.exit(3)", 3), ("raise KeyError(5)", 1)]
)
def test_a_parent_that_ends_in_the_middle_of_an_epoch_ends_its_workers(tmp_path, then, code):
    parent, workers = start_parent(tmp_path, then)
    parent.communicate(timeout=20)
    assert parent.returncode == code
    _, alive = psutil.wait_procs(workers, timeout=2)
    assert not alive


def test_workers_leave_the_signals_of_a_process_group_to_the_parent(tmp_path):
    then = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('armed', flush=True); "
        "time.sleep(0.5); print(len(list(epoch)), flush=True)"
    )
    parent, _ = start_parent(tmp_path, then)
    assert parent.stdout.readline() == "armed\n"
    os.killpg(parent.pid, signal.SIGINT)
    os.killpg(parent.pid, signal.SIGTERM)
    out, err = parent.communicate(timeout=60)
    assert (out, err) == ("39\n", "")
