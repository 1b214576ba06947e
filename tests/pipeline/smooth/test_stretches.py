from __future__ import annotations

import numpy as np

from pipeline.smooth.presets import RESTART_S
from pipeline.smooth.stretches import Stretches
from pipeline.types import Pose3D


def pose(time_s: float, place_m: float, missing: tuple[int, ...] = ()) -> Pose3D:
    xyz = np.full((17, 3), place_m, np.float32)
    xyz[list(missing)] = np.nan
    return Pose3D(0, 0, time_s, xyz, np.ones(17, np.float32), np.zeros(17, np.uint8), True)


def test_it_holds_what_was_appended_and_not_dropped() -> None:
    recent = Stretches(10)
    kept: list[int] = []
    for n in range(100):
        while len(kept) >= 3 + n % 7:
            recent.drop_oldest()
            kept.pop(0)
        recent.append(pose(n / 30, n))
        kept.append(n)
        assert len(recent) == len(kept)
        np.testing.assert_allclose(recent.time_s, np.array(kept) / 30)
        np.testing.assert_array_equal(recent.points_m, np.tile(np.array(kept)[None, :, None], (17, 1, 3)))
        assert (recent.stretch == 1).all()


def test_a_stretch_ends_where_a_joint_was_away_for_long() -> None:
    recent = Stretches(10)
    for time_s, missing in [(0.0, ()), (0.1, (3,)), (0.2, (3,)), (0.3, ()), (0.3 + 1.01 * RESTART_S, ())]:
        recent.append(pose(time_s, 0.5, missing))
    assert recent.stretch[3].tolist() == [1, 0, 0, 2, 3]
    assert recent.stretch[4].tolist() == [1, 1, 1, 1, 2]
    assert recent.points_m[3, :, 0].tolist() == [0.5, 0, 0, 0.5, 0.5]


def test_nothing_is_carried_over_a_clear() -> None:
    recent = Stretches(10)
    recent.append(pose(5.0, 0.0))
    recent.clear()
    assert len(recent) == 0
    recent.append(pose(1.0, 0.0))
    recent.append(pose(1.1, 0.0))
    assert (recent.stretch[:, 0] == recent.stretch[:, 1]).all() and (recent.stretch > 0).all()
