"""Joins the rooms: the road of a frame from its source to the files and the screen.

    source -> detector -> windows -> lifter -> composer -> sinks

Recordings: every frame, in order, as fast as possible, windows lifted in batches. Live sources: the newest frame wins,
drops are counted, each window is lifted as soon as its look-ahead has passed. Each arrow crosses a thread, so that one
frame is decoded while another is detected and a third is drawn.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from pipeline.detect.base import Detector
from pipeline.lift import Lifter
from pipeline.normalise import NORMALISATION
from pipeline.place import scaled
from pipeline.render.compose import Composer
from pipeline.sources.base import Source
from pipeline.stages import Meter, Stages
from pipeline.types import U8, Frame, Pose2D, Pose3D, Window
from pipeline.window import Due, WindowBuffer, frame_step

_BATCH_FRAMES = 16
_QUEUE_FRAMES = 3
_RATE_FRAMES = 31  # the speed that is shown is that of the last so many frames
_NO_IMAGE: U8 = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Result:
    """All that is known of one frame when it leaves the pipeline.

    Attributes:
        frame: the frame; its image is empty where nobody draws, and no larger than it is drawn otherwise.
        poses2d, poses3d: one per person, by track; a missing person is a missing pose, never a missing row.
        picture: uint8 [H, W, 3] composed picture, None where nobody asked for one.
    """

    frame: Frame
    poses2d: list[Pose2D]
    poses3d: list[Pose3D]
    picture: U8 | None = None


@dataclass
class Statistics:
    """Counts and times of a run; read it when the run is over, or while it goes on."""

    meter: Meter = field(default_factory=Meter)
    frames: int = 0
    frames_with_person: int = 0
    tracks: set[int] = field(default_factory=set)
    dropped: int = 0
    first_time_s: float | None = None
    last_time_s: float | None = None
    wall_s: float = 0.0

    @property
    def fps(self) -> float:
        """Frames per second of wall time, from the first frame asked for to the last one done."""
        return self.frames / self.wall_s if self.wall_s > 0 else 0.0


class Pipeline:
    """One run over one source.

    Args:
        source: the frames.
        detector, lifter: the models.
        composer: draws each frame; None to draw nothing.
        scale: factor on all 3D coordinates (a person's height over the model's).
        focal_px: focal length of the camera; assumed if None.
        normalisation: what the lifter's windows must be prepared with, see ``WindowBuffer``.
    """

    def __init__(
        self,
        source: Source,
        detector: Detector,
        lifter: Lifter,
        composer: Composer | None = None,
        scale: float = 1.0,
        focal_px: float | None = None,
        normalisation: str = NORMALISATION,
    ) -> None:
        self.source, self.detector, self.lifter, self.composer = source, detector, lifter, composer
        self.scale, self.focal_px, self.normalisation = scale, focal_px, normalisation
        self.statistics = Statistics()
        self._live = source.info.live
        self._end = threading.Event()
        self._finished = False

    def stop(self) -> None:
        """Take no more frames; those under way are finished. Safe to call from a signal handler."""
        self._end.set()

    def run(self, take: Callable[[Result], None]) -> Statistics:
        """Send every frame down the road and give each result to ``take``, in order, in the calling thread.

        Raises:
            PoseStrideError: what a room could not do; the results before it were taken.
        """
        started = time.perf_counter()
        meter, statistics = self.statistics.meter, self.statistics
        # What waits in a queue is late: a live source has room for one frame between two stages.
        waiting = 1 if self._live else _QUEUE_FRAMES
        threading.Thread(target=self._close_when_stopped, name="stop", daemon=True).start()
        with Stages() as stages, self._finishing():
            frames = stages.threaded("source", self._frames(), waiting, newest_wins=self._live)
            found = stages.threaded("detect", self._detect(frames), waiting)
            lifted = stages.threaded("lift", self._lift(found), 1 if self._live else _BATCH_FRAMES)
            drawn = stages.threaded("draw", self._draw(lifted), waiting)
            for arrived_s, result in drawn:
                with meter.time("write"):
                    take(result)
                statistics.frames += 1
                statistics.frames_with_person += any(not pose.is_missing for pose in result.poses3d)
                statistics.tracks.update(pose.track_id for pose in result.poses3d if not pose.is_missing)
                if statistics.first_time_s is None:
                    statistics.first_time_s = result.frame.time_s
                statistics.last_time_s = result.frame.time_s
                statistics.dropped = frames.dropped
                statistics.wall_s = time.perf_counter() - started
                meter.add("latency", time.perf_counter() - arrived_s)
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

    def _frames(self) -> Iterator[tuple[float, Frame]]:
        for frame in self.statistics.meter.timed("decode", self.source):
            # live sources know how old a frame is when it arrives
            yield time.perf_counter() - getattr(self.source, "age_s", 0.0), frame
            if self._end.is_set():
                return

    def _detect(self, frames: Iterable[tuple[float, Frame]]) -> Iterator[tuple[float, Frame, list[Pose2D]]]:
        for arrived_s, frame in frames:
            with self.statistics.meter.time("detect"):
                poses = self.detector(frame)
            yield arrived_s, self._to_keep(frame), poses

    def _to_keep(self, frame: Frame) -> Frame:
        """What is needed of a frame from here on; many wait for their look-ahead, so the picture is kept small."""
        if self.composer is None:
            return Frame(frame.index, frame.time_s, _NO_IMAGE)
        return self.composer.shrink(frame)

    def _lift(self, found: Iterable[tuple[float, Frame, list[Pose2D]]]) -> Iterator[tuple[float, Result]]:
        tracks = _Tracks(self._new_buffer)
        waiting: deque[tuple[float, Frame]] = deque()  # frames whose look-ahead has not passed
        batch: list[list[Due]] = []
        limit = 1 if self._live else _BATCH_FRAMES
        failure: Exception | None = None
        try:
            for arrived_s, frame, poses in found:
                waiting.append((arrived_s, frame))
                batch += tracks.push(frame, poses)
                if len(batch) >= limit:
                    yield from self._results(waiting, batch)
                    batch = []
        except Exception as error:  # frames that were read before the failure still get their rows
            failure = error
        yield from self._results(waiting, batch + tracks.finish())
        if failure is not None:
            raise failure

    def _results(self, waiting: deque[tuple[float, Frame]], batch: list[list[Due]]) -> Iterator[tuple[float, Result]]:
        windows = [due.window for people in batch for due in people if due.window is not None]
        if batch:
            with self.statistics.meter.time("lift", items=len(batch)):
                poses = self._by_frame(windows)
        for people in batch:
            arrived_s, frame = waiting.popleft()
            poses3d = [
                poses.get((due.pose.track_id, frame.index))
                or Pose3D.missing(frame.index, frame.time_s, due.pose.track_id)
                for due in people
            ]
            yield arrived_s, Result(frame, [due.pose for due in people], poses3d)

    def _by_frame(self, windows: list[Window]) -> dict[tuple[int, int], Pose3D]:
        lifted = self.lifter(windows) if windows else []
        return {(pose.track_id, pose.frame_index): scaled(pose, self.scale) for pose in lifted}

    def _draw(self, lifted: Iterable[tuple[float, Result]]) -> Iterator[tuple[float, Result]]:
        if self.composer is None:
            yield from lifted
            return
        done_s: deque[float] = deque(maxlen=_RATE_FRAMES)
        for arrived_s, result in lifted:
            done_s.append(time.perf_counter())
            fps = (len(done_s) - 1) / (done_s[-1] - done_s[0]) if len(done_s) == _RATE_FRAMES else None
            with self.statistics.meter.time("draw"):
                picture = self.composer.compose(result.frame, result.poses2d, result.poses3d, fps)
            yield arrived_s, Result(result.frame, result.poses2d, result.poses3d, picture)

    def _new_buffer(self, track_id: int) -> WindowBuffer:
        info = self.source.info
        return WindowBuffer(
            track_id,
            self.lifter.window,
            self.lifter.lookahead,
            (info.width_px, info.height_px),
            self.focal_px,
            frame_step(info.fps),
            self.normalisation,
        )


class _Tracks:
    """The windows of all people, frame by frame. Person 0 has a row in every frame, others from their first one."""

    def __init__(self, new_buffer: Callable[[int], WindowBuffer]) -> None:
        self._new_buffer = new_buffer
        self._buffers = {0: new_buffer(0)}

    def push(self, frame: Frame, poses: list[Pose2D]) -> list[list[Due]]:
        """Take one frame; returns the people of each frame that is now due."""
        found = {pose.track_id: pose for pose in poses}
        for track_id in found.keys() - self._buffers.keys():
            self._buffers[track_id] = self._new_buffer(track_id)
        return self._together(
            buffer.push(found.get(track_id) or Pose2D.missing(frame.index, frame.time_s, track_id))
            for track_id, buffer in self._buffers.items()
        )

    def finish(self) -> list[list[Due]]:
        """The people of all remaining frames."""
        return self._together(buffer.finish() for buffer in self._buffers.values())

    @staticmethod
    def _together(parts: Iterable[list[Due]]) -> list[list[Due]]:
        frames: dict[int, list[Due]] = {}
        for part in parts:
            for due in part:
                frames.setdefault(due.pose.frame_index, []).append(due)
        return [frames[index] for index in sorted(frames)]
