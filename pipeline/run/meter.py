"""A meter of durations."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")

_SHOWN_FRAMES = 61  # a displayed figure covers this many last frames


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

    def recent_ms(self, name: str, percent: float) -> float | None:
        """As ``percentile_ms``, of the last ``_SHOWN_FRAMES`` frames only."""
        with self._lock:
            recent = list(islice(reversed(self._recent.get(name, ())), _SHOWN_FRAMES))
        return float(np.percentile(recent, percent)) * 1000 if recent else None

    def names(self) -> list[str]:
        """Names of the measured durations, in order of first use."""
        with self._lock:
            return list(self._recent)

    def total_s(self, name: str) -> float:
        """Seconds in all."""
        return self._total.get(name, 0.0)
