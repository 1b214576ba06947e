"""The two tiers of poses: settled ones, which wait for the frames after them, and provisional ones, which do not."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from pipeline.run.results import Result
from pipeline.smooth.people import create_smoothing
from pipeline.types import Frame, Pose2D, Pose3D
from pipeline.window.buffer import Due

TimedFrame = tuple[float, Frame]
"""When a frame was captured, on the clock of ``time.perf_counter``, and the frame."""

TimedResult = tuple[float, Result]


class Settling:
    """Frames that wait for their settled poses, and then for their smoothed ones.

    Args:
        smooth: name of a preset of smoothing.
        drawn_live: what is drawn in a live run can't wait for later frames to be smoothed; what only goes into files
            can.
    """

    def __init__(self, smooth: str, drawn_live: bool) -> None:
        self._waiting: deque[TimedFrame] = deque()  # frames whose look-ahead has not passed
        self._smoothing = create_smoothing(smooth, drawn_live)
        self._unsmoothed: deque[TimedResult] = deque()

    def push(self, captured_s: float, frame: Frame) -> None:
        """A new frame."""
        self._waiting.append((captured_s, frame))

    def results(self, batch: list[list[Due]], poses: list[Pose3D]) -> Iterator[TimedResult]:
        """The results of the frames of a batch, or of frames before them that waited for these to be smoothed.

        Args:
            batch: the people of the next frames, in order.
            poses: of their windows; a frame and person without one gets a missing pose.
        """
        by_frame = {(pose.track_id, pose.frame_index): pose for pose in poses}
        for people in batch:
            captured_s, frame = self._waiting.popleft()
            poses2d = [due.pose for due in people]
            poses3d = [by_frame.get((p.track_id, frame.index)) or _missing(frame, p.track_id) for p in poses2d]
            result = Result(frame, poses2d, poses3d)
            if self._smoothing is None:
                yield captured_s, result
            else:
                self._unsmoothed.append((captured_s, result))
                yield from self._smoothed(self._smoothing.push(poses3d))

    def finish(self) -> Iterator[TimedResult]:
        """The frames that still wait to be smoothed."""
        if self._smoothing is not None:
            yield from self._smoothed(self._smoothing.finish())

    def _smoothed(self, frames: list[list[Pose3D]]) -> Iterator[TimedResult]:
        for poses in frames:
            captured_s, result = self._unsmoothed.popleft()
            yield captured_s, replace(result, smoothed=poses)


class Shown:
    """The newest frames, until the one that is drawn has its provisional pose.

    Args:
        lookahead: how many steps the drawn frame is behind the newest.
        step: frames per step, see ``pipeline.window.buffer.frame_step``.
        smooth: name of a preset of smoothing.
    """

    def __init__(self, lookahead: int, step: int, smooth: str) -> None:
        self.lookahead, self._step = lookahead, step
        self._frames: deque[TimedFrame] = deque()
        self._smoothing = create_smoothing(smooth, live=True)

    def push(self, captured_s: float, frame: Frame) -> None:
        """The newest frame."""
        self._frames.append((captured_s, frame))

    def results(self, previews: list[Due], poses: list[Pose3D]) -> Iterator[TimedResult]:
        """The result of the frame that is now drawn, if there are enough frames.

        Args:
            previews: the people of the drawn frame.
            poses: of their windows.
        """
        if len(self._frames) <= self.lookahead * self._step:
            return
        captured_s, frame = self._frames.popleft()
        by_track = {pose.track_id: pose for pose in poses}
        poses2d = [due.pose for due in previews] or [Pose2D.missing(frame.index, frame.time_s)]
        poses3d = [by_track.get(pose.track_id) or _missing(frame, pose.track_id) for pose in poses2d]
        smoothed = None if self._smoothing is None else self._smoothing.push(poses3d)[0]
        yield captured_s, Result(frame, poses2d, poses3d, smoothed, settled=False, for_files=False)

    def rest(self) -> dict[int, Frame]:
        """The frames that were not drawn when the source ended, by their index."""
        return {frame.index: frame for _, frame in self._frames}


def _missing(frame: Frame, track_id: int) -> Pose3D:
    return Pose3D.missing(frame.index, frame.time_s, track_id)
