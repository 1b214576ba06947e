"""Stand-in lifters that know the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.lift.base import LifterSpec
from pipeline.types import Pose3D, Window
from tests.helpers.stand_ins import LOADED


class TruthLifter:
    """Gives the true poses, changed by a function. Called once per clip, clips in order.

    Args:
        clips: float [T, 17, 3] of each clip.
        change: applied to a clip's poses [T, 17, 3].
    """

    def __init__(
        self,
        clips: Sequence[np.ndarray],
        change: Callable[[np.ndarray], np.ndarray] = lambda joints: joints,
        window: int = 9,
        lookahead: int = 4,
    ) -> None:
        self._clips, self._change = list(clips), change
        self.spec = LifterSpec(window, lookahead)
        self.models = {"lifter": LOADED}
        self._turn = 0

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        joints = self._change(self._clips[self._turn % len(self._clips)]).astype(np.float32)
        self._turn += 1
        return [
            Pose3D(w.track_id, w.target_index, w.target_time_s, joints[w.target_index], w.score, w.origin, True)
            for w in windows
        ]
