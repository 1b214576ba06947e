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

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from pipeline.detect.base import Detector
from pipeline.errors import ConfigError
from pipeline.lift import Lifter, PreviewLifter
from pipeline.normalise import NORMALISATION
from pipeline.people import People
from pipeline.place import scaled
from pipeline.render.compose import Composer
from pipeline.results import NO_IMAGE, Result, Statistics
from pipeline.smooth.people import create_smoothing
from pipeline.sources.base import Source
from pipeline.sources.live import state_of
from pipeline.sources.live_options import LivePhase
from pipeline.stages import Stages, everything
from pipeline.types import Frame, Pose2D, Pose3D
from pipeline.window import Due, WindowBuffer, frame_step

_BATCH_FRAMES = 16
_QUEUE_FRAMES = 3
_RATE_FRAMES = 31  # the speed that is shown is that of the last so many frames

# A frame and when it was captured, on the clock of time.perf_counter.
_Timed = tuple[float, Frame]
_Lifted = tuple[float, Result]


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
        ConfigError: provisional poses are asked of a lifter that has none.
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
        self._live = source.info.live
        self._end = threading.Event()
        self._finished = False
        ahead = self.options.show_lookahead
        self._preview: PreviewLifter | None = None
        if self._live and composer is not None and ahead is not None and ahead < lifter.lookahead:
            if not isinstance(lifter, PreviewLifter):
                raise ConfigError("this lifter has no provisional poses; use --latency best")
            self._preview = lifter

    @property
    def has_preview(self) -> bool:
        """Whether provisional poses are drawn before the settled ones come."""
        return self._preview is not None

    def stop(self) -> None:
        """Take no more frames; those under way are finished. Safe to call from a signal handler."""
        self._end.set()

    def run(self, take: Callable[[Result], None], idle: Callable[[], None] | None = None) -> Statistics:
        """Send every frame down the road and give each result to ``take``, in order, in the calling thread.

        Args:
            take: gets the results.
            idle: called in the same thread several times per second while there is no result.

        Raises:
            PoseStrideError: what a room could not do; the results before it were taken.
        """
        started = time.perf_counter()
        statistics = self.statistics
        # What waits in a queue is late: a live source has room for one frame between two stages.
        waiting = 1 if self._live else _QUEUE_FRAMES
        pictures_may_drop = _is_provisional if self._preview is not None else None
        threading.Thread(target=self._close_when_stopped, name="stop", daemon=True).start()
        with Stages(idle=idle) as stages, self._finishing():
            frames = stages.threaded("source", self._frames(), waiting, everything if self._live else None)
            found = stages.threaded("detect", self._detect(frames), waiting)
            lifted = stages.threaded("lift", self._lift(found), 1 if self._live else _BATCH_FRAMES, pictures_may_drop)
            drawn = stages.threaded("draw", self._draw(lifted), waiting, pictures_may_drop)
            for captured_s, result in drawn:
                with statistics.meter.time("write"):
                    take(result)
                statistics.count(result)
                statistics.dropped = frames.dropped
                statistics.not_drawn = lifted.dropped + drawn.dropped
                statistics.wall_s = time.perf_counter() - started
                if self._preview is None or result.picture is not None:
                    statistics.meter.add("latency", time.perf_counter() - captured_s)
                if self._preview is not None and result.settled:
                    statistics.meter.add("settled", time.perf_counter() - captured_s)
        return statistics

    @contextmanager
    def _finishing(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._finished = True
            self._end.set()

    def _close_when_stopped(self) -> None:
        """A source that delivers nothing would notice ``stop`` late; closing it ends its wait."""
        self._end.wait()
        if not self._finished:
            self.source.close()

    def _frames(self) -> Iterator[_Timed]:
        for frame in self.statistics.meter.timed("decode", self.source):
            # live sources know how old a frame is when it arrives
            yield time.perf_counter() - getattr(self.source, "age_s", 0.0), frame
            if self._end.is_set():
                return

    def _detect(self, frames: Iterable[_Timed]) -> Iterator[tuple[float, Frame, list[Pose2D]]]:
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

    def _lift(self, found: Iterable[tuple[float, Frame, list[Pose2D]]]) -> Iterator[_Lifted]:
        people = People(self._new_buffer, self.options.repair_swaps)
        yield from (self._lift_live if self._preview is not None else self._lift_settled)(people, found)

    def _lift_settled(self, people: People, found: Iterable[tuple[float, Frame, list[Pose2D]]]) -> Iterator[_Lifted]:
        """Settled poses only: each frame waits, with its picture, until its look-ahead has passed."""
        settling = _Settling(self)
        batch: list[list[Due]] = []
        limit = 1 if self._live else getattr(self.lifter, "batch_frames", _BATCH_FRAMES)
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in found:
                settling.push(captured_s, frame)
                batch += people.push(frame, poses)
                if len(batch) >= limit:
                    yield from settling.results(batch, self._lifted(batch))
                    batch = []
        except Exception as error:  # frames that were read before the failure still get their rows
            failure = error
        batch += people.finish()
        yield from settling.results(batch, self._lifted(batch))
        yield from settling.finish()
        if failure is not None:
            raise failure

    def _lift_live(self, people: People, found: Iterable[tuple[float, Frame, list[Pose2D]]]) -> Iterator[_Lifted]:
        """Provisional poses with their pictures at once, settled ones without a picture when they are due."""
        settling = _Settling(self)
        shown = _Shown(self)
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in found:
                settling.push(captured_s, Frame(frame.index, frame.time_s, NO_IMAGE))
                batch = people.push(frame, poses)
                previews = people.preview(shown.lookahead)
                settled, provisional = self._both(batch, previews)
                yield from shown.results(captured_s, frame, previews, provisional)
                yield from settling.results(batch, settled)
        except Exception as error:
            failure = error
        batch = people.finish()
        yield from settling.results(batch, self._lifted(batch))
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

    def _draw(self, lifted: Iterable[_Lifted]) -> Iterator[_Lifted]:
        composer, statistics = self.composer, self.statistics
        done_s: deque[float] = deque(maxlen=_RATE_FRAMES)
        for captured_s, result in lifted:
            if composer is None or result.frame.image.size == 0:
                yield captured_s, result
                continue
            done_s.append(time.perf_counter())
            fps = (len(done_s) - 1) / (done_s[-1] - done_s[0]) if len(done_s) == _RATE_FRAMES else None
            poses3d = result.poses3d if result.smoothed is None else result.smoothed
            with statistics.meter.time("draw"):
                picture = composer.compose(
                    result.frame,
                    result.poses2d,
                    poses3d,
                    fps,
                    self._note(result),
                    latency_ms=statistics.meter.recent_ms("latency") if self._live else None,
                    dropped=statistics.dropped,
                )
            yield captured_s, replace(result, picture=picture)

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
        )


