"""What passes between rooms: read-only arrays, equal by identity, checked shapes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from pipeline.types import Drawn, Frame, Origin, Person, Pose2D, Pose3D, Rows, Shown, Tier, Window


def frame() -> Frame:
    return Frame(4, 0.1, np.zeros((6, 8, 3), np.uint8))


def pose2d(index: int = 4, track_id: int = 0) -> Pose2D:
    xy_px = np.ones((17, 2), np.float32)
    score, origin = np.ones(17, np.float32), np.zeros(17, np.uint8)
    return Pose2D(index, 0.1, track_id, xy_px, score, np.zeros(4, np.float32), origin)


def pose3d(index: int = 4, track_id: int = 0) -> Pose3D:
    ones, origin = np.ones(17, np.float32), np.zeros(17, np.uint8)
    return Pose3D(track_id, index, 0.1, np.ones((17, 3), np.float32), ones, origin, True)


def window() -> Window:
    return Window(
        track_id=0,
        target_index=4,
        target_time_s=0.1,
        time_s=np.zeros(9),
        keypoints=np.zeros((9, 17, 3), np.float32),
        rotation=np.eye(3, dtype=np.float32),
        score=np.ones(17, np.float32),
        origin=np.zeros(17, np.uint8),
    )


def shown() -> Shown:
    return Shown(frame(), (Person(pose2d(), pose3d()),), Tier.PREVIEW)


MAKERS: list[Callable[[], object]] = [
    frame,
    pose2d,
    pose3d,
    window,
    lambda: Person(pose2d(), pose3d()),
    lambda: Rows(4, 0.1, ()),
    shown,
    lambda: Drawn(shown(), np.zeros((6, 8, 3), np.uint8)),
]


@pytest.mark.parametrize("make", MAKERS)
def test_values_are_frozen_equal_by_identity_and_hashable(make: Callable[[], object]) -> None:
    one, other = make(), make()
    assert one == one and one != other
    assert len({one, other, one}) == 2
    name = dataclasses.fields(one)[0].name  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(one, name, None)
    with pytest.raises((AttributeError, TypeError)):
        one.something_else = 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "make", [frame, pose2d, pose3d, window, lambda: Pose2D.missing(1, 0.1), lambda: Pose3D.missing(1, 0.1)]
)
def test_arrays_are_read_only(make: Callable[[], object]) -> None:
    value = make()
    arrays = {
        field.name: array
        for field in dataclasses.fields(value)  # type: ignore[arg-type]
        if isinstance(array := getattr(value, field.name), np.ndarray)
    }
    assert arrays
    for name, array in arrays.items():
        assert not array.flags.writeable, name
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


@pytest.mark.parametrize(
    ("make", "name", "wrong", "words"),
    [
        (frame, "image", np.zeros((6, 8), np.uint8), r"Frame.image: expected shape \['any', 'any', 3\] of uint8"),
        (frame, "image", np.zeros((6, 8, 3), np.float32), r"found \[6, 8, 3\] of float32"),
        (pose2d, "xy_px", np.zeros((16, 2), np.float32), r"Pose2D.xy_px: expected shape \[17, 2\]"),
        (pose2d, "origin", np.zeros(17, np.int64), r"Pose2D.origin: .* of uint8"),
        (pose3d, "xyz_m", np.zeros((17, 3)), r"Pose3D.xyz_m: .* found \[17, 3\] of float64"),
        (window, "keypoints", np.zeros((8, 17, 3), np.float32), r"Window.keypoints: expected shape \[9, 17, 3\]"),
    ],
)
def test_a_wrong_shape_or_dtype_is_named(make: Callable[[], object], name: str, wrong: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        dataclasses.replace(make(), **{name: wrong})  # type: ignore[type-var]


def test_a_missing_pose_has_no_values() -> None:
    flat, solid = Pose2D.missing(7, 0.2, 3), Pose3D.missing(7, 0.2, 3)
    assert (flat.frame_index, flat.time_s, flat.track_id) == (solid.frame_index, solid.time_s, solid.track_id)
    assert flat.is_missing and solid.is_missing and solid.settled
    assert np.isnan(flat.xy_px).all() and np.isnan(flat.bbox_px).all() and np.isnan(solid.xyz_m).all()
    assert not flat.score.any() and (solid.origin == Origin.MISSING).all()
    assert not pose2d().is_missing and not pose3d().is_missing


def test_the_best_pose_of_a_person_is_the_smoothed_one() -> None:
    raw, calm = pose3d(), pose3d()
    assert Person(pose2d(), raw).best3d is raw
    assert Person(pose2d(), raw, calm).best3d is calm
    assert Person(pose2d(4, 3), pose3d(4, 3)).track_id == 3


@pytest.mark.parametrize("wrong", [pose3d(5), pose3d(4, 1)])
@pytest.mark.parametrize("smoothed", [False, True])
def test_poses_of_different_people_or_frames_are_no_person(wrong: Pose3D, smoothed: bool) -> None:
    with pytest.raises(ValueError, match="Person: 2D pose of person 0 in frame 4, 3D pose of person"):
        Person(pose2d(), pose3d() if smoothed else wrong, wrong if smoothed else None)


def test_origins_have_labels() -> None:
    assert [origin.label for origin in Origin] == ["measured", "interpolated", "held", "swap-repaired", "missing"]
