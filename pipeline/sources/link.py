"""The line to a live device: opened and read in a thread of its own, watched, and opened again when it breaks.

A call into a driver or a network library may never come back. So it is made in a thread for which the reader of
the frames waits only a limited time: when nothing comes, the thread is abandoned, and closes its connection as soon as
its call returns.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from pipeline.arrays import U8
from pipeline.errors import SourceError
from pipeline.sources.base import Warnings
from pipeline.sources.live_options import LiveOptions, LivePhase, LiveState

log = logging.getLogger(__name__)

_POLL_S = 0.05
_JOIN_S = 0.5
_IDLE_S = 0.5
# The connection's own time limit, if it has one, comes first, so that no thread is left behind.
_GRACE = 1.25


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture as it came.

    Attributes:
        image: uint8 [H, W, 3] BGR, upright.
        captured_s: when it was captured, or arrived, on a clock that never runs back.
        pts_s: presentation time, None where the device gives none.
        first: whether it is the first one of its connection.
    """

    image: U8
    captured_s: float
    pts_s: float | None = None
    first: bool = False


class EndOfStream(Exception):
    """The other side ended the stream; the message says so."""


class ConnectionLost(Exception):
    """An open device broke or fell silent; the message says how, without advice."""


class Connection(Protocol):
    """An open device. Opened, read and closed in one thread."""

    fps: float | None
    """Pictures per second where the device can be believed, else None."""

    def read(self) -> Shot | None:
        """The next picture; None where there is none yet and asking again makes sense.

        Raises:
            EndOfStream: the other side ended it.
            ConnectionLost: it broke.
        """

    def close(self) -> None:
        """Release the device."""


