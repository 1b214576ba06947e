"""What comes out of a run: the results of its frames, and its counts and times."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from pipeline.run.stages import Meter
from pipeline.types import U8, Frame, Pose2D, Pose3D

DELAYS = ("latency", "screen", "settled")
"""What is measured of whole frames; all other names are stages."""

NO_IMAGE: U8 = np.zeros((0, 0, 3), np.uint8)


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of one frame.

    Every frame gives one result for the files. In a live run that draws, it gives another one with the picture, which
    may be dropped when drawing or the screen is too slow.

    Attributes:
        frame: the frame; its image is empty where nobody draws, and no larger than it is drawn otherwise.
        poses2d, poses3d: one per person, by track; a missing person is a missing pose, never a missing row.
        smoothed: ``poses3d`` smoothed, for drawing and for a file of their own; None where smoothing is off.
        picture: uint8 [H, W, 3] composed picture, None where there is none.
        settled: whether the poses had the lifter's whole look-ahead.
        for_files: whether this is the result that goes into files.
    """

    frame: Frame
    poses2d: list[Pose2D]
    poses3d: list[Pose3D]
    smoothed: list[Pose3D] | None = None
    picture: U8 | None = None
    settled: bool = True
    for_files: bool = True


class Film(Protocol):
    """Takes the pictures of a live run, also those that the screen leaves out."""

    @property
    def recording(self) -> bool:
        """Whether a film is being taken now."""

    def film(self, result: Result, wait: bool) -> None:
        """Take the picture of a result, in the thread that draws; ``wait`` for room rather than leave one out."""


@dataclass
class Statistics:
    """Counts and times of a run; read it when the run is over, or while it goes on.

    Attributes:
        meter: times by stage, and three delays that are no stages. ``latency``: from the capture of a frame (of
            recordings: from its decoding) until its picture has been taken, or its rows where there is no picture; in a
            live run without pictures, until it has been detected and the lifter has seen it. ``screen``: from then
            until the picture is on the screen, where a window in another process knows. ``settled``: live, from the
            capture of a frame until its rows have been taken, which wait for the frames after it and to be smoothed.
        frames: with rows.
        pictures: shown or written.
        dropped: frames of a live source that nobody had time for: they have neither rows nor picture.
        not_drawn: pictures of a live run that nobody had time to draw or show.
    """

    meter: Meter = field(default_factory=Meter)
    frames: int = 0
    frames_with_person: int = 0
    pictures: int = 0
    tracks: set[int] = field(default_factory=set)
    dropped: int = 0
    not_drawn: int = 0
    first_time_s: float | None = None
    last_time_s: float | None = None
    wall_s: float = 0.0

    @property
    def fps(self) -> float:
        """Frames per second of wall time, from the first frame asked for to the last one done."""
        return self.frames / self.wall_s if self.wall_s > 0 else 0.0

    def count(self, result: Result) -> None:
        """Take note of a result that was taken."""
        self.pictures += result.picture is not None
        if not result.for_files:
            return
        self.frames += 1
        self.frames_with_person += any(not pose.is_missing for pose in result.poses3d)
        self.tracks.update(pose.track_id for pose in result.poses3d if not pose.is_missing)
        if self.first_time_s is None:
            self.first_time_s = result.frame.time_s
        self.last_time_s = result.frame.time_s
