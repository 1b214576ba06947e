from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.skeletons import BLAZEPOSE_33, COCO_17, H36M_17, blazepose33_to_coco17, coco17_to_h36m17

ALL = (COCO_17, H36M_17, BLAZEPOSE_33)
coordinates = arrays(np.float32, (17, 2), elements=st.floats(-2000, 2000, width=32))


@pytest.mark.parametrize("skeleton", ALL, ids=lambda s: s.name)
def test_bones_join_all_joints_and_pairs_are_mirrored(skeleton) -> None:
    reached = {0} | {joint for bone in skeleton.bones for joint in bone}
    unjoined = {skeleton.joints[i] for i in range(len(skeleton)) if i not in reached}
    # detectors' finger and inner-eye points are not drawn
    assert all("eye" in name or "pinky" in name or "thumb" in name for name in unjoined)
    assert (skeleton.mirror[skeleton.mirror] == np.arange(len(skeleton))).all()
    assert {skeleton.sides[i] for i, _ in skeleton.pairs} == {"left"}
    assert {skeleton.sides[j] for _, j in skeleton.pairs} == {"right"}


def test_joint_counts_and_order() -> None:
    assert [len(s) for s in ALL] == [17, 17, 33]
    assert H36M_17.joints[:4] == ("pelvis", "r_hip", "r_knee", "r_ankle")
    assert H36M_17.index("r_wrist") == 16
    with pytest.raises(KeyError, match="no joint 'tail'"):
        H36M_17.index("tail")


def test_conversion_by_hand() -> None:
    points = np.zeros((17, 2), np.float32)
    points[COCO_17.index("l_hip")] = (10, 100)
    points[COCO_17.index("r_hip")] = (-10, 100)
    points[COCO_17.index("l_shoulder")] = (20, 0)
    points[COCO_17.index("r_shoulder")] = (-20, 0)
    points[COCO_17.index("nose")] = (0, -40)
    for side, x in (("l", 3), ("r", -3)):
        points[COCO_17.index(f"{side}_eye")] = (x, -45)
        points[COCO_17.index(f"{side}_ear")] = (2 * x, -42)
    out, score = coco17_to_h36m17(points, np.ones(17, np.float32))
    expected = {"pelvis": (0, 100), "thorax": (0, 0), "spine": (0, 50), "nose": (0, -30), "head": (0, -47)}
    for joint, place in expected.items():
        assert out[H36M_17.index(joint)] == pytest.approx(place, abs=1e-4)
    assert (score == 1).all()


@given(coordinates, st.integers(0, 16))
def test_a_missing_part_makes_its_joints_missing(points, missing: int) -> None:
    score = np.full(17, 0.5, np.float32)
    score[missing] = 0
    out, out_score = coco17_to_h36m17(points, score)
    assert (np.isnan(out).all(-1) == (out_score == 0)).all()
    assert np.isfinite(out[out_score > 0]).all()
    assert (out_score == 0).sum() >= 1


@given(coordinates)
def test_conversion_commutes_with_mirroring(points) -> None:
    score = np.ones(17, np.float32)
    flip = np.array([-1, 1], np.float32)
    mirrored_first, _ = coco17_to_h36m17(points[COCO_17.mirror] * flip, score)
    mirrored_last = coco17_to_h36m17(points, score)[0][H36M_17.mirror] * flip
    assert mirrored_first == pytest.approx(mirrored_last, abs=1e-2)


def test_blazepose_is_a_subset() -> None:
    points = np.stack([np.arange(33), np.arange(33) * 2], -1).astype(np.float32)
    out, _ = blazepose33_to_coco17(points, np.ones(33, np.float32))
    assert out[:, 0].tolist() == [BLAZEPOSE_33.index(joint) for joint in COCO_17.joints]
