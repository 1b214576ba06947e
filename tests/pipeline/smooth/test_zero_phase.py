from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.smooth.presets import RESTART_S, Preset, find_preset
from pipeline.smooth.zero_phase import MOST_FRAMES, ZeroPhase
from pipeline.types import Origin, Pose3D


def preset(name: str) -> Preset:
    found = find_preset(name)
    assert found is not None
    return found


LIGHT, STRONG = preset("light"), preset("strong")
presets = st.sampled_from([LIGHT, STRONG])
few = settings(max_examples=25)


def pose(index: int, time_s: float, xyz_m: np.ndarray) -> Pose3D:
    seen = np.isfinite(xyz_m).all(-1)
    origin = np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8)
    return Pose3D(0, index, time_s, xyz_m.astype(np.float32), np.ones(17, np.float32), origin, True)


def run(preset: Preset, times_s: np.ndarray, xyz_m: np.ndarray) -> np.ndarray:
    smooth = ZeroPhase(preset)
    out = [p for n, (t, x) in enumerate(zip(times_s, xyz_m, strict=True)) for p in smooth.push(pose(n, t, x))]
    out += smooth.finish()
    assert [p.frame_index for p in out] == list(range(len(times_s)))
    return np.stack([p.xyz_m for p in out])


def wander(seed: int, frames: int = 40) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.3, (1, 17, 3)) + np.cumsum(rng.normal(0, 0.02, (frames, 17, 3)), 0)


def steps(seed: int, frames: int = 40) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(0.005, 0.1, frames))


@few
@given(preset=presets, seed=st.integers(0, 1000))
def test_rest_and_steady_motion_are_left_as_they_are(preset: Preset, seed: int) -> None:
    """Up to the first and the last frame, whatever the times."""
    rng = np.random.default_rng(seed)
    times = steps(seed)
    line = rng.normal(0, 0.3, (1, 17, 3)) + times[:, None, None] * rng.normal(0, 0.5, (1, 17, 3))
    np.testing.assert_allclose(run(preset, times, line), line, atol=2e-6)


@few
@given(preset=presets, seed=st.integers(0, 1000))
def test_played_backwards_the_result_is_the_same_backwards(preset: Preset, seed: int) -> None:
    """No direction of time is preferred, which is to say: no lag."""
    xyz, times = wander(seed), steps(seed)
    backwards = run(preset, times[-1] - times[::-1], xyz[::-1])
    np.testing.assert_allclose(backwards[::-1], run(preset, times, xyz), atol=1e-6)


@few
@given(preset=presets, seed=st.integers(0, 1000))
def test_the_result_turns_and_moves_with_the_input(preset: Preset, seed: int) -> None:
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    shift = np.array([0.5, -1.0, 2.0])
    xyz, times = wander(seed), steps(seed)
    np.testing.assert_allclose(
        run(preset, times, xyz @ turn.T + shift), run(preset, times, xyz) @ turn.T + shift, atol=1e-5
    )


@pytest.mark.parametrize("preset", [LIGHT, STRONG])
def test_a_symmetric_bump_keeps_its_peak_in_time(preset: Preset) -> None:
    times = np.arange(121) / 30
    bump = 0.4 * np.exp(-(((times - 2.0) / 0.3) ** 2))[:, None, None] * np.ones((1, 17, 3))
    out = run(preset, times, bump)
    assert (out.argmax(0) == 60).all()
    np.testing.assert_allclose(out[::-1], out, atol=1e-6)


def test_jitter_falls_to_a_fraction() -> None:
    noise = np.random.default_rng(1).normal(0, 0.006, (120, 17, 3))
    times = np.arange(120) / 30
    raw = np.diff(noise, 2, axis=0).std()
    assert np.diff(run(LIGHT, times, noise), 2, axis=0).std() < 0.25 * raw
    assert np.diff(run(STRONG, times, noise), 2, axis=0).std() < 0.05 * raw


