"""Stages in threads, joined by bounded queues.

A stage is a generator function that takes the items of the stage before it. ``Stages.threaded`` runs one in its own
thread and gives its items to the next. Errors travel with the items: they are raised, with their traceback, where
the last stage is read. A stop reaches every stage within ``_POLL_S``; nothing waits without a limit, and a stage that
is stuck in a call is named.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from pipeline.errors import StageStuckError

Item = TypeVar("Item")


class Room(NamedTuple):
    """The queue behind a stage.

    Attributes:
        size: most items that wait in it, or a function that returns that number at every item.
        may_drop: whether an item may be dropped, see ``Handover``; None: nothing may.
    """

    size: int | Callable[[], int]
    may_drop: Callable[[Any], bool] | None = None


PATIENCE_S = 60.0
"""How long a stage may work on one frame."""

_POLL_S = 0.05
_JOIN_S = 5.0
_ASLEEP_S = 1.0
_MOST_WAITING = 4096  # most items in a queue that must not be dropped; they are small


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _End:
    pass


class Watch:
    """The time since which a stage has been at work on one item; ``None`` while it waits for another stage."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.busy_since_s: float | None = None


_this_thread = threading.local()  # .watch: the watch of this thread's stage


@contextmanager
def _waiting() -> Iterator[None]:
    """In this block, the stage of this thread waits for another one."""
    watch: Watch | None = getattr(_this_thread, "watch", None)
    if watch is not None:
        watch.busy_since_s = None
    try:
        yield
    finally:
        if watch is not None:
            watch.busy_since_s = time.monotonic()


class Handover(Generic[Item]):
    """A bounded queue between two threads.

    Args:
        room: how many items wait, and which ones may be dropped: when full, the oldest waiting item of this kind is
            dropped and counted instead of making the producer wait, and other items wait beside it, at most
            ``_MOST_WAITING``.
    """

    def __init__(self, room: Room) -> None:
        size = room.size
        self._items: deque[Item | _Failure | _End] = deque()
        self._size: Callable[[], int] = size if callable(size) else lambda: size
        self._may_drop: Callable[[Item], bool] | None = room.may_drop
        self._changed = threading.Condition()
        self.dropped = 0

    def put(self, item: Item | _Failure | _End, stop: threading.Event) -> None:
        """Hand over an item; gives up when ``stop`` is set. The end and a failure never push an item out."""
        with _waiting(), self._changed:
            while not stop.is_set():
                if self._has_room(item):
                    self._items.append(item)
                    self._changed.notify_all()
                    return
                self._changed.wait(_POLL_S)

    def _has_room(self, item: Item | _Failure | _End) -> bool:
        if self._may_drop is None:
            return len(self._items) < self._size()
        if isinstance(item, (_End, _Failure)) or not self._may_drop(item):
            return len(self._items) < _MOST_WAITING
        waiting = [place for place, other in enumerate(self._items) if self._drops(other)]
        for place in reversed(waiting[: max(0, len(waiting) + 1 - self._size())]):  # several, if the limit has fallen
            del self._items[place]
            self.dropped += 1
        return True

    def _drops(self, item: Item | _Failure | _End) -> bool:
        return self._may_drop is not None and not isinstance(item, (_End, _Failure)) and self._may_drop(item)

    def items(
        self, stop: threading.Event, check: Callable[[], None] | None = None, idle: Callable[[], None] | None = None
    ) -> Iterator[Item]:
        """The items in order until the producer ends; raises what the producer raised, or ``check``.

        ``check`` is called again and again, ``idle`` after each ``_POLL_S`` without an item.
        """
        while not stop.is_set():
            with _waiting(), self._changed:
                if not self._items:
                    self._changed.wait(_POLL_S)
                item = self._items.popleft() if self._items else None
                self._changed.notify_all()
            if check is not None:
                check()
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            if item is not None:
                yield item
            elif idle is not None:
                idle()


class Stages:
    """The threads of one run. Use as a context manager: leaving it stops and joins them all.

    Args:
        patience_s: how long a stage may work on one item; after that, reading the last stage raises
            ``StageStuckError``. The first stage is not watched: a live source decides how long it may be silent.
        idle: called by the reader of the last stage while nothing comes.
        watch_first: watch the first stage too: a source that is read as fast as it can be should not be silent.
    """

    def __init__(
        self, patience_s: float = PATIENCE_S, idle: Callable[[], None] | None = None, watch_first: bool = False
    ) -> None:
        self._idle, self._watch_first = idle, watch_first
        self._checked_s = time.monotonic()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._watches: list[Watch] = []
        self._patience_s = patience_s

    def threaded(self, name: str, items: Iterable[Item], room: Room) -> StageOutput[Item]:
        """Read ``items`` in a thread called ``name``, as far ahead of the reader as there is room; see ``Handover``."""
        handover: Handover[Item] = Handover(room)
        watch = Watch(name) if self._threads or self._watch_first else None
        if watch is not None:
            self._watches.append(watch)
        thread = threading.Thread(target=self._run_stage, args=(items, handover, watch), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return StageOutput(handover, self._stop, self._check_watches, self._idle)

    def _run_stage(self, items: Iterable[Item], handover: Handover[Item], watch: Watch | None) -> None:
        _this_thread.watch = watch
        try:
            for item in items:
                handover.put(item, self._stop)
                if self._stop.is_set():
                    return
            handover.put(_End(), self._stop)
        except BaseException as error:  # handed on with its traceback, whatever it is
            handover.put(_Failure(error), self._stop)
        if watch is not None:
            watch.busy_since_s = None

    def _check_watches(self) -> None:
        now_s = time.monotonic()
        asleep_s, self._checked_s = now_s - self._checked_s, now_s
        if asleep_s > _ASLEEP_S:  # the reader or the whole process stood still: no stage is to blame
            for watch in self._watches:
                if watch.busy_since_s is not None:
                    watch.busy_since_s += asleep_s
        for watch in self._watches:
            since_s = watch.busy_since_s
            if since_s is not None and now_s - since_s > self._patience_s:
                raise StageStuckError(
                    f"stage '{watch.name}' has been busy with one frame for {now_s - since_s:.0f} s; the run was "
                    "ended, what was finished is kept; run again with a smaller picture or another device"
                )

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        limit_s = time.monotonic() + _JOIN_S
        for thread in self._threads:
            thread.join(timeout=max(0.0, limit_s - time.monotonic()))


class StageOutput(Generic[Item]):
    """The output of a threaded stage: an iterable of items, and the number of dropped ones."""

    def __init__(
        self,
        handover: Handover[Item],
        stop: threading.Event,
        check: Callable[[], None],
        idle: Callable[[], None] | None,
    ) -> None:
        self._handover, self._stop, self._check_watches, self._idle = handover, stop, check, idle

    def __iter__(self) -> Iterator[Item]:
        # Stages are read by stages; only the last one is read by another thread, which then watches them all.
        if getattr(_this_thread, "watch", None) is not None:
            return self._handover.items(self._stop)
        return self._handover.items(self._stop, self._check_watches, self._idle)

    @property
    def dropped(self) -> int:
        """Number of items dropped so far."""
        return self._handover.dropped


def any_item(_: object) -> bool:
    """A ``may_drop`` for any item: the newest wins."""
    return True
