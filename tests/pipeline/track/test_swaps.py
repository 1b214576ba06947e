from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.skeletons import COCO_17
from pipeline.sources.synthetic import SyntheticOptions, SyntheticSource
from pipeline.track.pair_filter import FORGET_S
from pipeline.track.swaps import SwapRepair
from pipeline.types import Origin, Pose2D

PAIRS = np.array(COCO_17.pairs)
ARMS, LEGS, ALL = [3, 4], [5, 6, 7], list(range(8))
NONE: frozenset[int] = frozenset()


def walker(rate_hz: float = 30.0, frames: int = 90, seed: int = 1, motion: str = "place") -> np.ndarray:
    """Keypoints [T, 17, 2] of the synthetic walker with a detector's jitter."""
    source = SyntheticSource(SyntheticOptions(frames=frames, fps=rate_hz, seed=seed, motion=motion))
    xy = np.stack([source.truth_coco_px(index) for index in range(frames)])
    return xy + np.random.default_rng(seed).normal(0, 2.0, xy.shape)


def pose(index: int, time_s: float, xy: np.ndarray, score: np.ndarray | None = None) -> Pose2D:
    seen = np.isfinite(xy).all(-1)
    score = np.linspace(0.5, 0.9, 17) if score is None else score
    return Pose2D(
        index,
        time_s,
        0,
        xy.astype(np.float32),
        np.where(seen, score, 0).astype(np.float32),
        np.array([0, 0, 1, 1], np.float32),
        np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8),
    )


def swapped(one: Pose2D, rows: list[int]) -> Pose2D:
    order = np.arange(17)
    order[PAIRS[rows]] = PAIRS[rows][:, ::-1]
    return pose(one.frame_index, one.time_s, one.xy_px[order], one.score[order])


def track(rate_hz: float = 30.0, **options: object) -> list[Pose2D]:
    return [pose(n, n / rate_hz, xy) for n, xy in enumerate(walker(rate_hz, **options))]  # type: ignore[arg-type]


def wrong(results: list[Pose2D], truth: list[Pose2D]) -> list[int]:
    return [n for n, (a, b) in enumerate(zip(results, truth, strict=True)) if not np.array_equal(a.xy_px, b.xy_px)]


@pytest.mark.parametrize("rate_hz", [15.0, 30.0, 60.0])
@pytest.mark.parametrize("motion", ["place", "circle"])
def test_a_clean_track_is_returned_untouched(rate_hz: float, motion: str) -> None:
    repair = SwapRepair()
    for one in track(rate_hz, frames=int(4 * rate_hz), motion=motion):
        assert repair(one) is one


@pytest.mark.parametrize("rows", [ARMS, LEGS, ALL], ids=["arms", "legs", "all"])
@pytest.mark.parametrize("length", [1, 4, 10])
def test_a_burst_is_repaired_and_marked(rows: list[int], length: int) -> None:
    truth = track()
    burst = range(45, 45 + length)
    repair = SwapRepair()
    results = [repair(swapped(one, rows) if n in burst else one) for n, one in enumerate(truth)]
    assert wrong(results, truth) == []
    for n, (result, one) in enumerate(zip(results, truth, strict=True)):
        np.testing.assert_array_equal(result.score, one.score)
        marked = np.flatnonzero(result.origin == Origin.SWAP_REPAIRED)
        assert set(marked) == (set(PAIRS[rows].ravel()) if n in burst else set())


def test_scores_and_missing_joints_change_sides_with_the_joints() -> None:
    truth = [pose(n, n / 30, xy) for n, xy in enumerate(walker())]
    wrist = COCO_17.index("l_wrist")
    holes = [pose(o.frame_index, o.time_s, np.where(np.arange(17)[:, None] == wrist, np.nan, o.xy_px)) for o in truth]
    repair = SwapRepair()
    for n, one in enumerate(holes):
        result = repair(swapped(one, ALL) if n == 50 else one)
        np.testing.assert_array_equal(result.xy_px, one.xy_px)
        np.testing.assert_array_equal(result.score, one.score)
        assert result.origin[wrist] == Origin.MISSING
    assert (repair(swapped(pose(90, 3.0, walker(frames=91)[90]), ALL)).origin == Origin.SWAP_REPAIRED).sum() == 16


def test_it_decides_without_looking_ahead() -> None:
    truth = track()
    seen = [swapped(one, LEGS) if 40 <= n < 50 else one for n, one in enumerate(truth)]
    whole, part = SwapRepair(), SwapRepair()
    first = [whole(one) for one in seen][:45]
    for a, b in zip(first, [part(one) for one in seen[:45]], strict=True):
        np.testing.assert_array_equal(a.xy_px, b.xy_px)


