from __future__ import annotations

import threading
import time

import pytest

from pipeline.errors import StageStuckError
from pipeline.run.stages import Handover, Room, Stages, any_item


def test_items_keep_their_order_through_several_stages() -> None:
    with Stages() as stages:
        numbers = stages.threaded("a", range(500), Room(2))
        doubled = stages.threaded("b", (2 * n for n in numbers), Room(3))
        assert list(doubled) == [2 * n for n in range(500)]


def test_an_error_reaches_the_last_reader_with_its_traceback() -> None:
    def broken(items):
        for item in items:
            if item == 3:
                raise ValueError("third")
            yield item

    with Stages() as stages:
        first = stages.threaded("first", range(10), Room(2))
        middle = stages.threaded("middle", broken(first), Room(2))
        last = stages.threaded("last", (item for item in middle), Room(2))
        got = []
        with pytest.raises(ValueError, match="third") as caught:
            for item in last:
                got.append(item)
    assert got == [0, 1, 2]
    assert "broken" in [entry.name for entry in caught.traceback]


def test_newest_wins_drops_and_counts() -> None:
    produced = threading.Event()

    def producer():
        yield from range(100)
        produced.set()

    with Stages() as stages:
        frames = stages.threaded("camera", producer(), Room(1, any_item))
        iterator = iter(frames)
        assert produced.wait(5)
        assert list(iterator) == [99] and frames.dropped == 99


def test_leaving_early_ends_all_threads() -> None:
    before = threading.active_count()

    def endless():
        while True:
            yield 0

    with Stages() as stages:
        first = stages.threaded("first", endless(), Room(2))
        second = stages.threaded("second", (item for item in first), Room(2))
        next(iter(second))
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_a_stage_that_does_not_come_back_is_named() -> None:
    release = threading.Event()

    def stuck(items):
        for item in items:
            if item == 2:
                release.wait(20)
            yield item

    with Stages(patience_s=0.2) as stages:
        first = stages.threaded("source", range(5), Room(2))
        second = stages.threaded("detect", stuck(first), Room(2))
        last = stages.threaded("draw", (item for item in second), Room(2))
        got = []
        with pytest.raises(StageStuckError, match="stage 'detect'"):
            for item in last:
                got.append(item)
        release.set()
    assert got == [0, 1]


def test_a_silent_source_is_not_a_stuck_stage() -> None:
    def slow():
        for item in range(3):
            time.sleep(0.3)
            yield item

    with Stages(patience_s=0.1) as stages:
        first = stages.threaded("source", slow(), Room(2))
        assert list(stages.threaded("detect", (item for item in first), Room(2))) == [0, 1, 2]


def test_only_what_may_be_dropped_is_dropped() -> None:
    """Even numbers may be dropped, odd ones may not; nobody reads until all were handed over."""
    produced = threading.Event()

    def producer():
        yield from range(100)
        produced.set()

    with Stages() as stages:
        items = stages.threaded("a", producer(), Room(1, lambda item: item % 2 == 0))
        iterator = iter(items)
        assert produced.wait(5)
        got = list(iterator)
    assert got == [*range(1, 97, 2), 97, 98, 99] and items.dropped == 49


def test_when_the_limit_falls_the_oldest_are_dropped() -> None:
    limit = 5
    handover: Handover[int] = Handover(Room(lambda: limit, any_item))
    stop = threading.Event()
    for number in range(5):
        handover.put(number, stop)
    assert handover.dropped == 0
    limit = 2
    handover.put(5, stop)
    assert handover.dropped == 4
    items = handover.items(stop)
    assert [next(items), next(items)] == [4, 5]
