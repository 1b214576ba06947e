"""The motion of a clip as arrays, person by person. The Python interface and the reader of results return it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import numpy as np

from pipeline.arrays import F32, F64, I64, U8, Bools, read_only
from pipeline.skeletons import COCO_17
from pipeline.types import Origin, Person, Pose2D, Pose3D, Rows


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Track:
    """One person over N frames: from the first in which the person is known, also those without a sight of them.

    Attributes:
        track_id: stable number of the person, from 0.
        frame_index: int64 [N].
        time_s: float64 [N], seconds; strictly increasing.
        xyz_m: float32 [N, 17, 3], Human3.6M-17 joints: metres relative to the pelvis, camera axes (x right, y down, z
            away); NaN where missing.
        smoothed_m: ``xyz_m`` after smoothing; the same array where smoothing is off.
        score: float32 [N, 17] in 0..1.
        origin: uint8 [N, 17], values of ``pipeline.types.Origin``.
        settled: bool [N], see ``pipeline.types.Pose3D``.
        xy_px: float32 [N, 17, 2], COCO-17 keypoints, pixels of the upright picture; NaN where missing.
        score_2d, origin_2d: like ``score`` and ``origin``, for the keypoints.
    """

    track_id: int
    frame_index: I64
    time_s: F64
    xyz_m: F32
    smoothed_m: F32
    score: F32
    origin: U8
    settled: Bools
    xy_px: F32
    score_2d: F32
    origin_2d: U8

    def __post_init__(self) -> None:
        read_only(*(getattr(self, field.name) for field in fields(self) if field.name != "track_id"))

    def __len__(self) -> int:
        return len(self.frame_index)

    def __repr__(self) -> str:
        span = f", {self.time_s[0]:.2f} to {self.time_s[-1]:.2f} s" if len(self) else ""
        return f"Track(person {self.track_id}, {len(self)} frames{span})"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Motion:
    """The motion of all people of a clip.

    Attributes:
        people: ``track_id`` -> the person's track.
    """

    people: dict[int, Track]

    @staticmethod
    def of(rows: Iterable[Rows]) -> Motion:
        """The motion, from the rows of a run."""
        by_track: dict[int, list[Person]] = {}
        for row in rows:
            for person in row.people:
                by_track.setdefault(person.track_id, []).append(person)
        return Motion({track_id: _track(track_id, people) for track_id, people in sorted(by_track.items())})

    def rows(self) -> Iterator[Rows]:
        """The motion frame by frame, in order."""
        by_frame: dict[int, list[Person]] = {}
        for track in self.people.values():
            for row in range(len(track)):
                by_frame.setdefault(int(track.frame_index[row]), []).append(_person(track, row))
        for index in sorted(by_frame):
            people = by_frame[index]
            yield Rows(index, people[0].pose3d.time_s, tuple(people))

    def __getitem__(self, track_id: int) -> Track:
        """The person with this number; ``KeyError`` if there is none."""
        return self.people[track_id]

    def __len__(self) -> int:
        return len(self.people)

    def __repr__(self) -> str:
        return f"Motion({', '.join(map(repr, self.people.values())) or 'nobody'})"


def _track(track_id: int, people: list[Person]) -> Track:
    poses, poses2d = [person.pose3d for person in people], [person.pose2d for person in people]
    xyz_m = np.stack([pose.xyz_m for pose in poses])
    smoothed = any(person.smoothed is not None for person in people)
    return Track(
        track_id=track_id,
        frame_index=np.array([pose.frame_index for pose in poses], np.int64),
        time_s=np.array([pose.time_s for pose in poses], np.float64),
        xyz_m=xyz_m,
        smoothed_m=np.stack([person.best3d.xyz_m for person in people]) if smoothed else xyz_m,
        score=np.stack([pose.score for pose in poses]),
        origin=np.stack([pose.origin for pose in poses]),
        settled=np.array([pose.settled for pose in poses], np.bool_),
        xy_px=np.stack([pose.xy_px for pose in poses2d]),
        score_2d=np.stack([pose.score for pose in poses2d]),
        origin_2d=np.stack([pose.origin for pose in poses2d]),
    )


def _person(track: Track, row: int) -> Person:
    index, time_s = int(track.frame_index[row]), float(track.time_s[row])
    xy, seen = track.xy_px[row], track.origin_2d[row] != Origin.MISSING
    box = np.concatenate([xy[seen].min(0), xy[seen].max(0)]) if seen.any() else np.full(4, np.nan, np.float32)

    def pose(xyz_m: F32) -> Pose3D:
        settled = bool(track.settled[row])
        return Pose3D(track.track_id, index, time_s, xyz_m, track.score[row], track.origin[row], settled)

    return Person(
        Pose2D(index, time_s, track.track_id, xy, track.score_2d[row], box, track.origin_2d[row]),
        pose(track.xyz_m[row]),
        None if track.smoothed_m is track.xyz_m else pose(track.smoothed_m[row]),
    )


def empty_keypoints(count: int) -> tuple[F32, F32, U8]:
    """Keypoints, scores and origins of a track whose 2D poses are not known."""
    joints = len(COCO_17)
    return (
        np.full((count, joints, 2), np.nan, np.float32),
        np.zeros((count, joints), np.float32),
        np.full((count, joints), Origin.MISSING, np.uint8),
    )
