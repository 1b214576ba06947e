"""Joins the rooms: the road of a frame from its source to the files and the screen.

    source -> detector -> people (swaps, windows) -> lifter -> smoothing -> composer -> sinks

Recordings: every frame, in order, as fast as possible, windows lifted in batches. Live sources: the newest frame wins,
drops are counted, each frame is lifted at once. Each arrow but those around the lifter crosses a thread, so that one
frame is decoded while another is detected and a third is drawn.

A live run has two tiers. The settled pose of a frame, which goes into the files, needs the frames after it. Before it
comes, the screen shows a provisional pose of a frame that is newer: ``RunOptions.show_lookahead`` frames behind the
newest, 0 for the newest one itself.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pipeline.detect.base import Detector
from pipeline.errors import ConfigError
from pipeline.lift.onnx import Lifter, PreviewLifter
from pipeline.place.scale import scaled
from pipeline.render.compose import Composer
from pipeline.run.people import People
from pipeline.run.results import NO_IMAGE, Film, Result, Statistics
from pipeline.run.stages import PATIENCE_S, Stages, everything
from pipeline.run.tiers import Settling, Shown, TimedFrame, TimedResult
from pipeline.sources.base import Source
from pipeline.sources.live import state_of
from pipeline.sources.live_options import LivePhase
from pipeline.types import Frame, Pose2D, Pose3D
from pipeline.window.buffer import BREAK_S, MAX_GAP_S, Due, WindowBuffer, frame_step
from pipeline.window.person_view import NORMALISATION

log = logging.getLogger(__name__)

_Found = tuple[float, Frame, list[Pose2D]]  # capture time, frame, what the detector found in it

_BATCH_FRAMES = 16
_QUEUE_FRAMES = 3
_FILM_S = 1.0  # while a film is taken, pictures for so long wait for drawing before one is left out,
_FILM_BYTES = 128 << 20  # or as many as fit into this
_LOOK_S = 1.0
_SLOW_STEPS = 2.5  # frames of a source that is slower than that are further apart than a break
_RATE_FRAMES = 31  # the speed that is shown is that of the last so many frames


@dataclass(frozen=True)
class RunOptions:
    """How a run is done.

    Attributes:
        scale: factor on all 3D coordinates (a person's height over the model's).
        focal_px: focal length of the camera; assumed if None.
        smooth: name of a preset of ``pipeline.smooth.presets``.
        repair_swaps: repair left/right swaps of the 2D track.
        detect_every: the detector sees every so many frames only; the lifter fills the others.
        show_lookahead: live: how many frames behind the newest one the provisional poses are that are drawn. None, or
            no less than the lifter's own look-ahead: the settled poses are drawn.

    Raises:
        ConfigError: a value makes no sense.
    """

    scale: float = 1.0
    focal_px: float | None = None
    smooth: str = "off"
    repair_swaps: bool = True
    detect_every: int = 1
    show_lookahead: int | None = None

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise ConfigError(f"--detect-every {self.detect_every} is not valid; 1 is every frame, 2 every second one")
        if self.show_lookahead is not None and self.show_lookahead < 0:
            raise ConfigError(f"a look-ahead of {self.show_lookahead} frames is not valid; 0 is the newest frame")


class Pipeline:
    """One run over one source.

    Args:
        source: the frames.
        detector, lifter: the models. Provisional poses need a lifter that is a ``PreviewLifter`` too.
        composer: draws each frame; None to draw nothing.
        options: how.

    Raises:
        ConfigError: provisional poses are asked of a lifter that has none, or too sparse detection.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        lifter: Lifter,
        composer: Composer | None = None,
        options: RunOptions | None = None,
    ) -> None:
        self.source, self.detector, self.lifter, self.composer = source, detector, lifter, composer
        self.options = options or RunOptions()
        self.statistics = Statistics()
        if self.options.detect_every > max(1, lifter.lookahead):
            raise ConfigError(
                f"--detect-every {self.options.detect_every} leaves out more frames than the lifter looks ahead; use "
                f"at most {max(1, lifter.lookahead)}"
            )
        self._live = source.info.live
        self._end = threading.Event()
        self._finished = False
        self._taking_since_s: float | None = None
        self._film: Film | None = None
        self._ending = False  # the last frames come in one rush, nothing after them can be delayed: all are filmed
        ahead = self.options.show_lookahead
        self._preview: PreviewLifter | None = None
        if self._live and composer is not None and ahead is not None and ahead < lifter.lookahead:
            if not (isinstance(lifter, PreviewLifter) and getattr(lifter, "has_previews", True)):
                raise ConfigError("this lifter has no provisional poses; use --latency best")
            self._preview = lifter

    @property
    def has_preview(self) -> bool:
        """Whether provisional poses are drawn before the settled ones come."""
        return self._preview is not None

    def stop(self) -> None:
        """Take no more frames; those under way are finished. Safe to call from a signal handler."""
        self._end.set()

    def run(
        self,
        take: Callable[[Result], None],
        idle: Callable[[], None] | None = None,
        film: Film | None = None,
    ) -> Statistics:
        """Send every frame down the road and give each result to ``take``, in order, in the calling thread.

        Args:
            take: gets the results.
            idle: called in the same thread several times per second while there is no result.
            film: gets every result with a picture as soon as it is drawn, in the drawing thread: a slow screen leaves
                out pictures, a film does not. While one is taken, frames may wait for drawing, for up to ``_FILM_S``;
                else only the newest one is drawn.

        Raises:
            PoseStrideError: what a room could not do; the results before it were taken.
        """
        started = time.perf_counter()
        statistics, self._film = self.statistics, film
        # What waits in a queue is late: a live source has room for one frame between two stages (but for films).
        waiting = 1 if self._live else _QUEUE_FRAMES
        pictures_may_drop = _only_shown if self._live else None
        watch = threading.Thread(target=self._close_when_stopped, name="watch", daemon=True)
        watch.start()
        with Stages(idle=idle, watch_first=not self._live) as stages, self._finishing(watch):
            frames = stages.threaded("source", self._frames(), waiting, everything if self._live else None)
            found = stages.threaded("detect", self._detect(frames), waiting)
            lifted = stages.threaded(
                "lift", self._lift(found), self._lifted_waiting, self._may_stay_undrawn if self._live else None
            )
            drawn = stages.threaded("draw", self._draw(lifted), waiting, pictures_may_drop)
            for captured_s, result in drawn:
                self._taking_since_s = time.monotonic()
                with statistics.meter.time("write"):
                    take(result)
                self._taking_since_s = None
                statistics.count(result)
                statistics.dropped = frames.dropped
                statistics.not_drawn = lifted.dropped + drawn.dropped
                statistics.wall_s = time.perf_counter() - started
                late_s = time.perf_counter() - captured_s
                if result.picture is not None or (self.composer is None and not self._live):
                    statistics.meter.add("latency", late_s)
                if result.for_files and self._live:
                    statistics.meter.add("settled", late_s)
            statistics.dropped = frames.dropped
        return statistics

    @property
    def _filming(self) -> bool:
        return self._film is not None and self._film.recording

    def _lifted_waiting(self) -> int:
        """How many lifted frames may wait for drawing."""
        if not self._live:
            return _BATCH_FRAMES
        if self.composer is None or not self._filming:
            return 1
        width, height = self.composer.output_size
        return max(1, min(round(_FILM_S * self.source.info.fps), _FILM_BYTES // (3 * width * height)))

    def _may_stay_undrawn(self, item: TimedResult) -> bool:
        """Whether a lifted frame of a live run may be left out of what is drawn when drawing is behind."""
        return _only_shown(item) and not (self._ending and self._filming)

    @contextmanager
    def _finishing(self, watch: threading.Thread) -> Iterator[None]:
        try:
            yield
        finally:
            self._finished = True
            self._end.set()
            watch.join(_LOOK_S)

    def _close_when_stopped(self) -> None:
        """A source that delivers nothing would notice ``stop`` late; closing it ends its wait.

        Meanwhile, look after the thread that writes and shows, which nobody can interrupt: say so when it hangs.
        """
        told = False
        while not self._end.wait(_LOOK_S):
            since_s = self._taking_since_s
            if since_s is not None and time.monotonic() - since_s > PATIENCE_S and not told:
                told = True
                log.error("stage 'write' has been busy with one frame for %.0f s: is disk or screen away?", PATIENCE_S)
        if not self._finished:
            self.source.close()

    def _frames(self) -> Iterator[TimedFrame]:
        if self._end.is_set():
            return
        # What a live source takes is mostly waiting for the next picture.
        for frame in self.statistics.meter.timed("wait" if self._live else "decode", self.source):
            # live sources know how old a frame is when it arrives
            yield time.perf_counter() - getattr(self.source, "age_s", 0.0), frame
            if self._end.is_set():
                return

    def _detect(self, frames: Iterable[TimedFrame]) -> Iterator[_Found]:
        for number, (captured_s, frame) in enumerate(frames):
            poses: list[Pose2D] = []
            if number % self.options.detect_every == 0:
                with self.statistics.meter.time("detect"):
                    poses = self.detector(frame)
            yield captured_s, self._to_keep(frame), poses

    def _to_keep(self, frame: Frame) -> Frame:
        """What is needed of a frame from here on; many wait for their look-ahead, so the picture is kept small."""
        if self.composer is None:
            return Frame(frame.index, frame.time_s, NO_IMAGE)
        return self.composer.shrink(frame)

    def _lift(self, found: Iterable[_Found]) -> Iterator[TimedResult]:
        people = People(self._new_buffer, self.options.repair_swaps)
        yield from (self._lift_live if self._preview is not None else self._lift_settled)(people, found)

    def _lift_settled(self, people: People, found: Iterable[_Found]) -> Iterator[TimedResult]:
        """Settled poses only: each frame waits, with its picture, until its look-ahead has passed."""
        drawn_live = self._live and self.composer is not None
        settling = Settling(self.options.smooth, drawn_live)
        batch: list[list[Due]] = []
        limit = 1 if self._live else getattr(self.lifter, "batch_frames", _BATCH_FRAMES)
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in found:
                settling.push(captured_s, frame)
                batch += people.push(frame, poses)
                lifted = None
                if len(batch) >= limit:
                    lifted, batch = (batch, self._lifted(batch)), []
                if self._live and self.composer is None:
                    self.statistics.meter.add("latency", time.perf_counter() - captured_s)
                if lifted is not None:
                    yield from _apart(settling.results(*lifted), drawn_live)
        except Exception as error:  # frames that were read before the failure still get their rows
            failure = error
        yield from _apart(self._rest(settling, batch + people.finish(), failure), drawn_live)

    def _lift_live(self, people: People, found: Iterable[_Found]) -> Iterator[TimedResult]:
        """Provisional poses with their pictures at once, settled ones without a picture when they are due."""
        assert self.options.show_lookahead is not None
        settling = Settling(self.options.smooth, drawn_live=False)
        shown = Shown(self.options.show_lookahead, frame_step(self.source.info.fps), self.options.smooth)
        batch: list[list[Due]] = []
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in found:
                settling.push(captured_s, Frame(frame.index, frame.time_s, NO_IMAGE))
                shown.push(captured_s, frame)
                batch += people.push(frame, poses)
                previews = people.preview(shown.lookahead)
                settled, provisional = self._both(batch, previews)
                due, batch = batch, []
                yield from shown.results(previews, provisional)
                yield from settling.results(due, settled)
        except Exception as error:
            failure = error
        # The last frames never get the look-ahead of a provisional pose: they are drawn with their settled ones.
        pictures = shown.rest()
        for captured_s, result in self._rest(settling, batch + people.finish(), failure):
            yield captured_s, result
            if result.frame.index in pictures:
                yield captured_s, replace(result, frame=pictures[result.frame.index], for_files=False)

    def _rest(self, settling: Settling, batch: list[list[Due]], failure: Exception | None) -> Iterator[TimedResult]:
        """The results of the frames that still wait, without 3D poses if the lifter failed; then the failure."""
        self._ending = True
        try:
            poses = self._lifted(batch)
        except Exception as error:
            poses, failure = [], failure or error
        yield from settling.results(batch, poses)
        yield from settling.finish()
        if failure is not None:
            raise failure

    def _lifted(self, batch: list[list[Due]]) -> list[Pose3D]:
        windows = [due.window for people in batch for due in people if due.window is not None]
        if not batch:
            return []
        with self.statistics.meter.time("lift", items=len(batch)):
            return [scaled(pose, self.options.scale) for pose in (self.lifter(windows) if windows else [])]

    def _both(self, batch: list[list[Due]], previews: list[Due]) -> tuple[list[Pose3D], list[Pose3D]]:
        assert self._preview is not None and self.options.show_lookahead is not None
        windows = [due.window for people in batch for due in people if due.window is not None]
        newest = [due.window for due in previews if due.window is not None]
        with self.statistics.meter.time("lift"):
            settled, provisional = self._preview.lift_both(windows, newest, self.options.show_lookahead)
        scale = self.options.scale
        return [scaled(pose, scale) for pose in settled], [scaled(pose, scale) for pose in provisional]

    def _draw(self, lifted: Iterable[TimedResult]) -> Iterator[TimedResult]:
        composer, statistics = self.composer, self.statistics
        done_s: deque[float] = deque(maxlen=_RATE_FRAMES)
        for captured_s, result in lifted:
            if composer is None or result.frame.image.size == 0:
                yield captured_s, result
                continue
            done_s.append(time.perf_counter())
            screen_ms = statistics.meter.recent_ms("screen", 50) or 0.0
            fps = (len(done_s) - 1) / (done_s[-1] - done_s[0]) if len(done_s) == _RATE_FRAMES else None
            poses3d = result.poses3d if result.smoothed is None else result.smoothed
            with statistics.meter.time("draw"):
                picture = composer.compose(
                    result.frame,
                    result.poses2d,
                    poses3d,
                    fps,
                    self._note(result),
                    latency_ms=self._late_ms(50, screen_ms),
                    latency_p95_ms=self._late_ms(95, screen_ms),
                    dropped=statistics.dropped,
                )
            composed = replace(result, picture=picture)
            if self._film is not None:
                self._film.film(composed, wait=self._ending)
            yield captured_s, composed

    def _late_ms(self, percent: float, screen_ms: float) -> float | None:
        """Live: how long after its capture a picture came to the screen, of the last ones."""
        late_ms = self.statistics.meter.recent_ms("latency", percent) if self._live else None
        return None if late_ms is None else late_ms + screen_ms

    def _note(self, result: Result) -> str:
        """What the picture says about itself in a live run."""
        state = state_of(self.source)
        if state is not None and state.phase is LivePhase.RECONNECTING:
            return f"reconnecting: {state.message}" if state.message else "reconnecting"
        if not self._live:
            return ""
        return "settled" if result.settled else "provisional"

    def _new_buffer(self, track_id: int) -> WindowBuffer:
        info = self.source.info
        return WindowBuffer(
            track_id,
            self.lifter.window,
            self.lifter.lookahead,
            (info.width_px, info.height_px),
            self.options.focal_px,
            frame_step(info.fps),
            getattr(self.lifter, "normalisation", NORMALISATION),
            longest_gap_s(self.options.detect_every, info.fps, self._live),
            max(BREAK_S, _SLOW_STEPS / info.fps),
        )


def longest_gap_s(detect_every: int, fps: float, live: bool) -> float:
    """Longest gap that is bridged: with sparse detection at least what lies between two looks.

    Live twice that: a source's nominal rate is more than what a slow machine makes of it.
    """
    looks_s = detect_every / fps * (2 if live else 1)
    return max(MAX_GAP_S, looks_s) if detect_every > 1 else MAX_GAP_S


def _apart(results: Iterator[TimedResult], drawn_live: bool) -> Iterator[TimedResult]:
    """Live: the rows of a frame, which must not be lost or late, and its picture, which may."""
    for captured_s, result in results:
        if not drawn_live:
            yield captured_s, result
            continue
        yield captured_s, replace(result, frame=Frame(result.frame.index, result.frame.time_s, NO_IMAGE))
        yield captured_s, replace(result, for_files=False)


def _only_shown(item: TimedResult) -> bool:
    return not item[1].for_files
