"""Smoothing without lag, for clips: a Gaussian over the frames before and after, with real times.

As in the One Euro filter the width follows the speed of the joint, here measured on both sides. A straight line is
fitted under the Gaussian instead of taking a mean (Cleveland, "Robust Locally Weighted Regression and Smoothing
Scatterplots", JASA 1979, the linear fit without the robust part), so that neither irregular times nor the first and
last frames of a stretch pull a moving joint back.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace

import numpy as np

from pipeline.arrays import F32, F64
from pipeline.smooth.presets import Preset
from pipeline.smooth.stretches import Stretches
from pipeline.types import Pose3D

MOST_FRAMES = 120
"""Frames that are kept on each side at most, whatever the frame rate."""

# A Gaussian of standard deviation s passes exp(-2 (pi s f)^2) of a frequency f; at -3 dB s f is this.
_SIGMA_HZ = math.sqrt(math.log(2)) / (2 * math.pi)
_SIGMAS = 3.0
_LONGEST_S = 0.5
# A frame exactly at either edge of the window is inside, whichever way its time was rounded.
_TIE_S = 1e-6
_TINY = 1e-12


class ZeroPhase:
    """Smooths the poses of one person with a fixed look-ahead.

    Args:
        preset: strength of the smoothing.

    Attributes:
        lookahead_s: the delay: a pose comes out when a frame this much later is in. Memory is bounded by twice that, or
            by ``MOST_FRAMES`` on each side.
    """

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        self.lookahead_s = min(_SIGMAS * _SIGMA_HZ / preset.still_hz, _LONGEST_S)
        self._waiting: deque[Pose3D] = deque()
        self._recent = Stretches(2 * MOST_FRAMES + 2)  # the waiting frames and, before them, their past

    def push(self, pose: Pose3D) -> list[Pose3D]:
        """Take the next pose, missing ones too; returns the smoothed poses that are now due, in order.

        A time that does not advance begins a new clip: nothing is carried over.
        """
        out = self.finish() if self._waiting and pose.time_s <= self._waiting[-1].time_s else []
        self._waiting.append(pose)
        self._recent.append(pose)
        due_s = pose.time_s - self.lookahead_s + _TIE_S
        while len(self._waiting) > MOST_FRAMES or self._waiting[0].time_s <= due_s:
            out.append(self._smooth_oldest())
        return out

    def finish(self) -> list[Pose3D]:
        """The source has ended: the poses that still wait."""
        out = [self._smooth_oldest() for _ in range(len(self._waiting))]
        self._recent.clear()
        return out

    def _smooth_oldest(self) -> Pose3D:
        past = len(self._recent) - len(self._waiting)
        pose = self._waiting.popleft()
        smoothed = replace(pose, xyz_m=self._smoothed(past))
        while past >= MOST_FRAMES or self._recent.time_s[0] < pose.time_s - self.lookahead_s - _TIE_S:
            self._recent.drop_oldest()
            past -= 1
        return smoothed

    def _smoothed(self, now: int) -> F32:
        """[J, 3] of frame ``now`` of the recent ones, NaN where a joint is missing there."""
        time_s = self._recent.time_s - self._recent.time_s[now]
        reach_s = self.lookahead_s + _TIE_S
        near = slice(int(np.searchsorted(time_s, -reach_s)), int(np.searchsorted(time_s, reach_s)))
        stretch = self._recent.stretch[:, now, None]
        points_m, time_s = self._recent.points_m[:, near], time_s[near]
        used = np.asarray(self._recent.stretch[:, near] == stretch, np.float64)
        speed_m_s = _speed(points_m, time_s, used, _SIGMA_HZ / self._preset.speed_hz)
        cutoff_hz = self._preset.still_hz + self._preset.opening_per_m * speed_m_s
        place_m = _line(points_m, time_s, used, _SIGMA_HZ / cutoff_hz)
        return np.where(stretch > 0, place_m, np.nan).astype(np.float32)


def _speed(points_m: F64, time_s: F64, used: F64, sigma_s: float) -> F64:
    """Speed of each joint [J] around time 0: the spread of its places over that of the times, under a Gaussian.

    Unlike the slope of a line this does not vanish where a joint turns back, so that turning points are not flattened.
    Arguments as in ``_line``.
    """
    weight = used * np.exp(-0.5 * (time_s / sigma_s) ** 2)
    weight /= weight.sum(1, keepdims=True)
    mean_m = np.matmul(weight[:, None], points_m)
    spread_m2 = (weight * ((points_m - mean_m) ** 2).sum(2)).sum(1)
    spread_s2 = weight @ time_s**2 - (weight @ time_s) ** 2
    return np.asarray(np.sqrt(np.where(spread_s2 > _TINY, spread_m2 / np.maximum(spread_s2, _TINY), 0.0)))


def _line(points_m: F64, time_s: F64, used: F64, sigma_s: F64) -> F64:
    """Place [J, 3] at time 0 of lines fitted to each joint under Gaussians of these standard deviations [J].

    Args:
        points_m: [J, K, 3].
        time_s: [K], one of them 0.
        used: [J, K], 1 or 0; 1 at time 0.
        sigma_s: [J].
    """
    weight = used * np.exp(-0.5 * (time_s / sigma_s[:, None]) ** 2)
    weight /= weight.sum(1, keepdims=True)
    mean_s = (weight @ time_s)[:, None]
    away_s = weight * (time_s - mean_s)
    spread_s2 = (away_s @ time_s)[:, None]
    mean_m, slope_m = np.matmul(np.stack([weight, away_s], 1), points_m).swapaxes(0, 1)
    slope_m_s = np.where(spread_s2 > _TINY, slope_m / np.maximum(spread_s2, _TINY), 0.0)
    return np.asarray(mean_m - slope_m_s * mean_s)
