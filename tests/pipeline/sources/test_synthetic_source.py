"""The synthetic walker: the same every time, plausible, and drawn where the truth says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError
from pipeline.skeletons import COCO_17, H36M_17, H36M_FROM_COCO
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions, parse_options
from pipeline.sources.walker import STATURE_M, Walk, body_points

SMALL: dict[str, Any] = {"width_px": 320, "height_px": 180}


def test_same_seed_same_pictures_other_seed_others() -> None:
    first, again, other = (SyntheticSource(SyntheticOptions(frames=3, seed=seed, **SMALL)) for seed in (4, 4, 5))
    for one, two, three in zip(first, again, other, strict=True):
        assert np.array_equal(one.image, two.image)
        assert not np.array_equal(one.image, three.image)
    assert np.array_equal(first.truth_xyz_m(2), again.truth_xyz_m(2))


def test_info_times_and_count() -> None:
    source = SyntheticSource(SyntheticOptions(frames=7, fps=25.0, **SMALL))
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(7))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(7)])
    assert frames[0].image.shape == (180, 320, 3)
    assert (source.info.frame_count, source.info.fps, source.info.kind, source.info.live) == (
        7,
        25.0,
        "synthetic",
        False,
    )
    assert not np.array_equal(frames[0].image, frames[3].image)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), index=st.integers(0, 99), motion=st.sampled_from(["circle", "place"]))
def test_truth_is_a_person_in_view(seed: int, index: int, motion: str) -> None:
    options = SyntheticOptions(frames=100, seed=seed, motion=motion, **SMALL)
    source = SyntheticSource(options)
    xyz_m, xy_px = source.truth_xyz_m(index), source.truth_coco_px(index)
    assert xyz_m.shape == (len(H36M_17), 3) and xyz_m.dtype == np.float32
    assert xy_px.shape == (len(COCO_17), 2) and xy_px.dtype == np.float32
    assert np.array_equal(xyz_m[0], np.zeros(3))
    assert ((xy_px > 0) & (xy_px < [320, 180])).all()
    # Camera axes: y points down, so the head is at a negative y and the ankles at a positive one.
    assert xyz_m[H36M_17.index("head"), 1] < -0.5
    assert xyz_m[H36M_17.index("l_ankle"), 1] > 0.4 and xyz_m[H36M_17.index("r_ankle"), 1] > 0.4


@settings(max_examples=30, deadline=None)
@given(time_s=st.floats(0, 100), radius_m=st.sampled_from([0.0, 0.9]), turn=st.sampled_from([-1, 1]))
def test_limbs_keep_their_lengths_and_both_sides_agree(time_s: float, radius_m: float, turn: int) -> None:
    points = body_points(Walk(radius_m=radius_m, turn=turn), time_s)
    for parent, child, share in (
        ("hip", "knee", 0.245),
        ("knee", "ankle", 0.246),
        ("shoulder", "elbow", 0.186),
        ("elbow", "wrist", 0.146),
    ):
        for side in "lr":
            length_m = np.linalg.norm(points[f"{side}_{parent}"] - points[f"{side}_{child}"])
            assert length_m == pytest.approx(share * STATURE_M, rel=1e-6)
    lowest_m = min(point[2] for point in points.values())
    assert 0.0 <= lowest_m < 0.05
    assert 1.45 < points["skull"][2] < 1.70


def test_left_is_left_of_the_walking_direction() -> None:
    walk = Walk(radius_m=0.9)
    now, soon = body_points(walk, 1.0), body_points(walk, 1.02)
    forward = (soon["l_hip"] + soon["r_hip"] - now["l_hip"] - now["r_hip"])[:2]
    left = (now["l_hip"] - now["r_hip"])[:2]
    assert forward[0] * left[1] - forward[1] * left[0] > 0
    assert forward @ (now["nose"] - now["skull"])[:2] > 0


def test_the_truth_in_pixels_is_the_truth_in_metres_seen_by_the_camera() -> None:
    source = SyntheticSource(SyntheticOptions(frames=60, **SMALL))
    for index in (0, 20, 59):
        joints_px = source.truth_coco_px(index).astype(np.float64)
        xyz_m = source.truth_xyz_m(index).astype(np.float64)
        # Joints that both sets share; find the pelvis's place that makes the projections agree (linear in it).
        names = [name for name in COCO_17.joints if name in H36M_17.joints and name != "nose"]
        rays = np.linalg.solve(source.intrinsics, np.c_[joints_px, np.ones(17)].T).T
        rows, values = [], []
        for name in names:
            ray, point = rays[COCO_17.index(name)], xyz_m[H36M_17.index(name)]
            for axis in (0, 1):
                row = np.zeros(3)
                row[axis], row[2] = 1.0, -ray[axis]
                rows.append(row)
                values.append(ray[axis] * point[2] - point[axis])
        root, residual, *_ = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)
        assert residual[0] < 1e-8
        assert 3.0 < root[2] < 6.5


def test_the_person_is_drawn_where_the_truth_says() -> None:
    options = SyntheticOptions(frames=90, seed=2, width_px=640, height_px=360)
    empty = next(
        iter(SyntheticSource(SyntheticOptions(frames=90, seed=2, width_px=640, height_px=360, absent=((0, 90),))))
    )
    source = SyntheticSource(options)
    for frame in source:
        if frame.index % 15:
            continue
        painted = np.abs(frame.image.astype(int) - empty.image).max(-1) > 25
        joints_px = source.truth_coco_px(frame.index)
        body = [
            n for n, name in enumerate(COCO_17.joints) if name.endswith(("shoulder", "elbow", "hip", "knee", "ankle"))
        ]
        for x, y in np.round(joints_px[body]).astype(int):
            assert painted[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].any()
        ys, xs = np.nonzero(painted)
        margin_px = 0.2 * np.ptp(joints_px[:, 1])
        assert xs.min() > joints_px[:, 0].min() - margin_px and xs.max() < joints_px[:, 0].max() + margin_px
        assert ys.min() > joints_px[:, 1].min() - margin_px and ys.max() < joints_px[:, 1].max() + margin_px


def test_absent_person_is_not_drawn_and_has_no_truth() -> None:
    source = SyntheticSource(SyntheticOptions(frames=6, absent=((2, 4), (5, 6)), **SMALL))
    frames = list(source)
    assert len(frames) == 6
    assert [source.is_absent(n) for n in range(6)] == [False, False, True, True, False, True]
    assert np.isnan(source.truth_xyz_m(2)).all() and np.isnan(source.truth_coco_px(3)).all()
    assert np.isfinite(source.truth_xyz_m(4)).all()
    assert np.abs(frames[2].image.astype(int) - frames[5].image).max() < 30
    assert np.abs(frames[2].image.astype(int) - frames[4].image).max() > 60


def test_a_span_moves_the_truth_with_the_frames() -> None:
    whole = SyntheticSource(SyntheticOptions(frames=30, **SMALL))
    part = SyntheticSource(SyntheticOptions(frames=30, **SMALL), start_s=0.5, end_s=0.7)
    assert part.info.frame_count == 6 and part.info.start_s == 0.5
    pictures = list(whole)
    for frame in part:
        assert np.array_equal(frame.image, pictures[15 + frame.index].image)
        assert np.array_equal(part.truth_xyz_m(frame.index), whole.truth_xyz_m(15 + frame.index))
    with pytest.raises(ConfigError, match="leave no frame"):
        SyntheticSource(SyntheticOptions(frames=30, **SMALL), start_s=1.0)


def test_truth_follows_the_shared_conversion() -> None:
    source = SyntheticSource(SyntheticOptions(frames=1, **SMALL))
    xyz_m = source.truth_xyz_m(0)
    middle = (xyz_m[H36M_17.index("l_hip")] + xyz_m[H36M_17.index("r_hip")]) / 2
    assert middle == pytest.approx(np.zeros(3), abs=1e-6)
    thorax = (xyz_m[H36M_17.index("l_shoulder")] + xyz_m[H36M_17.index("r_shoulder")]) / 2
    assert xyz_m[H36M_17.index("thorax")] == pytest.approx(thorax, abs=1e-6)
    assert H36M_FROM_COCO.sum(1) == pytest.approx(np.ones(len(H36M_17)))


def test_options_are_parsed() -> None:
    assert parse_options("synthetic") == SyntheticOptions()
    text = "synthetic:frames=12, fps=59.94, size=640x360, seed=3, motion=place, absent=2-4, absent=6-8"
    assert parse_options(text) == SyntheticOptions(12, 59.94, 640, 360, 3, "place", ((2, 4), (6, 8)))


@pytest.mark.parametrize(
    "option",
    [
        "frames=0",
        "frames=-3",
        "frames=many",
        "fps=0",
        "size=640",
        "size=0x0",
        "size=99999x99999",
        "motion=fly",
        "absent=5-5",
        "colour=red",
        "frames",
    ],
)
def test_bad_options_are_named(option: str) -> None:
    with pytest.raises(ConfigError, match=option.split("=")[0]) as caught:
        parse_options(f"synthetic:{option}")
    assert "write for example" in str(caught.value)


def test_near_misses_are_suggested() -> None:
    with pytest.raises(ConfigError, match="did you mean 'frames'"):
        parse_options("synthetic:frame=5")
