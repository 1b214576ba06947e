"""Stages in threads, joined by bounded queues.

A stage is a generator function that takes the items of the stage before it. ``Stages.threaded`` runs one in its own
thread and gives its items to the next. Errors travel with the items: whoever reads the last stage meets them with their
traceback. Stopping reaches everyone within ``_POLL_S``; nothing waits without a limit.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

Item = TypeVar("Item")

_POLL_S = 0.05


@dataclass(frozen=True)
class _Failure:
    error: BaseException


class _End:
    pass


class Handover(Generic[Item]):
    """A bounded queue between two threads.

    Args:
        size: most items that wait.
        newest_wins: when full, the oldest waiting item is dropped and counted instead of making the producer wait.
    """

    def __init__(self, size: int, newest_wins: bool) -> None:
        self._queue: queue.Queue[Item | _Failure | _End] = queue.Queue(size)
        self._newest_wins = newest_wins
        self.dropped = 0

    def put(self, item: Item | _Failure | _End, stop: threading.Event) -> None:
        """Hand over; gives up when ``stop`` is set. The end and a failure never push an item out."""
        pushes = self._newest_wins and not isinstance(item, (_End, _Failure))
        while not stop.is_set():
            try:
                self._queue.put(item, block=not pushes, timeout=_POLL_S)
                return
            except queue.Full:
                if pushes:
                    self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
            self.dropped += 1
        except queue.Empty:
            pass  # the consumer was faster

    def items(self, stop: threading.Event) -> Iterator[Item]:
        """The items in order until the producer ends; raises what the producer raised."""
        while not stop.is_set():
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                return
            if isinstance(item, _Failure):
                raise item.error
            yield item


class Stages:
    """The threads of one run. Use as a context manager: leaving it stops and joins them all."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def threaded(self, name: str, items: Iterable[Item], size: int, newest_wins: bool = False) -> Handed[Item]:
        """Read ``items`` in a thread called ``name``, at most ``size`` ahead of the reader."""
        handover: Handover[Item] = Handover(size, newest_wins)
        thread = threading.Thread(target=self._work, args=(items, handover), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
        return Handed(handover, self._stop)

    def _work(self, items: Iterable[Item], handover: Handover[Item]) -> None:
        try:
            for item in items:
                handover.put(item, self._stop)
                if self._stop.is_set():
                    return
            handover.put(_End(), self._stop)
        except BaseException as error:  # handed on with its traceback, whatever it is
            handover.put(_Failure(error), self._stop)

    def __enter__(self) -> Stages:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=5)


class Handed(Generic[Item]):
    """What a threaded stage gives: an iterable, and how many items were dropped on the way."""

    def __init__(self, handover: Handover[Item], stop: threading.Event) -> None:
        self._handover, self._stop = handover, stop

    def __iter__(self) -> Iterator[Item]:
        return self._handover.items(self._stop)

    @property
    def dropped(self) -> int:
        """Items dropped so far (``newest_wins`` only)."""
        return self._handover.dropped


class Meter:
    """Durations by name: medians over the last ``_KEEP`` and totals over all. Safe to use from several threads."""

    _KEEP = 4096

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._total: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def time(self, name: str, items: int = 1) -> Iterator[None]:
        """Measure a block that works on ``items`` frames."""
        started = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - started, items)

    def timed(self, name: str, items: Iterable[Item]) -> Iterator[Item]:
        """Measure how long each next item takes."""
        iterator = iter(items)
        while True:
            started = time.perf_counter()
            try:
                item = next(iterator)
            except StopIteration:
                return
            self.add(name, time.perf_counter() - started)
            yield item

    def add(self, name: str, seconds: float, items: int = 1) -> None:
        """Record that ``items`` frames took ``seconds`` together."""
        with self._lock:
            recent = self._recent.setdefault(name, deque(maxlen=self._KEEP))
            recent.extend([seconds / max(items, 1)] * items)
            self._total[name] = self._total.get(name, 0.0) + seconds

    def median_ms(self, name: str) -> float | None:
        """Median milliseconds per frame, None if nothing was measured."""
        return self.percentile_ms(name, 50)

    def percentile_ms(self, name: str, percent: float) -> float | None:
        """Percentile of the milliseconds per frame, None if nothing was measured."""
        with self._lock:
            recent = list(self._recent.get(name, ()))
        return float(np.percentile(recent, percent)) * 1000 if recent else None

    def names(self) -> list[str]:
        """What was measured, in order of first use."""
        with self._lock:
            return list(self._recent)

    def total_s(self, name: str) -> float:
        """Seconds in all."""
        return self._total.get(name, 0.0)