class Link:
    """The pictures of a device, across breaks of its connection.

    Args:
        name: what to call it.
        connect: opens it or raises ``SourceError``; called in a thread, once for each connection.
        hint: what a user should check when no picture comes.
        options: patience, and whether to reconnect.
        warnings: where breaks are noted.
    """

    def __init__(
        self, name: str, connect: Callable[[], Connection], hint: str, options: LiveOptions, warnings: Warnings
    ) -> None:
        self._name, self._connect, self._hint, self._options, self._warnings = name, connect, hint, options, warnings
        self._closed = threading.Event()
        self._reader: _Reader | None = None
        self._left: _Reader | None = None  # a reader that was told to end, perhaps still blocked
        self._waits = options.backoff.waits_s()
        self._attempts = 0
        self._lost_s: float | None = None
        self._came_s: float | None = None
        self._idle_since_s: float | None = None
        self.state = LiveState(LivePhase.CONNECTING, f"opening {name}")
        self.fps: float | None = None

    @property
    def idle(self) -> bool:
        """True when no picture was taken for a while: then only the newest one is kept."""
        since_s = self._idle_since_s
        return since_s is not None and time.monotonic() - since_s > _IDLE_S

    def pause(self) -> None:
        """Drop pictures until ``resume``, so that old ones do not pile up while none are read."""
        self._idle_since_s = time.monotonic()

    def resume(self) -> None:
        """Hand over every picture from now on."""
        self._idle_since_s = None

    def next(self) -> Shot | None:
        """The next picture; None at the end of the stream and after ``close``.

        Raises:
            SourceError: no connection or picture came in time, or it broke, and reconnecting is off or
                failed.
        """
        while not self._closed.is_set():
            try:
                shot = self._read()
            except (EndOfStream, ConnectionLost, SourceError) as problem:
                self._end_reader()
                if self._options.reconnect:
                    self._wait_to_retry(problem)
                elif self._ends_with(problem):
                    return None
            else:
                if shot is None:
                    break
                return shot
        self._end_reader()  # of a connection that was begun while ``close`` was called
        self._set_state(LivePhase.ENDED, "closed")
        return None

    def close(self) -> None:
        """End ``next``, in whatever thread it waits, and close the connection.

        A connection that is blocked at this moment ends when its call returns, for streams within the patience.
        """
        self._closed.set()
        self._end_reader()
        self._set_state(LivePhase.ENDED, self.state.message if self.state.phase is LivePhase.ENDED else "closed")

    def _read(self) -> Shot | None:
        reader = self._reader  # ``close``, in another thread, takes it away at any moment
        if reader is None:
            if self._left is not None and self._left.alive:
                raise ConnectionLost(f"{self._name} is still blocked in its driver")
            reader = self._reader = _Reader(self._name, self._connect, lambda: self.idle)
        shot = reader.next(self._options.patience_s, self._closed)
        if self._closed.is_set():
            return None
        if shot is not None and self.state.phase is not LivePhase.STREAMING:
            back = self._lost_s is not None and self._came_s is not None
            self.state = LiveState(LivePhase.STREAMING, "", self.state.reconnects + back)
            self.fps = reader.fps
            self._lost_s, self._came_s = None, time.monotonic()
            if back:
                log.warning("%s is back", self._name)
        return shot

    def _ends_with(self, problem: Exception) -> bool:
        """True if the problem is an ordinary end; raises it as an error otherwise."""
        self._set_state(LivePhase.ENDED, str(problem))
        if isinstance(problem, EndOfStream):
            self._warnings.add(str(problem))
            return True
        if isinstance(problem, SourceError):
            raise problem
        or_else = "" if self._came_s is None else ", or let `reconnect` open it again"
        raise SourceError(f"{problem}; {self._hint}{or_else}") from problem

    def _wait_to_retry(self, problem: Exception) -> None:
        """Wait before the next attempt, or give up."""
        now_s, backoff = time.monotonic(), self._options.backoff
        if self._lost_s is None:
            self._lost_s = now_s
            if self._came_s is not None and now_s - self._came_s > backoff.settled_s:
                self._waits, self._attempts = backoff.waits_s(), 0
        self._warnings.add(f"{problem}; opening it again")
        left_s = self._lost_s + backoff.give_up_s - now_s
        if left_s <= 0:
            message = f"{self._name} did not come back within {backoff.give_up_s:g} s; the last attempt: {problem}"
            self._set_state(LivePhase.ENDED, message)
            raise SourceError(message)
        wait_s = min(next(self._waits), left_s)
        self._attempts += 1
        phase = LivePhase.CONNECTING if self._came_s is None else LivePhase.RECONNECTING
        self._set_state(phase, f"{problem}; attempt {self._attempts} in {wait_s:.1f} s")
        self._closed.wait(wait_s)

    def _end_reader(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.end()
            self._left = reader

    def _set_state(self, phase: LivePhase, message: str) -> None:
        self.state = replace(self.state, phase=phase, message=message)


class _Reader:
    """One connection in its thread; hands over one picture at a time."""

    def __init__(self, name: str, connect: Callable[[], Connection], newest_only: Callable[[], bool]) -> None:
        self.fps: float | None = None
        self._name, self._connect, self._newest_only = name, connect, newest_only
        self._queue: queue.Queue[Shot | Exception] = queue.Queue(1)
        self._ended = threading.Event()
        self._opened = False
        self._heard_s = time.monotonic()
        self._thread = threading.Thread(target=self._read_shots, name=f"{name} reader", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def next(self, patience_s: float, closed: threading.Event) -> Shot | None:
        """The next picture, None when closed. The patience restarts when the connection is open."""
        asked_s = time.monotonic()
        while not closed.is_set():
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if time.monotonic() - max(asked_s, self._heard_s) > _GRACE * patience_s:
                    what = "delivers no pictures (none for" if self._opened else "does not open (no answer for"
                    raise ConnectionLost(f"{self._name} {what} {patience_s:g} s)") from None
                continue
            if isinstance(item, Exception):
                raise item
            return item
        return None

    def end(self) -> None:
        """Tell the thread to end, and wait a moment for it."""
        self._ended.set()
        if self._thread is not threading.current_thread():
            self._thread.join(_JOIN_S)

    def _read_shots(self) -> None:
        try:
            connection = self._connect()
            try:
                self.fps = connection.fps
                self._opened, self._heard_s = True, time.monotonic()
                first = True
                while not self._ended.is_set():
                    shot = connection.read()
                    if shot is not None:
                        self._put_shot(replace(shot, first=first))
                        first = False
            finally:
                connection.close()
        except Exception as error:
            self._put_shot(error)

    def _put_shot(self, item: Shot | Exception) -> None:
        while not self._ended.is_set():
            try:
                self._queue.put(item, block=not self._newest_only(), timeout=_POLL_S)
                return
            except queue.Full:
                if self._newest_only():
                    with suppress(queue.Empty):
                        self._queue.get_nowait()
