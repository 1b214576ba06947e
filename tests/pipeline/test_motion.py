"""The motion of a clip as arrays, and back to rows."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from pipeline.motion import Motion, Track, empty_keypoints
from pipeline.skeletons import H36M_17
from pipeline.types import Origin, Person, Pose2D, Pose3D, Rows
from tests.helpers.stand_ins import pose2d


def person(index: int, track_id: int, smoothed: bool) -> Person:
    """Numbers tell frame and person; person 0 is away in frames 5 and 6."""
    time_s = index / 30
    if track_id == 0 and index in (5, 6):
        away = Pose3D.missing(index, time_s, track_id)
        return Person(Pose2D.missing(index, time_s, track_id), away, away if smoothed else None)
    xyz_m = np.full((17, 3), index + 100 * track_id, np.float32)
    pose = Pose3D(track_id, index, time_s, xyz_m, np.full(17, 0.5, np.float32), np.zeros(17, np.uint8), index < 18)
    xy_px = np.column_stack([np.arange(17), np.full(17, index + 100 * track_id)])
    calm = replace(pose, xyz_m=xyz_m + 0.5) if smoothed else None
    return Person(pose2d(index, time_s, xy_px, track_id=track_id), pose, calm)


def rows(smoothed: bool = True) -> list[Rows]:
    """Twenty frames; person 3 comes in the tenth."""
    return [Rows(n, n / 30, tuple(person(n, i, smoothed) for i in ((0,) if n < 10 else (0, 3)))) for n in range(20)]


def test_each_person_is_a_track() -> None:
    motion = Motion.of(rows())
    assert list(motion.people) == [0, 3] and len(motion) == 2
    one, other = motion[0], motion[3]
    assert (one.track_id, len(one), other.track_id, len(other)) == (0, 20, 3, 10)
    assert one.frame_index.tolist() == list(range(20)) and other.frame_index.tolist() == list(range(10, 20))
    assert (other.time_s == other.frame_index / 30).all()
    assert one.settled.tolist() == [n < 18 for n in range(20)]
    assert (other.xyz_m == (other.frame_index + 300)[:, None, None]).all()
    assert (other.smoothed_m == other.xyz_m + 0.5).all()
    assert other.xy_px[4, 7].tolist() == [7, 314] and (other.score_2d == np.float32(0.9)).all()
    assert np.isnan(one.xyz_m[5:7]).all() and (one.origin[5:7] == Origin.MISSING).all() and not one.score_2d[5:7].any()
    with pytest.raises(KeyError):
        motion[1]


def test_shapes_dtypes_and_read_only_arrays() -> None:
    track = Motion.of(rows())[0]
    for field in fields(Track):
        array = getattr(track, field.name)
        if field.name != "track_id":
            assert len(array) == 20 and not array.flags.writeable, field.name
    assert track.xyz_m.shape == track.smoothed_m.shape == (20, 17, 3) and track.xy_px.shape == (20, 17, 2)
    dtypes = {track.frame_index.dtype, track.time_s.dtype, track.xyz_m.dtype, track.origin.dtype, track.settled.dtype}
    assert [str(dtype) for dtype in sorted(dtypes, key=str)] == ["bool", "float32", "float64", "int64", "uint8"]
    assert track.xyz_m.shape[1] == len(H36M_17.joints) == len(H36M_17)


@pytest.mark.parametrize("smoothed", [True, False])
def test_to_rows_and_back(smoothed: bool) -> None:
    before = rows(smoothed)
    motion = Motion.of(before)
    after = list(motion.rows())
    assert [(row.frame_index, row.time_s) for row in after] == [(row.frame_index, row.time_s) for row in before]
    for one, other in zip(before, after, strict=True):
        assert [person.track_id for person in one.people] == [person.track_id for person in other.people]
        for a, b in zip(one.people, other.people, strict=True):
            assert (b.smoothed is None) == (not smoothed)
            for x, y in ((a.pose2d, b.pose2d), (a.pose3d, b.pose3d), (a.smoothed, b.smoothed)):
                assert (x is None) == (y is None)
                if x is not None and y is not None:
                    for field in fields(x):
                        np.testing.assert_array_equal(getattr(x, field.name), getattr(y, field.name), field.name)
    again = Motion.of(after)
    for track_id, track in motion.people.items():
        for field in fields(Track):
            np.testing.assert_array_equal(getattr(track, field.name), getattr(again[track_id], field.name))


def test_where_nothing_is_smoothed_both_are_the_same() -> None:
    track = Motion.of(rows(smoothed=False))[0]
    assert track.smoothed_m is track.xyz_m


def test_the_motion_of_nothing() -> None:
    assert len(Motion.of([])) == 0 and list(Motion.of([]).rows()) == []
    assert len(Motion.of([Rows(0, 0.0, ())])) == 0


def test_keypoints_that_are_not_known() -> None:
    xy_px, score, origin = empty_keypoints(3)
    assert xy_px.shape == (3, 17, 2) and np.isnan(xy_px).all()
    assert not score.any() and (origin == Origin.MISSING).all()
