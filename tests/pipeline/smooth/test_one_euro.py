from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.smooth.one_euro import OneEuro
from pipeline.smooth.presets import RESTART_S, Preset, find_preset
from pipeline.types import Origin, Pose3D


def preset(name: str) -> Preset:
    found = find_preset(name)
    assert found is not None
    return found


LIGHT, STRONG = preset("light"), preset("strong")
presets = st.sampled_from([LIGHT, STRONG])


def pose(index: int, time_s: float, xyz_m: np.ndarray) -> Pose3D:
    seen = np.isfinite(xyz_m).all(-1)
    return Pose3D(
        2,
        index,
        time_s,
        xyz_m.astype(np.float32),
        np.where(seen, 0.7, 0).astype(np.float32),
        np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8),
        True,
    )


def run(preset: Preset, times_s: np.ndarray, xyz_m: np.ndarray) -> np.ndarray:
    smooth = OneEuro(preset)
    return np.stack([smooth(pose(n, t, x)).xyz_m for n, (t, x) in enumerate(zip(times_s, xyz_m, strict=True))])


def wander(seed: int, frames: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.3, (1, 17, 3)) + np.cumsum(rng.normal(0, 0.02, (frames, 17, 3)), 0)


def steps(seed: int, frames: int = 40) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(0.005, 0.1, frames))


@given(preset=presets, seed=st.integers(0, 1000))
def test_a_joint_at_rest_stays_where_it_is(preset: Preset, seed: int) -> None:
    still = np.repeat(wander(seed)[:1], 40, axis=0)
    np.testing.assert_allclose(run(preset, steps(seed), still), still, atol=1e-6)


@given(preset=presets, seed=st.integers(0, 1000))
def test_the_result_turns_and_moves_with_the_input(preset: Preset, seed: int) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    shift = np.array([0.5, -1.0, 2.0])
    xyz, times = wander(seed), steps(seed)
    np.testing.assert_allclose(
        run(preset, times, xyz @ turn.T + shift), run(preset, times, xyz) @ turn.T + shift, atol=1e-5
    )


@given(preset=presets, seed=st.integers(0, 1000), factor=st.floats(0.3, 1.5))
def test_slower_time_with_lower_cutoffs_is_the_same_filter(preset: Preset, seed: int, factor: float) -> None:
    """Seconds are the only unit of time: stretch them, divide the frequencies, and nothing changes."""
    xyz, times = wander(seed), steps(seed)
    # The speed falls by the factor, and so must the cutoff that it adds.
    slow = Preset(preset.still_hz / factor, preset.opening_per_m, preset.speed_hz / factor)
    np.testing.assert_allclose(run(slow, times * factor, xyz), run(preset, times, xyz), atol=1e-5)


@given(preset=presets, seed=st.integers(0, 1000))
def test_the_result_lies_between_the_values_seen(preset: Preset, seed: int) -> None:
    xyz = wander(seed)
    out = run(preset, steps(seed), xyz)
    assert (out <= np.maximum.accumulate(xyz, 0) + 1e-5).all()
    assert (out >= np.minimum.accumulate(xyz, 0) - 1e-5).all()


def test_two_short_steps_do_the_same_as_a_long_one() -> None:
    fixed = Preset(1.0, 0.0, 1.0)
    away = np.zeros((17, 3))
    far = away + 1.0
    once = run(fixed, np.array([0.0, 0.1]), np.stack([away, far]))
    twice = run(fixed, np.array([0.0, 0.05, 0.1]), np.stack([away, far, far]))
    np.testing.assert_allclose(once[-1], twice[-1], atol=1e-6)
    np.testing.assert_allclose(once[-1], 1 - np.exp(-2 * np.pi * 0.1), atol=1e-6)


@pytest.mark.parametrize(("preset", "spread", "flicker"), [(LIGHT, 0.6, 0.35), (STRONG, 0.32, 0.11)])
def test_jitter_falls_and_a_fast_move_comes_through(preset: Preset, spread: float, flicker: float) -> None:
    times = np.arange(120) / 30
    noise = np.random.default_rng(1).normal(0, 0.006, (120, 17, 3))
    calm = run(preset, times, noise)[30:]
    assert calm.std() < spread * noise[30:].std()
    assert np.diff(calm, 2, axis=0).std() < flicker * np.diff(noise[30:], 2, axis=0).std()
    jump = np.where(times[:, None, None] < 2, 0.0, 0.5) + np.zeros((1, 17, 3))
    assert (run(preset, times, jump)[64] > 0.45).all()  # 4 frames later


@pytest.mark.parametrize("rate_hz", [15, 30, 60])
@pytest.mark.parametrize("speed_m_s", [0.05, 0.3, 1.0, 5.0])
@pytest.mark.parametrize("preset", [LIGHT, STRONG])
def test_a_moving_joint_trails_by_millimetres_at_any_speed(preset: Preset, speed_m_s: float, rate_hz: int) -> None:
    times = np.arange(4 * rate_hz) / rate_hz
    path = np.zeros((len(times), 17, 3))
    path[..., 1] = speed_m_s * times[:, None]
    trail = path[-1, 0, 1] - run(preset, times, path)[-1, 0, 1]
    assert -1e-6 <= trail < 1 / (2 * np.pi * preset.opening_per_m)


@given(preset=presets, seed=st.integers(0, 1000), lost=st.floats(0, 1))
def test_missing_joints_stay_missing_and_harm_nobody(preset: Preset, seed: int, lost: float) -> None:
    xyz, times = wander(seed), steps(seed)
    hole = np.random.default_rng(seed).random(xyz.shape[:2]) < lost
    hole[:, 3] = False
    holed = np.where(hole[..., None], np.nan, xyz)
    out = run(preset, times, holed)
    np.testing.assert_array_equal(np.isnan(out).all(2), hole)
    np.testing.assert_array_equal(np.isnan(out).any(2), hole)
    np.testing.assert_array_equal(out[:, 3], run(preset, times, xyz)[:, 3])


@pytest.mark.parametrize("time_s", [1.0 + 1.01 * RESTART_S, 1.0, 0.5])
def test_it_starts_anew_after_a_gap_or_when_time_does_not_advance(time_s: float) -> None:
    smooth = OneEuro(STRONG)
    smooth(pose(0, 1.0, np.zeros((17, 3))))
    far = np.full((17, 3), 0.9, np.float32)
    np.testing.assert_array_equal(smooth(pose(1, time_s, far)).xyz_m, far)


def test_a_short_gap_is_bridged() -> None:
    smooth = OneEuro(STRONG)
    smooth(pose(0, 1.0, np.zeros((17, 3))))
    missing = Pose3D.missing(1, 1.1, 2)
    assert smooth(missing).is_missing
    assert (smooth(pose(2, 1.2, np.full((17, 3), 0.01))).xyz_m < 0.009).all()


def test_all_but_the_coordinates_is_kept() -> None:
    one = pose(7, 3.0, wander(0)[0])
    out = OneEuro(LIGHT)(one)
    assert (out.track_id, out.frame_index, out.time_s, out.settled) == (2, 7, 3.0, True)
    assert out.score is one.score and out.origin is one.origin and out.xyz_m.dtype == np.float32