class _Settling:
    """Frames that wait for their settled poses, and then for their smoothed ones."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._waiting: deque[_Timed] = deque()  # frames whose look-ahead has not passed
        # What is drawn can't wait for later frames; what only goes into files can.
        drawn_live = pipeline.source.info.live and not pipeline.has_preview
        self._smoothing = create_smoothing(pipeline.options.smooth, drawn_live)
        self._unsmoothed: deque[_Lifted] = deque()

    def push(self, captured_s: float, frame: Frame) -> None:
        """A new frame."""
        self._waiting.append((captured_s, frame))

    def results(self, batch: list[list[Due]], poses: list[Pose3D]) -> Iterator[_Lifted]:
        """The results of the frames of a batch, or of frames before them that waited for these to be smoothed."""
        by_frame = {(pose.track_id, pose.frame_index): pose for pose in poses}
        for people in batch:
            captured_s, frame = self._waiting.popleft()
            poses3d = [
                by_frame.get((due.pose.track_id, frame.index))
                or Pose3D.missing(frame.index, frame.time_s, due.pose.track_id)
                for due in people
            ]
            result = Result(frame, [due.pose for due in people], poses3d)
            if self._smoothing is None:
                yield captured_s, result
            else:
                self._unsmoothed.append((captured_s, result))
                yield from self._smoothed(self._smoothing.push(poses3d))

    def finish(self) -> Iterator[_Lifted]:
        """The frames that still wait to be smoothed."""
        if self._smoothing is not None:
            yield from self._smoothed(self._smoothing.finish())

    def _smoothed(self, frames: list[list[Pose3D]]) -> Iterator[_Lifted]:
        for poses in frames:
            captured_s, result = self._unsmoothed.popleft()
            yield captured_s, replace(result, smoothed=poses)


class _Shown:
    """The newest frames, until the one that is drawn has its provisional pose."""

    def __init__(self, pipeline: Pipeline) -> None:
        assert pipeline.options.show_lookahead is not None
        self.lookahead = pipeline.options.show_lookahead
        behind = self.lookahead * frame_step(pipeline.source.info.fps)
        self._frames: deque[_Timed] = deque(maxlen=behind + 1)
        self._smoothing = create_smoothing(pipeline.options.smooth, live=True)

    def results(self, captured_s: float, frame: Frame, previews: list[Due], poses: list[Pose3D]) -> Iterator[_Lifted]:
        """The provisional result of the frame that is now drawn, if there are enough frames."""
        self._frames.append((captured_s, frame))
        if len(self._frames) < (self._frames.maxlen or 1):
            return
        captured_s, frame = self._frames[0]
        by_track = {pose.track_id: pose for pose in poses}
        poses2d = [due.pose for due in previews] or [Pose2D.missing(frame.index, frame.time_s)]
        poses3d = [
            by_track.get(pose.track_id) or Pose3D.missing(frame.index, frame.time_s, pose.track_id) for pose in poses2d
        ]
        smoothed = None if self._smoothing is None else self._smoothing.push(poses3d)[0]
        yield captured_s, Result(frame, poses2d, poses3d, smoothed, settled=False)


def _is_provisional(item: _Lifted) -> bool:
    return not item[1].settled
