"""The three detectors on real pictures (tests/data, frames of the Sports2D clip at half size)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.detect.create import DETECTORS, create_detector
from pipeline.detect.single_person import SinglePerson
from pipeline.runtime import parse_device
from pipeline.skeletons import COCO_17
from pipeline.types import Frame, Origin, Pose2D

NAMES = list(DETECTORS)
Fresh = Callable[[str], SinglePerson]
Picture = Callable[[str], U8]

# Where the joints are: what BlazePose and both MoveNets agree on within 4 px of a body of 170 px (frame 0) and
# 6 px of a crouching one (frame 210). The tolerance is twice the largest disagreement.
STANDING = {
    "nose": (326, 54),
    "l_shoulder": (346, 78),
    "r_shoulder": (308, 78),
    "l_elbow": (352, 108),
    "r_elbow": (304, 107),
    "l_wrist": (352, 133),
    "r_wrist": (299, 135),
    "l_hip": (338, 141),
    "r_hip": (314, 141),
    "l_knee": (339, 178),
    "r_knee": (310, 177),
    "l_ankle": (338, 219),
    "r_ankle": (314, 217),
}
LUNGING = {"nose": (697, 334), "l_knee": (657, 386), "r_knee": (602, 393), "l_ankle": (646, 431), "r_ankle": (565, 420)}


def _run(detector: SinglePerson, images: list[U8], start: int = 0) -> list[list[Pose2D]]:
    return [detector(Frame(start + n, (start + n) / 30, image)) for n, image in enumerate(images)]


def _near(pose: Pose2D, joints: dict[str, tuple[int, int]], tolerance_px: float) -> None:
    for joint, expected in joints.items():
        index = COCO_17.index(joint)
        assert pose.origin[index] == Origin.MEASURED, joint
        away_px = float(np.linalg.norm(pose.xy_px[index] - expected))
        assert away_px < tolerance_px, f"{joint}: {pose.xy_px[index]} is {away_px:.1f} px from {expected}"


def _empty_scene(picture: Picture) -> U8:
    """Houses, a bush and a wall, nobody."""
    return np.ascontiguousarray(picture("sports2d_060.jpg")[230:, :300])


@pytest.mark.parametrize("name", NAMES)
def test_joints_are_right_from_the_first_frame_on(name: str, fresh: Fresh, picture: Picture) -> None:
    for file, joints, tolerance_px in (("sports2d_000.jpg", STANDING, 8), ("sports2d_210.jpg", LUNGING, 10)):
        for poses in _run(fresh(name), [picture(file)] * 2):
            assert len(poses) == 1
            _near(poses[0], joints, tolerance_px)
            x0, y0, x1, y1 = poses[0].bbox_px
            for x, y in joints.values():
                assert x0 < x < x1 and y0 < y < y1


@pytest.mark.parametrize("name", NAMES)
def test_nobody_in_the_picture_gives_nobody(name: str, fresh: Fresh, picture: Picture) -> None:
    rng = np.random.default_rng(3)
    scenes = [
        _empty_scene(picture),
        np.zeros((480, 640, 3), np.uint8),
        np.full((720, 405, 3), 128, np.uint8),
        rng.integers(0, 256, (360, 640, 3), dtype=np.uint8),
        np.zeros((8, 8, 3), np.uint8),
        np.full((1, 1, 3), 255, np.uint8),
        np.full((3, 900, 3), 60, np.uint8),
        np.zeros((0, 5, 3), np.uint8),
    ]
    detector = fresh(name)
    for scene in scenes:
        assert _run(detector, [scene] * 3) == [[], [], []], scene.shape


@pytest.mark.parametrize("name", NAMES)
def test_a_person_leaves_and_returns(name: str, fresh: Fresh, picture: Picture) -> None:
    person, empty = picture("sports2d_000.jpg"), np.full((497, 884, 3), 110, np.uint8)
    found = _run(fresh(name), [empty] * 2 + [person] * 2 + [empty] * 12 + [person] * 2)
    assert [len(poses) for poses in found] == [0] * 2 + [1] * 2 + [0] * 12 + [1] * 2
    _near(found[-1][0], STANDING, 8)


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_to_a_person_elsewhere_loses_no_frame(name: str, fresh: Fresh, picture: Picture) -> None:
    standing = picture("sports2d_000.jpg")
    # The other scene: the picture of the lunging man as seen by a camera closer to him, mirrored.
    other = np.ascontiguousarray(picture("sports2d_210.jpg")[250:, 400:][:, ::-1])
    other = np.ascontiguousarray(np.pad(other, ((0, 250), (0, 400), (0, 0))))
    found = _run(fresh(name), [standing, standing, other, other, standing])
    assert [len(poses) for poses in found] == [1] * 5
    nose = COCO_17.index("nose")
    assert np.linalg.norm(found[3][0].xy_px[nose] - (883 - 697, 334 - 250)) < 10
    _near(found[4][0], STANDING, 8)


def test_a_bystander_does_not_take_over_when_the_person_is_covered_for_a_moment(fresh: Fresh, picture: Picture) -> None:
    both = picture("sports2d_060.jpg")
    man_only, woman_only = both.copy(), both.copy()
    man_only[250:, 600:] = 90
    woman_only[:240, 200:500] = 90
    detector = fresh("default")
    found = _run(detector, [man_only, both, woman_only, woman_only, both])
    assert [len(poses) for poses in found] == [1, 1, 0, 0, 1]
    assert all(poses[0].xy_px[COCO_17.index("nose"), 0] < 450 for poses in found if poses)


def test_after_the_patience_has_passed_somebody_else_is_followed(fresh: Fresh, picture: Picture) -> None:
    both = picture("sports2d_060.jpg")
    man_only, woman_only = both.copy(), both.copy()
    man_only[250:, 600:] = 90
    woman_only[:240, 200:500] = 90
    found = _run(fresh("default"), [man_only] * 2 + [woman_only] * 20)
    assert found[-1] and found[-1][0].xy_px[COCO_17.index("nose"), 0] > 600


def test_portrait_and_grey_pictures(fresh: Fresh, picture: Picture) -> None:
    portrait = np.ascontiguousarray(picture("sports2d_000.jpg")[:, 200:460])
    grey = np.repeat(portrait.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)
    shifted = {joint: (x - 200, y) for joint, (x, y) in STANDING.items()}
    for image in (portrait, grey):
        ((pose,),) = _run(fresh("default"), [image])
        _near(pose, shifted, 8)


def test_somebody_cut_at_the_waist_is_found_and_the_legs_are_missing(fresh: Fresh, picture: Picture) -> None:
    desk = np.ascontiguousarray(picture("sports2d_000.jpg")[:130, 150:500])
    for name in NAMES:
        found = _run(fresh(name), [desk] * 3)
        assert [len(poses) for poses in found] == [1, 1, 1], name
        pose = found[-1][0]
        _near(pose, {j: (x - 150, y) for j, (x, y) in STANDING.items() if j in ("nose", "l_shoulder", "r_shoulder")}, 8)
        ankles = [COCO_17.index("l_ankle"), COCO_17.index("r_ankle")]
        assert (pose.origin[ankles] == Origin.MISSING).all(), (name, pose.score[ankles])


def test_created_by_name_it_gives_the_same(fresh: Fresh, picture: Picture) -> None:
    detector = create_detector("fast", device=parse_device("cpu"), threads=1)
    (pose,) = detector(Frame(3, 0.1, picture("sports2d_000.jpg")))
    ((expected,),) = _run(fresh("fast"), [picture("sports2d_000.jpg")])
    np.testing.assert_allclose(pose.xy_px, expected.xy_px)
    assert (pose.frame_index, pose.time_s) == (3, 0.1)
    detector.close()
