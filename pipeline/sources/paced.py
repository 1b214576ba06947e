"""A clip played at its own speed, like a camera: for measuring the live policy on repeatable input."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from pipeline.sources.base import Source, SourceInfo
from pipeline.types import Frame


class Paced(Source):
    """Delivers each frame when its time has come; ``info.live`` is True.

    Args:
        source: a clip.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    @property
    def info(self) -> SourceInfo:
        """The clip's info, marked as live."""
        return replace(self._source.info, live=True)

    @property
    def warnings(self) -> list[str]:
        """The clip's warnings."""
        return self._source.warnings

    def __iter__(self) -> Iterator[Frame]:
        """Frames at their times; a frame that is late already comes at once."""
        started_s: float | None = None
        for frame in self._source:
            now_s = time.monotonic()
            if started_s is None:
                started_s = now_s - frame.time_s
            delay_s = started_s + frame.time_s - now_s
            if delay_s > 0:
                time.sleep(delay_s)
            yield frame

    def close(self) -> None:
        """Close the clip."""
        self._source.close()