@few
@given(preset=presets, seed=st.integers(0, 1000), lost=st.floats(0, 1))
def test_missing_joints_stay_missing_and_harm_nobody(preset: Preset, seed: int, lost: float) -> None:
    xyz, times = wander(seed), steps(seed)
    hole = np.random.default_rng(seed).random(xyz.shape[:2]) < lost
    hole[:, 3] = False
    out = run(preset, times, np.where(hole[..., None], np.nan, xyz))
    np.testing.assert_array_equal(np.isnan(out).all(2), hole)
    np.testing.assert_array_equal(np.isnan(out).any(2), hole)
    np.testing.assert_allclose(out[:, 3], run(preset, times, xyz)[:, 3], atol=1e-6)


def test_nothing_leaks_over_a_gap() -> None:
    times = np.concatenate([np.arange(20) / 30, 20 / 30 + RESTART_S + np.arange(20) / 30])
    xyz = np.concatenate([np.zeros((20, 17, 3)), np.ones((20, 17, 3))])
    np.testing.assert_allclose(run(STRONG, times, xyz), xyz, atol=1e-6)


def test_frames_without_a_person_are_a_gap_too() -> None:
    missing = np.full((12, 17, 3), np.nan)
    xyz = np.concatenate([np.zeros((20, 17, 3)), missing, np.ones((20, 17, 3))])
    out = run(STRONG, np.arange(52) / 30, xyz)
    np.testing.assert_allclose(out, xyz, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [15.0, 30.0, 60.0])
def test_the_delay_is_the_look_ahead_and_memory_is_bounded(rate_hz: float) -> None:
    smooth = ZeroPhase(LIGHT)
    came_out = 0
    for n in range(300):
        came_out += len(smooth.push(pose(n, n / rate_hz, np.zeros((17, 3)))))
        waiting = n + 1 - came_out
        assert waiting == min(n + 1, int(np.ceil(smooth.lookahead_s * rate_hz - 1e-9)))
        assert len(smooth._recent) <= 2 * waiting + 1


def test_very_fast_frames_do_not_fill_the_memory() -> None:
    smooth = ZeroPhase(STRONG)
    out = []
    for n in range(3 * MOST_FRAMES):
        out += smooth.push(pose(n, n * 1e-6, np.zeros((17, 3))))
        assert len(smooth._recent) <= 2 * MOST_FRAMES + 1
    out += smooth.finish()
    assert [p.frame_index for p in out] == list(range(3 * MOST_FRAMES))


@pytest.mark.parametrize("second_s", [0.0, -1.0])
def test_time_that_does_not_advance_begins_another_stretch(second_s: float) -> None:
    smooth = ZeroPhase(LIGHT)
    assert smooth.push(pose(0, 0.0, np.zeros((17, 3)))) == []
    due = smooth.push(pose(1, second_s, np.ones((17, 3))))
    assert [p.frame_index for p in due] == [0]
    (last,) = smooth.finish()
    np.testing.assert_allclose(last.xyz_m, 1.0)


def test_nothing_comes_of_nothing() -> None:
    assert ZeroPhase(LIGHT).finish() == []


def test_late_frames_are_smoothed_like_early_ones() -> None:
    """Whatever is kept of the past moves along: a motion that repeats comes out repeated."""
    period, times = 30, np.arange(12 * MOST_FRAMES) / 60
    swing = 0.2 * np.sin(2 * np.pi * np.arange(len(times)) / period)[:, None, None] + np.zeros((1, 17, 3))
    noise = np.random.default_rng(3).normal(0, 0.01, (period, 17, 3))
    out = run(LIGHT, times, swing + np.tile(noise, (len(times) // period, 1, 1)))
    first = out[2 * period : 3 * period]
    for start in range(3 * period, len(times) - 2 * period, period):
        np.testing.assert_allclose(out[start : start + period], first, atol=1e-6)
