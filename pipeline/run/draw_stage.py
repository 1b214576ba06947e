"""The drawing stage: frames become composed pictures, which are recorded as soon as they are drawn."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from pipeline.arrays import U8
from pipeline.render.status import Status
from pipeline.run.lifting import Timed
from pipeline.run.statistics import Statistics
from pipeline.sources.base import Source
from pipeline.sources.live_options import LivePhase
from pipeline.types import Drawn, Frame, Shown

_RATE_FRAMES = 31  # the displayed frame rate is that of this many last frames


class Drawer(Protocol):
    """Composes pictures of one source; ``pipeline.render.compose.Composer`` is one."""

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the pictures in pixels."""

    def shrink(self, frame: Frame) -> Frame:
        """The frame as small as it will be drawn: frames that wait for their look-ahead need not be larger."""

    def draw(self, shown: Shown, status: Status) -> U8:
        """uint8 [H, W, 3] BGR of ``output_size``, a new array; called in the order of the frames."""


class Recorder(Protocol):
    """Takes the pictures of a live run, also those that the screen leaves out."""

    @property
    def recording(self) -> bool:
        """Whether pictures are to be recorded now."""

    def record(self, drawn: Drawn, wait: bool) -> None:
        """Take a picture, in the thread that draws; ``wait`` for room rather than leave one out."""


class DrawStage:
    """Draws the pictures of a run.

    Args:
        drawer: composes the pictures.
        source: the source, whose state the picture shows.
        statistics: the run's counts and times.
        recorder: gets every picture as soon as it is drawn.
        is_ending: whether these are the last frames, so that waiting for the recorder delays nothing.
    """

    def __init__(
        self,
        drawer: Drawer,
        source: Source,
        statistics: Statistics,
        recorder: Recorder | None,
        is_ending: Callable[[], bool],
    ) -> None:
        self._drawer, self._source, self._statistics = drawer, source, statistics
        self._recorder, self._is_ending = recorder, is_ending
        self._done_s: deque[float] = deque(maxlen=_RATE_FRAMES)

    def __call__(self, lifted: Iterable[Timed]) -> Iterator[Timed]:
        """The same items, with pictures; rows pass unchanged."""
        for captured_s, item in lifted:
            if not isinstance(item, Shown):
                yield Timed(captured_s, item)
                continue
            self._done_s.append(time.perf_counter())
            status = self._status(item)
            with self._statistics.meter.time("draw"):
                drawn = Drawn(item, self._drawer.draw(item, status))
            if self._recorder is not None:
                self._recorder.record(drawn, wait=self._is_ending())
            yield Timed(captured_s, drawn)

    def _status(self, shown: Shown) -> Status:
        done_s = self._done_s
        screen_ms = self._statistics.meter.recent_ms("screen", 50) or 0.0
        return Status(
            fps=(len(done_s) - 1) / (done_s[-1] - done_s[0]) if len(done_s) == _RATE_FRAMES else None,
            note=self._note(shown),
            latency_ms=self._late_ms(50, screen_ms),
            latency_p95_ms=self._late_ms(95, screen_ms),
            dropped=self._statistics.dropped,
        )

    def _late_ms(self, percent: float, screen_ms: float) -> float | None:
        """Delay from capture to screen of the last pictures of a live run; None for clips."""
        if not self._source.info.live:
            return None
        late_ms = self._statistics.meter.recent_ms("latency", percent)
        return None if late_ms is None else late_ms + screen_ms

    def _note(self, shown: Shown) -> str:
        """The note in the picture of a live run: its tier, or that the source is reconnecting."""
        state = self._source.state
        if state is not None and state.phase is LivePhase.RECONNECTING:
            return f"reconnecting: {state.message}" if state.message else "reconnecting"
        return shown.tier.value if self._source.info.live else ""
