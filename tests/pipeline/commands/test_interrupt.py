"""What signals do before, during and after a run."""

from __future__ import annotations

import signal
import sys
import threading

import pytest

import app
from pipeline.commands import interrupt
from pipeline.commands.interrupt import Interrupt, deaf, interrupts, stopping
from pipeline.run.pipeline import Pipeline
from pipeline.run.statistics import Statistics

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_an_exception_with_its_exit_code(number: signal.Signals) -> None:
    with pytest.raises(Interrupt) as caught, interrupts():
        signal.raise_signal(number)
    assert caught.value.exit_code == 128 + number and isinstance(caught.value, KeyboardInterrupt)


def test_a_signal_that_comes_twice_does_not_disturb_the_cleaning_up() -> None:
    cleaned = []
    with pytest.raises(Interrupt) as caught, interrupts():
        try:
            signal.raise_signal(signal.SIGHUP)
        finally:
            signal.raise_signal(signal.SIGHUP)
            cleaned.append(True)
    assert cleaned and caught.value.exit_code == 129


def test_the_first_signal_stops_and_the_next_ones_wait() -> None:
    stopped = threading.Event()
    with stopping(stopped.set) as stop:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
    assert stopped.wait(10) and not stop.forced
    assert stop.interrupt is not None and stop.interrupt.exit_code == 143


def test_impatience_ends_at_once_and_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interrupt, "_PATIENCE_S", -1.0)
    with stopping(lambda: None) as stop:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupt):
            signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert stop.forced


def test_who_handled_them_before_does_so_after() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with deaf(), interrupts(), stopping(lambda: None):
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    with deaf():
        signal.raise_signal(signal.SIGTERM)


def test_nohup_has_the_last_word() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupts(), stopping(lambda: None) as stop:
            signal.raise_signal(signal.SIGHUP)
        assert stop.interrupt is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_may_run_too() -> None:
    done: list[int] = []

    def work() -> None:
        with interrupts(), stopping(lambda: None):
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert done == [1]


def test_figures_of_a_part_are_named_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(self: Pipeline, *words: object, **named: object) -> Statistics:
        signal.raise_signal(signal.SIGTERM)
        return original(self, *words, **named)  # type: ignore[arg-type]

    original = Pipeline.run
    monkeypatch.setattr(Pipeline, "run", run)
    words = ["bench", "synthetic:frames=100000,size=320x240", "--detector", "fast", "--device", "cpu", "--no-video"]
    assert app.main(words) == 143
    printed = capsys.readouterr()
    assert "frames/s" in printed.out and "terminated: these figures cover only a part" in printed.err
