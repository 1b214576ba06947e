"""The last frames of one person as arrays."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F64, I64
from pipeline.skeletons import H36M_17
from pipeline.smooth.presets import RESTART_S
from pipeline.types import Pose3D


class Stretches:
    """The last frames in order of time. Its arrays are views, so they cost nothing.

    Args:
        most_frames: the most frames that it will hold at a time.

    A stretch of a joint is a run of frames in which it was never missing for longer than ``RESTART_S``.
    """

    def __init__(self, most_frames: int) -> None:
        joints = len(H36M_17)
        # Twice the room: frames move to the front only when the end is reached, not at each append.
        room = 2 * most_frames
        self._points_m = np.zeros((joints, room, 3))
        self._stretch = np.zeros((joints, room), np.int64)
        self._time_s = np.zeros(room)
        self._first = self._end = 0
        self._seen_s = np.full(joints, -np.inf)
        self._number = np.zeros(joints, np.int64)

    def __len__(self) -> int:
        return self._end - self._first

    @property
    def points_m(self) -> F64:
        """[J, K, 3]; zeros where a joint is missing."""
        return self._points_m[:, self._first : self._end]

    @property
    def stretch(self) -> I64:
        """[J, K] number of the stretch; 0 where a joint is missing."""
        return self._stretch[:, self._first : self._end]

    @property
    def time_s(self) -> F64:
        """[K]."""
        return self._time_s[self._first : self._end]

    def append(self, pose: Pose3D) -> None:
        """Add the next frame; it must be later than the last one."""
        if self._end == len(self._time_s):
            self._to_front()
        seen = np.asarray(np.isfinite(pose.xyz_m).all(1))
        self._number += seen & (pose.time_s - self._seen_s > RESTART_S)
        self._seen_s[seen] = pose.time_s
        self._points_m[:, self._end] = np.where(seen[:, None], pose.xyz_m, 0.0)
        self._stretch[:, self._end] = np.where(seen, self._number, 0)
        self._time_s[self._end] = pose.time_s
        self._end += 1

    def drop_oldest(self) -> None:
        """Forget the oldest frame."""
        self._first += 1

    def clear(self) -> None:
        """Forget all frames, and when each joint was last seen."""
        self._first = self._end = 0
        self._seen_s[:] = -np.inf

    def _to_front(self) -> None:
        count = len(self)
        for array in (self._points_m, self._stretch, self._time_s[None]):
            array[:, :count] = array[:, self._first : self._end].copy()
        self._first, self._end = 0, count
