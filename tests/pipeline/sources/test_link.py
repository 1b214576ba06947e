"""The line to a device: calls that never come back, breaks, back-off, state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources.base import Warnings
from pipeline.sources.link import ConnectionLost, EndOfStream, Link, Shot
from pipeline.sources.live_options import Backoff, LiveOptions, LivePhase
from tests.helpers.leaks import reader_threads, wait_until

IMAGE = np.zeros((4, 4, 3), np.uint8)
AGAIN = LiveOptions(patience_s=0.3, reconnect=True, backoff=Backoff(0.01, 0.05, 10.0, 5.0))
ONCE = LiveOptions(patience_s=0.3)


class Scripted:
    """Does one thing after another: a number is a picture, an error is raised, an event is waited for."""

    fps: float | None = 25.0

    def __init__(self, *acts: float | Exception | threading.Event) -> None:
        self.acts = list(acts)
        self.closed = 0

    def read(self) -> Shot | None:
        act = self.acts.pop(0) if self.acts else None
        if isinstance(act, Exception):
            raise act
        if isinstance(act, threading.Event):
            assert act.wait(20)
            return None
        if act is None:
            time.sleep(0.002)
            return None
        return Shot(IMAGE, act)

    def close(self) -> None:
        self.closed += 1


def in_turn(*made: Scripted | Exception) -> Callable[[], Scripted]:
    """Opens these one after another, then nothing more."""
    rest = list(made)

    def connect() -> Scripted:
        if not rest:
            raise SourceError("can't open device: it is gone")
        item = rest.pop(0)
        if isinstance(item, Exception):
            raise item
        return item

    return connect


def link_to(options: LiveOptions, *made: Scripted | Exception) -> Link:
    return Link("device", in_turn(*made), "look at its cable", options, Warnings())


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """What a blocked call waits for; set at the end in any case."""
    event = threading.Event()
    yield event
    event.set()
    assert wait_until(lambda: not reader_threads())


def test_pictures_come_in_order_then_the_end() -> None:
    connection = Scripted(1.0, 2.0, 3.0, EndOfStream("device was ended by its sender"))
    link = link_to(ONCE, connection)
    assert link.state.phase is LivePhase.CONNECTING
    shots = [link.next() for _ in range(3)]
    assert [(shot.captured_s, shot.first) for shot in shots if shot] == [(1.0, True), (2.0, False), (3.0, False)]
    assert (link.state.phase, link.fps) == (LivePhase.STREAMING, 25.0)
    assert link.next() is None
    assert link.state.phase is LivePhase.ENDED and "ended by its sender" in link.state.message
    assert connection.closed == 1 and not reader_threads()


def test_a_break_is_an_error_with_advice() -> None:
    connection = Scripted(1.0, ConnectionLost("device broke off (reset)"))
    link = link_to(ONCE, connection)
    link.next()
    with pytest.raises(
        SourceError, match=r"device broke off \(reset\); look at its cable, or let `reconnect` open it again"
    ):
        link.next()
    assert connection.closed == 1 and link.state.phase is LivePhase.ENDED


def test_a_silent_device_is_an_error_within_the_patience() -> None:
    link = link_to(ONCE, Scripted())
    with pytest.raises(SourceError, match=r"delivers no pictures \(none for 0\.3 s\); look at its cable"):
        link.next()
    assert not reader_threads()


def test_a_call_that_never_comes_back_hangs_nothing(release: threading.Event) -> None:
    connection = Scripted(1.0, release)
    link = link_to(ONCE, connection)
    link.next()
    with pytest.raises(SourceError, match="delivers no pictures"):
        link.next()
    link.close()
    assert connection.closed == 0, "a device may not be released while another thread is inside its driver"
    release.set()
    assert wait_until(lambda: connection.closed == 1)


def test_an_opening_that_never_comes_back_hangs_nothing(release: threading.Event) -> None:
    def connect() -> Scripted:
        assert release.wait(20)
        raise SourceError("too late")

    link = Link("device", connect, "look at its cable", ONCE, Warnings())
    with pytest.raises(SourceError, match=r"does not open \(no answer for 0\.3 s\)"):
        link.next()


def test_a_blocked_driver_is_not_opened_a_second_time(release: threading.Event) -> None:
    blocked, fresh = Scripted(1.0, release), Scripted(2.0)
    link = link_to(AGAIN, blocked, fresh)
    link.next()
    messages: list[str] = []

    def watch() -> bool:
        messages.append(link.state.message)
        return "still blocked" in link.state.message

    got: list[Shot | None] = []
    taker = threading.Thread(target=lambda: got.append(link.next()))
    taker.start()
    assert wait_until(watch)
    assert fresh.acts == [2.0]
    release.set()
    taker.join(10)
    assert [shot.captured_s for shot in got if shot] == [2.0]
    assert blocked.closed == 1 and link.state.reconnects == 1
    link.close()


def test_comes_back_after_breaks_of_all_kinds() -> None:
    link = link_to(
        AGAIN,
        SourceError("can't open device: busy"),
        Scripted(1.0, ConnectionLost("device broke off")),
        SourceError("can't open device: refused"),
        Scripted(2.0, EndOfStream("device was ended by its sender")),
        Scripted(),  # silent
        Scripted(3.0),
    )
    shots = [link.next() for _ in range(3)]
    assert [(shot.captured_s, shot.first) for shot in shots if shot] == [(1.0, True), (2.0, True), (3.0, True)]
    assert link.state.phase is LivePhase.STREAMING and link.state.reconnects == 2
    link.close()
    assert link.next() is None
    assert not reader_threads()


def test_the_state_tells_what_is_going_on() -> None:
    link = link_to(
        LiveOptions(patience_s=5.0, reconnect=True, backoff=Backoff(first_s=20.0)),
        Scripted(1.0, ConnectionLost("device broke off (reset)")),
    )
    link.next()
    taker = threading.Thread(target=link.next)
    taker.start()
    assert wait_until(lambda: link.state.phase is LivePhase.RECONNECTING)
    assert link.state.message == "device broke off (reset); attempt 1 in 20.0 s"
    link.close()  # also ends the wait of 20 s
    taker.join(5)
    assert not taker.is_alive()
    assert link.state.phase is LivePhase.ENDED


def test_gives_up_at_last() -> None:
    options = LiveOptions(patience_s=5.0, reconnect=True, backoff=Backoff(0.01, 0.05, 10.0, give_up_s=0.2))
    link = link_to(options, Scripted(1.0, ConnectionLost("device broke off")))
    link.next()
    with pytest.raises(SourceError, match=r"did not come back within 0\.2 s; the last attempt: can't open device"):
        link.next()
    assert link.state.phase is LivePhase.ENDED and not reader_threads()


def test_a_fault_of_the_program_is_not_retried() -> None:
    link = link_to(AGAIN, Scripted(1.0, ZeroDivisionError("a mistake")))
    link.next()
    with pytest.raises(ZeroDivisionError):
        link.next()
    link.close()


def test_many_breaks_do_not_grow_the_warnings() -> None:
    warnings = Warnings()
    breaks = [Scripted(float(n), ConnectionLost("device broke off")) for n in range(50)]
    options = LiveOptions(reconnect=True, backoff=Backoff(0.001, 0.001))
    link = Link("device", in_turn(*breaks), "look", options, warnings)
    assert len([link.next() for _ in range(50)]) == 50
    assert len(warnings) == 1 and link.state.reconnects == 49
    link.close()
