"""Frames that wait: for the frames after them, for their smoothed poses, or for their previews."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from pipeline.smooth.people import create_smoothing
from pipeline.types import Frame, Person, Pose2D, Pose3D
from pipeline.window.buffer import ReadyFrame


class TimedFrame(NamedTuple):
    """A frame, and when it was captured on the clock of ``time.perf_counter``."""

    captured_s: float
    frame: Frame


class Finished(NamedTuple):
    """A frame whose people are known."""

    captured_s: float
    frame: Frame
    people: tuple[Person, ...]


class AwaitingLookahead:
    """Frames that wait for their settled poses, and then for their smoothed ones.

    Args:
        smooth: name of a smoothing preset.
        live: whether the poses are drawn live, so that smoothing can't wait for later frames.
    """

    def __init__(self, smooth: str, live: bool) -> None:
        self._waiting: deque[TimedFrame] = deque()  # frames whose look-ahead has not passed
        self._smoothing = create_smoothing(smooth, live)
        self._unsmoothed: deque[Finished] = deque()

    def push(self, captured_s: float, frame: Frame) -> None:
        """Add a frame."""
        self._waiting.append(TimedFrame(captured_s, frame))

    def finished(self, batch: list[list[ReadyFrame]], poses: list[Pose3D]) -> Iterator[Finished]:
        """The frames of a batch, or frames before them that waited for these to be smoothed.

        Args:
            batch: the people of the next frames, in order.
            poses: the poses of their windows; a person without one gets a missing pose.
        """
        by_frame = {(pose.track_id, pose.frame_index): pose for pose in poses}
        for ready in batch:
            captured_s, frame = self._waiting.popleft()
            people = tuple(
                Person(one.pose, by_frame.get((one.pose.track_id, frame.index)) or _missing(frame, one.pose.track_id))
                for one in ready
            )
            finished = Finished(captured_s, frame, people)
            if self._smoothing is None:
                yield finished
            else:
                self._unsmoothed.append(finished)
                yield from self._smoothed(self._smoothing.push([person.pose3d for person in people]))

    def rest(self) -> Iterator[Finished]:
        """The source has ended: the frames that still wait to be smoothed."""
        if self._smoothing is not None:
            yield from self._smoothed(self._smoothing.finish())

    def _smoothed(self, frames: list[list[Pose3D]]) -> Iterator[Finished]:
        for poses in frames:
            finished = self._unsmoothed.popleft()
            people = (replace(person, smoothed=pose) for person, pose in zip(finished.people, poses, strict=True))
            yield finished._replace(people=tuple(people))


class AwaitingPreview:
    """The newest frames, until the frame to draw has its preview.

    Args:
        lookahead: how many steps the drawn frame is behind the newest.
        step: frames per step, see ``pipeline.window.buffer.frame_step``.
        smooth: name of a smoothing preset.
    """

    def __init__(self, lookahead: int, step: int, smooth: str) -> None:
        self.lookahead, self._step = lookahead, step
        self._frames: deque[TimedFrame] = deque()
        self._smoothing = create_smoothing(smooth, live=True)

    def push(self, captured_s: float, frame: Frame) -> None:
        """Add the newest frame."""
        self._frames.append(TimedFrame(captured_s, frame))

    def finished(self, ready: list[ReadyFrame], poses: list[Pose3D]) -> Iterator[Finished]:
        """The frame to draw now, if there are enough frames.

        Args:
            ready: the people of the drawn frame.
            poses: the poses of their windows.
        """
        if len(self._frames) <= self.lookahead * self._step:
            return
        captured_s, frame = self._frames.popleft()
        by_track = {pose.track_id: pose for pose in poses}
        poses2d = [one.pose for one in ready] or [Pose2D.missing(frame.index, frame.time_s)]
        poses3d = [by_track.get(pose.track_id) or _missing(frame, pose.track_id) for pose in poses2d]
        smoothed: list[Pose3D] | list[None] = [None] * len(poses3d)
        if self._smoothing is not None:
            smoothed = self._smoothing.push(poses3d)[0]
        yield Finished(captured_s, frame, tuple(map(Person, poses2d, poses3d, smoothed)))

    def rest(self) -> dict[int, Frame]:
        """Index -> frame, for the frames that were not drawn when the source ended."""
        return {frame.index: frame for _, frame in self._frames}


def _missing(frame: Frame, track_id: int) -> Pose3D:
    return Pose3D.missing(frame.index, frame.time_s, track_id)
