"""The drawing stage: frames that are shown become composed pictures, recorded as soon as they are drawn."""

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

_RATE_FRAMES = 31  # the speed that is shown is that of the last so many frames


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
        """Whether pictures are wanted now."""

    def record(self, drawn: Drawn, wait: bool) -> None:
        """Take a picture, in the thread that draws; ``wait`` for room rather than leave one out."""


class DrawStage:
    """Draws what is shown.

    Args:
        drawer: composes the pictures.
        source: says what the picture tells of it.
        statistics: of the run.
        recorder: gets every picture as soon as it is drawn.
        is_ending: whether the last frames come, which nothing can be delayed by.
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
        """The same items with pictures; rows pass by."""
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
        """Live: how long after its capture a picture came to the screen, of the last ones."""
        if not self._source.info.live:
            return None
        late_ms = self._statistics.meter.recent_ms("latency", percent)
        return None if late_ms is None else late_ms + screen_ms

    def _note(self, shown: Shown) -> str:
        """What the picture says about itself in a live run."""
        state = self._source.state
        if state is not None and state.phase is LivePhase.RECONNECTING:
            return f"reconnecting: {state.message}" if state.message else "reconnecting"
        return shown.tier.value if self._source.info.live else ""
