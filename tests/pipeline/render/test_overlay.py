from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.arrays import F32, U8
from pipeline.render.overlay import draw_pose2d
from pipeline.skeletons import COCO_17
from pipeline.types import Origin, Pose2D
from tests.pipeline.render.bodies import body2d, hue

WIDTH, HEIGHT = 640, 480


def blank(level: int = 90) -> U8:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def middle(pose: Pose2D, a: str, b: str) -> F32:
    return (pose.xy_px[COCO_17.index(a)] + pose.xy_px[COCO_17.index(b)]) / 2


@pytest.mark.parametrize("level", [0, 90, 255])
def test_left_is_orange_and_right_is_blue(level: int) -> None:
    image, pose = blank(level), body2d(WIDTH, HEIGHT)
    draw_pose2d(image, pose)
    for part in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip")):
        assert hue(image, middle(pose, f"l_{part[0]}", f"l_{part[1]}")) == "left"
        assert hue(image, middle(pose, f"r_{part[0]}", f"r_{part[1]}")) == "right"
    assert hue(image, middle(pose, "l_hip", "r_hip")) == "middle"
    for side in ("left", "right"):
        assert hue(image, pose.xy_px[COCO_17.index(f"{side[0]}_wrist")]) == side


def test_lines_grow_with_the_person() -> None:
    widths = []
    for share in (0.1, 0.45):
        image, pose = blank(), body2d(WIDTH, HEIGHT, share)
        draw_pose2d(image, pose)
        x, y = np.rint(middle(pose, "l_hip", "l_knee")).astype(int)
        unpainted = np.flatnonzero((image[y] == 90).all(-1))
        widths.append(int(unpainted[unpainted > x].min() - unpainted[unpainted < x].max() - 1))
    assert widths[1] > widths[0] >= 2


def test_a_missing_pose_changes_nothing() -> None:
    image = blank()
    draw_pose2d(image, Pose2D.missing(0, 0.0))
    assert (image == 90).all()


def test_a_missing_joint_takes_its_bones_with_it() -> None:
    pose = body2d(WIDTH, HEIGHT)
    wrist = COCO_17.index("l_wrist")
    forearm, at = middle(pose, "l_elbow", "l_wrist"), pose.xy_px[wrist].copy()
    origin, xy = pose.origin.copy(), pose.xy_px.copy()
    origin[wrist], xy[wrist] = Origin.MISSING, np.nan
    image = blank()
    draw_pose2d(image, replace(pose, origin=origin, xy_px=xy))
    for x, y in (forearm, at):
        assert (image[round(float(y)), round(float(x))] == 90).all()


def test_an_unseen_joint_is_faint() -> None:
    pose = body2d(WIDTH, HEIGHT)
    score = pose.score.copy()
    score[COCO_17.index("l_wrist")] = 0.05
    seen, unseen = blank(), blank()
    draw_pose2d(seen, pose)
    draw_pose2d(unseen, replace(pose, score=score))
    x, y = np.rint(middle(pose, "l_elbow", "l_wrist")).astype(int)
    strong = np.abs(seen[y, x].astype(int) - 90).max()
    weak = np.abs(unseen[y, x].astype(int) - 90).max()
    assert 0.2 * strong < weak < 0.5 * strong
    assert hue(unseen, middle(pose, "l_shoulder", "l_elbow")) == "left"


@pytest.mark.parametrize("origin", [Origin.INTERPOLATED, Origin.HELD])
def test_a_filled_in_joint_is_hollow(origin: Origin) -> None:
    pose = body2d(WIDTH, HEIGHT)
    knee = COCO_17.index("r_knee")
    kinds = pose.origin.copy()
    kinds[knee] = origin
    image = blank()
    draw_pose2d(image, replace(pose, origin=kinds))
    x, y = np.rint(pose.xy_px[knee]).astype(int)
    assert image[y, x].max() < 60
    assert hue(image, pose.xy_px[COCO_17.index("l_knee")]) == "left"


def test_it_draws_into_a_view_and_not_beside_it() -> None:
    whole = np.full((HEIGHT, 2 * WIDTH, 3), 90, np.uint8)
    pose = body2d(WIDTH, HEIGHT)
    right = replace(pose, xy_px=pose.xy_px + np.array([WIDTH / 2, 0], np.float32))
    draw_pose2d(whole[:, :WIDTH], right)
    assert (whole[:, :WIDTH] != 90).any() and (whole[:, WIDTH:] == 90).all()


coordinates = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True), st.floats(-100, 900, width=32), st.just(float("nan"))
)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(coordinates, min_size=34, max_size=34),
    st.lists(st.floats(0, 1, width=32) | st.just(float("nan")), min_size=17, max_size=17),
    st.lists(st.integers(0, 4), min_size=17, max_size=17),
    st.sampled_from([(HEIGHT, WIDTH), (1, 1), (2, 300), (300, 2)]),
)
@example([float("nan")] * 34, [1.0] * 17, [Origin.MEASURED] * 17, (HEIGHT, WIDTH))
def test_any_coordinates_are_drawn_without_an_error(
    xy: list[float], score: list[float], origin: list[int], shape: tuple[int, int]
) -> None:
    pose = Pose2D(
        0,
        0.0,
        0,
        np.array(xy, np.float32).reshape(17, 2),
        np.array(score, np.float32),
        np.full(4, np.nan, np.float32),
        np.array(origin, np.uint8),
    )
    image = np.zeros((*shape, 3), np.uint8)
    draw_pose2d(image, pose)
    if not np.isfinite(pose.xy_px).all(1).any():
        assert not image.any()  # there is nothing to be drawn
