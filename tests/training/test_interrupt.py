"""How signals end a run."""

import signal
import time

import pytest

from ppghost.training.interrupt import InterruptHandler


def test_a_second_ctrl_c_stops_at_once():
    with InterruptHandler().install() as handler:
        signal.raise_signal(signal.SIGINT)
        assert handler.requested
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_the_repetitions_of_paddle_s_launcher_are_one_wish_to_stop(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with InterruptHandler().install() as handler:
        for _ in range(3):
            signal.raise_signal(signal.SIGTERM)
            now[0] += 0.2
        assert handler.requested
        now[0] += 10
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_the_launcher_s_first_signal_interrupts_where_nothing_is_lost():
    handler = InterruptHandler()
    with handler.install(), pytest.raises(KeyboardInterrupt), handler.allow():
        signal.raise_signal(signal.SIGTERM)
