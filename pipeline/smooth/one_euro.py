"""One Euro filter for live poses: causal, no delay, real time steps.

Casiez, Roussel, Vogel, "1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
CHI 2012: an exponential filter whose cutoff rises with the speed. Two things differ from the paper. The smoothing
factor is 1 - exp(-2 pi f dt), that of a first-order filter with constant input between two frames, so that two short
steps do the same as a long one and the frame rate does not matter. And each joint has one cutoff, which follows from
its speed, so that the result does not depend on the direction of the axes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.arrays import F64
from pipeline.skeletons import H36M_17
from pipeline.smooth.presets import RESTART_S, Preset
from pipeline.types import Pose3D


class OneEuro:
    """Smooths the poses of one person, frame by frame.

    Args:
        preset: strength of the smoothing.

    Previews and settled poses of the same frames are two streams: give each its own filter.
    """

    def __init__(self, preset: Preset) -> None:
        self._preset = preset
        joints = len(H36M_17)
        self._place_m = np.zeros((joints, 3))
        self._velocity_m_s = np.zeros((joints, 3))
        self._raw_m = np.zeros((joints, 3))
        self._seen_s = np.full(joints, -np.inf)

    def __call__(self, pose: Pose3D) -> Pose3D:
        """The pose with smoothed ``xyz_m`` and otherwise unchanged; a missing joint stays missing.

        A joint restarts when it was not seen for ``RESTART_S``, or when the time does not advance.
        """
        raw_m = pose.xyz_m.astype(np.float64)
        seen = np.asarray(np.isfinite(raw_m).all(1))
        dt_s = pose.time_s - self._seen_s
        known = seen & (dt_s > 0) & (dt_s <= RESTART_S)
        new = seen & ~known
        step_s = np.where(known, dt_s, 1.0)[:, None]
        raw_m = np.where(seen[:, None], raw_m, 0.0)

        share = np.where(known[:, None], _input_share(self._preset.speed_hz, step_s), 0.0)
        self._velocity_m_s += share * ((raw_m - self._raw_m) / step_s - self._velocity_m_s)
        speed_m_s = np.linalg.norm(self._velocity_m_s, axis=1, keepdims=True)
        cutoff_hz = self._preset.still_hz + self._preset.opening_per_m * speed_m_s
        share = np.where(known[:, None], _input_share(cutoff_hz, step_s), 0.0)
        self._place_m += share * (raw_m - self._place_m)

        self._place_m[new], self._velocity_m_s[new] = raw_m[new], 0.0
        self._raw_m[seen], self._seen_s[seen] = raw_m[seen], pose.time_s
        return replace(pose, xyz_m=np.where(seen[:, None], self._place_m, np.nan).astype(np.float32))


def _input_share(cutoff_hz: F64 | float, step_s: F64) -> F64:
    """Share of the distance to its input that a first-order low-pass covers in a time step."""
    return np.asarray(-np.expm1(-2 * np.pi * cutoff_hz * step_s))
