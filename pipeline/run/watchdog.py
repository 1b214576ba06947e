"""The watchdog of a run, for calls that can't be interrupted: a source that delivers nothing, a consumer that hangs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.run.stages import PATIENCE_S
from pipeline.sources.base import Source

log = logging.getLogger(__name__)

_LOOK_S = 1.0


class Watchdog:
    """A thread beside a run. Use as a context manager around it.

    Args:
        source: closed when the run is asked to end, because a silent source would notice that late.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._end = threading.Event()
        self._finished = False
        self._taking_since_s: float | None = None
        self._thread = threading.Thread(target=self._watch_taking, name="watch", daemon=True)

    @property
    def is_stopping(self) -> bool:
        """Whether the run was asked to end."""
        return self._end.is_set()

    def stop(self) -> None:
        """Ask the run to end. Safe to call from any thread."""
        self._end.set()

    @contextmanager
    def taking(self) -> Iterator[None]:
        """Watch a block in which an item is taken; if it lasts too long, the log says so."""
        self._taking_since_s = time.monotonic()
        try:
            yield
        finally:
            self._taking_since_s = None

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finished = True
        self._end.set()
        self._thread.join(_LOOK_S)

    def _watch_taking(self) -> None:
        told = False
        while not self._end.wait(_LOOK_S):
            since_s = self._taking_since_s
            if since_s is not None and time.monotonic() - since_s > PATIENCE_S and not told:
                told = True
                log.error(
                    "stage 'write' has been busy with one frame for %.0f s: is the disk or screen gone?", PATIENCE_S
                )
        if not self._finished:
            self._source.close()
