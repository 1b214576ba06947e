"""The floor of the 3D panel: poses are relative to the pelvis, but a viewer expects feet on a floor."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32
from pipeline.skeletons import H36M_17
from pipeline.types import Pose3D

# An ankle joint of a standing person is about this far above the floor (0.046 of a stature of 1.70 m; Winter,
# "Biomechanics and Motor Control of Human Movement").
_ANKLE_M = 0.08
# Height of the pelvis of a standing person, used when no ankle is known.
_STANDING_M = 0.92
# Fastest fall of the pelvis, as in a brisk squat. While the legs are tucked in a jump or a somersault, the body stays
# up, as it does in reality.
_SINK_M_PER_S = 0.9
_ANKLES = [H36M_17.index("l_ankle"), H36M_17.index("r_ankle")]


class Ground:
    """Finds the height of each person's pelvis above the floor, frame after frame.

    The lowest joint stands on the floor. The pelvis rises at once, so that nothing goes below the floor, and comes down
    with a limited speed, so that it does not jitter.
    """

    def __init__(self) -> None:
        self._last: dict[int, tuple[float, float]] = {}

    def heights_m(self, poses: list[Pose3D]) -> list[float]:
        """Height of the pelvis above the floor for each pose of one frame, metres."""
        now = {pose.track_id: (pose.time_s, self._height_m(pose)) for pose in poses}
        self._last = now
        return [now[pose.track_id][1] for pose in poses]

    def _height_m(self, pose: Pose3D) -> float:
        needed_m = _needed_m(pose.xyz_m)
        if pose.track_id not in self._last:
            return needed_m
        then_s, before_m = self._last[pose.track_id]
        return max(needed_m, before_m - _SINK_M_PER_S * max(pose.time_s - then_s, 0.0))


def _needed_m(xyz_m: F32) -> float:
    down_m = xyz_m[:, 1]
    if not np.isfinite(down_m[_ANKLES]).any():
        return _STANDING_M
    return float(np.nanmax(down_m)) + _ANKLE_M
