"""Running x86 models on this host, and surviving those that do not run."""

import os
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest

from ppghost.deploy.conversion.paddle_runtime import Runner
from ppghost.deploy.devices.discovery import find_devices
from ppghost.deploy.devices.host import session as host_session
from ppghost.deploy.devices.host import worker as host_worker
from ppghost.deploy.devices.host.device import HostDevice
from ppghost.deploy.devices.host.session import HostSession, run_once
from ppghost.deploy.devices.notes import format_note
from ppghost.deploy.nb.reference import check_inputs
from ppghost.errors import DeviceError, InputError
from ppghost.formats.exported import open_model

INPUTS = [{"name": "x", "shape": [1, 3, 32, 32]}]


def open_session(nb, threads=1) -> HostSession:
    return HostSession(nb, {"inputs": INPUTS, "seed": 0}, threads, "Both")


def test_outputs_equal_paddles(models, converted):
    inputs = check_inputs(INPUTS, {"kind": "noise", "seed": 5})
    (candidate,) = run_once(converted / "both.nb", inputs).values()
    (reference,) = Runner(open_model(models / "Both"))(inputs)
    assert candidate.shape == reference.shape == (1, 10)
    assert np.ptp(reference) > 0.05
    np.testing.assert_allclose(candidate, reference, atol=1e-5)


def test_measure_gives_one_sample_per_inference(converted):
    with open_session(converted / "both.nb") as session:
        samples, waited = session.measure(7)
    assert len(samples) == len(waited) == 7
    assert min(samples) > 0
    assert min(waited) >= 0


def test_waiting_for_a_core_is_no_time_of_the_model(converted):
    core = min(os.sched_getaffinity(0))
    inputs = [{"name": "x", "shape": [100, 3, 32, 32]}]  # half a millisecond each
    with HostSession(converted / "both.nb", {"inputs": inputs, "seed": 0}, 1, "Both") as session:
        os.sched_setaffinity(session._process.pid, {core})
        rival = subprocess.Popen(
            [sys.executable, "-c", "print(flush=True)\nwhile True: pass"],
            stdout=subprocess.PIPE,
            start_new_session=True,  # as the worker: the kernel shares a core between sessions
        )
        try:
            os.sched_setaffinity(rival.pid, {core})
            rival.stdout.readline()
            samples, waited = session.measure(1000)
        finally:
            rival.kill()
            rival.communicate()
    # half of the time the core is the rival's
    assert sum(waited) > 0.5 * sum(samples)
    assert max(samples) < max(waited) / 2


def test_time_and_waiting_are_read_at_one_moment(monkeypatch):
    """A wait between the two readings is part of both or of none."""
    moments = iter([1.0, 5.0, 9.0])
    waits = iter([0, 4, 4, 8])
    monkeypatch.setattr(host_worker.time, "perf_counter", lambda: next(moments))
    model = object.__new__(host_worker.Model)
    model._waited_ns = lambda: next(waits)
    assert model._instant() == (5.0, 4)


def test_thread_count_reaches_the_runtime(converted):
    threads = {}
    for count in (1, 2):
        with open_session(converted / "both.nb", count) as session:
            threads[count] = session.os_threads
    assert threads == {1: 1, 2: 2}
    assert HostDevice().limitation(1) is None
    assert "one core" in format_note(HostDevice().limitation(2))


def test_file_for_another_target_is_never_loaded(converted):
    with pytest.raises(InputError, match=r"both\.nb: made for arm, not for x86; convert"):
        open_session(converted / "arm" / "both.nb")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.zeros((1, 3, 32, 32)), "must be float32, not float64"),
        (np.zeros((1, 3, 16, 16), np.float32), r"must have shape \[1, 3, 32, 32\]"),
    ],
)
def test_input_of_another_type_or_shape_is_refused(converted, value, message):
    with pytest.raises(InputError, match=message):
        run_once(converted / "both.nb", {"x": value})


def test_input_of_another_name_is_refused(converted):
    with pytest.raises(DeviceError, match=r"both\.nb: the model's inputs are \['x'\]"):
        run_once(converted / "both.nb", {"y": np.zeros((1, 3, 32, 32), np.float32)})


def test_nan_in_the_output_is_refused(nb_copy):
    path = nb_copy()
    data = bytearray(path.read_bytes())
    # the classifier's weights are the largest record: fill its tail, the numbers, with NaN
    nan = struct.pack("<f", float("nan"))
    middle = len(data) // 2 // 4 * 4
    position = middle + (len(data) - middle) % 4
    data[position : position + 4000] = nan * 1000
    path.write_bytes(data)
    with pytest.raises(DeviceError, match=r"Both: output .* holds NaN"):
        open_session(path)


def test_a_file_that_aborts_the_runtime_is_one_line(nb_copy):
    path = nb_copy()
    data = path.read_bytes()
    # another operator's name: the header is whole, but the runtime knows no such operator
    path.write_bytes(data.replace(b"softmax", b"saftmax"))
    with pytest.raises(DeviceError, match=r"Both: the Paddle-Lite runtime died \(") as caught:
        open_session(path)
    assert "\n" not in str(caught.value)


def test_worker_killed_in_the_middle_is_a_device_error(converted):
    with open_session(converted / "both.nb") as session:
        os.kill(session._process.pid, signal.SIGKILL)
        with pytest.raises(DeviceError, match=r"Both: the Paddle-Lite runtime died \(signal 9\)"):
            session.measure(3)


def test_hung_worker_is_a_device_error_and_is_ended(converted, monkeypatch):
    monkeypatch.setattr(host_session, "RUN_TIMEOUT_S", 0.3)
    with open_session(converted / "both.nb") as session:
        pid = session._process.pid
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(DeviceError, match="Both: no answer"):
            session.measure(3)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_this_host_is_a_device():
    (device,) = find_devices(["host"])
    described = device.describe()
    assert (described["serial"], described["kind"], described["state"]) == (
        "host",
        "host",
        "device",
    )
    assert described["model"]
    assert described["lite_version"] == "2.13rc0"
    conditions = device.conditions()
    assert {"t", "temp_c", "freq_khz", "battery", "loadavg"} <= set(conditions)