def test_a_detector_that_stays_with_the_other_sides_is_believed_in_the_end() -> None:
    truth = track(frames=300)
    seen = [swapped(one, ALL) if n >= 60 else one for n, one in enumerate(truth)]
    repair = SwapRepair()
    results = [repair(one) for one in seen]
    assert wrong(results[60:70], truth[60:70]) == []  # a burst, for all one knows
    assert wrong(results[-60:], seen[-60:]) == []


def test_after_a_gap_it_starts_anew() -> None:
    truth = track(frames=120)
    gap = int((FORGET_S + 0.2) * 30)
    repair = SwapRepair()
    for one in truth[:40]:
        repair(one)
    for one in truth[40 : 40 + gap]:
        missing = Pose2D.missing(one.frame_index, one.time_s)
        assert repair(missing) is missing
    for one in truth[40 + gap :]:
        turned = swapped(one, ALL)
        assert repair(turned) is turned


@pytest.mark.parametrize("times_s", [[0.0, 0.0, 0.0], [1.0, 0.5, 0.2], [0.0, 1e-9, 2e-9], [0.0, 1e6, 2e6]])
def test_odd_times_change_nothing(times_s: list[float]) -> None:
    repair = SwapRepair()
    for n, time_s in enumerate(times_s):
        one = pose(n, time_s, walker(frames=3)[n])
        assert repair(one) is one


def test_a_real_turn_of_the_body_is_left_alone() -> None:
    """Shoulders, hips and face really change sides in the picture while the walker goes round the circle."""
    for seed in range(4):
        truth = track(30, frames=240, seed=seed, motion="circle")
        across = np.array([one.xy_px[5, 0] - one.xy_px[6, 0] for one in truth])
        assert (across > 20).any() and (across < -20).any()
        repair = SwapRepair()
        assert all(repair(one) is one for one in truth)


@given(
    seed=st.integers(0, 10_000),
    rate_hz=st.sampled_from([5.0, 15.0, 30.0, 240.0]),
    lost=st.floats(0, 1),
    size=st.sampled_from([1e-3, 1.0, 1e3]),
)
def test_any_track_keeps_its_joints(seed: int, rate_hz: float, lost: float, size: float) -> None:
    """Whatever comes in: every joint comes out once, at its place or on the other side, with its score."""
    rng = np.random.default_rng(seed)
    repair = SwapRepair()
    for n in range(12):
        xy = rng.normal(0, 100, (17, 2)) * size
        xy[rng.random(17) < lost] = np.nan
        one = pose(n, n / rate_hz, xy, rng.random(17))
        result = repair(one)
        there = np.sort(one.xy_px[np.isfinite(one.xy_px).all(1), 0])
        np.testing.assert_array_equal(np.sort(result.xy_px[np.isfinite(result.xy_px).all(1), 0]), there)
        np.testing.assert_array_equal(np.isfinite(result.xy_px).all(1), result.origin != Origin.MISSING)
        np.testing.assert_array_equal(np.sort(result.score), np.sort(one.score))
        assert (result.frame_index, result.time_s, result.track_id) == (one.frame_index, one.time_s, one.track_id)


def origins_of_swapped(track_px: Iterable[np.ndarray]) -> list[np.ndarray]:
    """What the repair marks in each frame of a track whose sides are exchanged from frame 14 to 17."""
    repair = SwapRepair()
    poses = (pose(n, n / 30, xy) for n, xy in enumerate(track_px))
    return [repair(swapped(one, ALL) if 14 <= n < 18 else one).origin for n, one in enumerate(poses)]


@pytest.fixture(scope="module")
def walk() -> tuple[np.ndarray, list[np.ndarray]]:
    """A walk, and what is repaired in it as it stands."""
    xy = walker(frames=24)
    return xy, origins_of_swapped(xy)


@given(turn_deg=st.floats(-180, 180), scale=st.floats(0.05, 20), shift=st.floats(-3000, 3000))
def test_decisions_do_not_depend_on_place_size_or_tilt(walk, turn_deg: float, scale: float, shift: float) -> None:
    """The same video moved, turned or at another resolution gets the same repairs (up to the box's size)."""
    xy, plain = walk
    angle = np.radians(turn_deg)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_array_equal(origins_of_swapped(xy @ turn.T * scale + shift), plain)
    assert (plain[15] == Origin.SWAP_REPAIRED).any()
