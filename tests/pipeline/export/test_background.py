from __future__ import annotations

import threading

import pytest

from pipeline.errors import ExportError
from pipeline.export.background import BackgroundSink
from pipeline.export.part_file import ClosesItself


class Slow(ClosesItself):
    """Writes when it is allowed to."""

    def __init__(self, fails: bool = False) -> None:
        self.allowed = threading.Event()
        self.started = threading.Event()
        self.items: list[int] = []
        self.closed = 0
        self.fails = fails

    def write(self, item: int) -> None:
        self.started.set()
        assert self.allowed.wait(10)
        if self.fails:
            raise ExportError("disk full")
        self.items.append(item)

    def close(self) -> None:
        self.closed += 1


def test_all_items_arrive_in_order_and_the_sink_is_closed_once() -> None:
    slow = Slow()
    slow.allowed.set()
    with BackgroundSink(slow, 1000) as sink:
        for item in range(500):
            sink.write(item)
    sink.close()
    assert slow.items == list(range(500)) and slow.closed == 1 and sink.dropped == 0


def test_a_slow_sink_never_makes_the_writer_wait() -> None:
    slow = Slow()
    sink = BackgroundSink(slow, 3)
    sink.write(0)
    assert slow.started.wait(10)
    for item in range(1, 10):
        sink.write(item)
    assert sink.dropped == 6
    slow.allowed.set()
    sink.close()
    assert slow.items == [0, 1, 2, 3]


def test_who_asks_for_it_waits_for_room() -> None:
    slow = Slow()
    sink = BackgroundSink(slow, 1)
    sink.write(0)
    assert slow.started.wait(10)
    sink.write(1)
    threading.Timer(0.1, slow.allowed.set).start()
    for item in range(2, 6):
        sink.write(item, wait=True)
    sink.close()
    assert slow.items == list(range(6)) and sink.dropped == 0


def test_a_sink_that_is_stuck_is_waited_for_once(monkeypatch) -> None:
    monkeypatch.setattr("pipeline.export.background._ROOM_S", 0.05)
    slow = Slow()
    sink = BackgroundSink(slow, 1)
    sink.write(0)
    assert slow.started.wait(10)
    sink.write(1)
    sink.write(2, wait=True)
    monkeypatch.setattr("pipeline.export.background._ROOM_S", 60)
    sink.write(3, wait=True)  # would not come back within the test's time limit
    assert sink.dropped == 2
    slow.allowed.set()
    sink.close()
    assert slow.items == [0, 1]


def test_an_error_reaches_the_writer_and_the_file_is_completed() -> None:
    slow = Slow(fails=True)
    slow.allowed.set()
    sink = BackgroundSink(slow, 3)
    sink.write(0)
    with pytest.raises(ExportError, match="disk full"):
        sink.close()
    assert slow.closed == 1


def test_no_thread_is_left() -> None:
    slow = Slow()
    slow.allowed.set()
    with BackgroundSink(slow, 3) as sink:
        sink.write(1)
    assert not [thread for thread in threading.enumerate() if thread.name == "record"]
