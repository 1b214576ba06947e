"""Joins the rooms: the road of a frame from its source to the files and the screen.

    source -> detector -> people (swaps, windows) -> lifter -> smoothing -> drawing -> files, screen, observers

Each arrow but those around the lifter crosses a thread, so that one frame is decoded while another is detected and a
third is drawn. The differences between clips (every frame, in order) and live sources (the newest frame wins) are in
two policies, ``file_policy`` and ``live_policy``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pipeline.arrays import U8
from pipeline.detect.base import Detector
from pipeline.errors import ConfigError
from pipeline.lift.base import Lifter
from pipeline.run.draw_stage import Drawer, DrawStage, Recorder
from pipeline.run.file_policy import FilePolicy
from pipeline.run.lifting import Detected, Lifting, Policy, Timed
from pipeline.run.live_policy import LivePolicy
from pipeline.run.options import RunOptions
from pipeline.run.stages import StageOutput, Stages
from pipeline.run.statistics import Statistics
from pipeline.run.waiting import TimedFrame
from pipeline.run.watchdog import Watchdog
from pipeline.sources.base import Source
from pipeline.types import NO_IMAGE, Drawn, Frame, Rows, Shown

Item = TypeVar("Item")


class Pipeline:
    """One run over one source. Iterate over it for its rows, or ``run`` it for pictures too; once.

    Args:
        source: the frames.
        detector: finds the people; it is reset first.
        lifter: the model.
        options: how poses are made.
        drawer: composes a picture of each frame; None to draw nothing.
        shows: hand out frames and poses (in a live run: previews) even without a drawer.

    Attributes:
        statistics: counts and times, filled as it runs.

    Raises:
        ConfigError: previews are requested from a lifter that has none, or detection is too sparse.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        lifter: Lifter,
        options: RunOptions | None = None,
        *,
        drawer: Drawer | None = None,
        shows: bool = False,
    ) -> None:
        self.source, self.options, self.statistics = source, options or RunOptions(), Statistics()
        self._detector, self._drawer, self._shows = detector, drawer, shows or drawer is not None
        most = max(1, lifter.spec.lookahead)
        if self.options.detect_every > most:
            raise ConfigError(
                "detect_every",
                self.options.detect_every,
                f"leaves out more frames than the lifter looks ahead; use at most {most}",
            )
        self._live = source.info.live
        lifting = Lifting(lifter, self.options, source.info, self.statistics.meter)
        if self._live:
            width, height = drawer.output_size if drawer else (0, 0)
            self._live_policy: LivePolicy | None = LivePolicy(lifting, self._shows, 3 * width * height)
            self._policy: Policy = self._live_policy
        else:
            self._live_policy, self._policy = None, FilePolicy(lifting, self._shows)
        self._watchdog = Watchdog(source)
        self._used = False

    def stop(self) -> None:
        """Take no more frames; those under way are finished. Safe to call from any thread."""
        self._watchdog.stop()

    def __iter__(self) -> Iterator[Rows]:
        """Process every frame and yield its rows, in order. Leaving the loop ends the run.

        Raises:
            PoseStrideError: a room failed; the rows before that were yielded.
        """
        for _, item in self._items(None, None):
            if isinstance(item, Rows):
                self.statistics.count(item)
                yield item

    def run(
        self,
        rows: Callable[[Rows], None],
        shown: Callable[[Shown, U8 | None], None] | None = None,
        *,
        idle: Callable[[], None] | None = None,
        recorder: Recorder | None = None,
    ) -> Statistics:
        """Process every frame and hand out the results, in order, in the calling thread.

        Args:
            rows: gets the rows of every frame.
            shown: gets each frame with its drawn poses, and the composed picture where there is a drawer.
            idle: called several times per second while nothing comes.
            recorder: live sources: gets every picture when it is drawn, in the drawing thread: a slow screen leaves out
                pictures, a recording does not. While it records, frames may wait for drawing for a second.

        Raises:
            PoseStrideError: a room failed; the results before that were handed out.
        """
        statistics, writing_s = self.statistics, 0.0
        for captured_s, item in self._items(idle, recorder):
            began_s = time.perf_counter()
            with self._watchdog.taking():
                if isinstance(item, Rows):
                    rows(item)
                elif shown is not None:
                    shown(*((item.shown, item.picture) if isinstance(item, Drawn) else (item, None)))
            ended_s = time.perf_counter()
            writing_s += ended_s - began_s
            if self._policy.completes_frame(item):
                statistics.meter.add("write", writing_s)
                writing_s = 0.0
            if isinstance(item, Rows):
                statistics.count(item)
            statistics.pictures += isinstance(item, Drawn)
            self._measure(item, ended_s - captured_s)
        return statistics

    def _measure(self, item: Rows | Shown | Drawn, late_s: float) -> None:
        """Record how late an item is."""
        is_rows = isinstance(item, Rows)
        if not is_rows or (not self._live and self._policy.completes_frame(item)):
            self.statistics.meter.add("latency", late_s)
        if is_rows and self._live:
            self.statistics.meter.add("settled", late_s)

    def _items(self, idle: Callable[[], None] | None, recorder: Recorder | None) -> Iterator[Timed]:
        """The items of the last stage; updates the statistics on the way."""
        if self._used:
            raise RuntimeError("this pipeline has run already; make a new one for each run")
        self._used = True
        started_s = time.perf_counter()
        policy, statistics = self._policy, self.statistics
        if self._live_policy is not None and recorder is not None:
            self._live_policy.is_recording = lambda: recorder.recording
        self._detector.reset()
        with Stages(idle=idle, watch_first=not self._live) as stages, self._watchdog:

            def stage(name: str, items: Iterable[Item]) -> StageOutput[Item]:
                return stages.threaded(name, items, policy.room(name))

            frames = stage("source", self._frames())
            lifted = stage("lift", policy.lift(stage("detect", self._detect(frames))))
            last = lifted
            if self._drawer is not None:
                drawing = DrawStage(self._drawer, self.source, statistics, recorder, self._is_ending)
                last = stage("draw", drawing(lifted))
            for timed in last:
                yield timed
                statistics.dropped = frames.dropped
                statistics.not_drawn = lifted.dropped + (last.dropped if last is not lifted else 0)
                statistics.wall_s = time.perf_counter() - started_s
            statistics.dropped = frames.dropped

    def _is_ending(self) -> bool:
        return self._live_policy is not None and self._live_policy.is_ending

    def _frames(self) -> Iterator[TimedFrame]:
        if self._watchdog.is_stopping:
            return
        for frame in self.statistics.meter.timed(self._policy.source_stage, self.source):
            yield TimedFrame(time.perf_counter() - self.source.age_s, frame)
            if self._watchdog.is_stopping:
                return

    def _detect(self, frames: Iterable[TimedFrame]) -> Iterator[Detected]:
        for number, (captured_s, frame) in enumerate(frames):
            found = []
            if number % self.options.detect_every == 0:
                with self.statistics.meter.time("detect"):
                    found = self._detector(frame)
            yield Detected(captured_s, self._frame_to_keep(frame), found)

    def _frame_to_keep(self, frame: Frame) -> Frame:
        """The frame with a picture no larger than needed from here on, since many frames wait for their look-ahead."""
        if self._drawer is not None:
            return self._drawer.shrink(frame)
        return frame if self._shows else Frame(frame.index, frame.time_s, NO_IMAGE)
