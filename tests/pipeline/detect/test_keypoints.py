from __future__ import annotations

import numpy as np

from pipeline.detect.keypoints import LEAST_SCORE, Keypoints
from pipeline.types import Frame, Origin

FRAME = Frame(7, 0.25, np.zeros((100, 100, 3), np.uint8))


def _keypoints(score: list[float]) -> Keypoints:
    xy = np.stack([np.arange(17) * 4 + 10, np.arange(17) * 5 + 5], axis=1).astype(np.float32)
    return Keypoints(xy, np.array(score, np.float32))


def test_unsure_joints_are_missing_and_the_box_leaves_them_out() -> None:
    pose = _keypoints([0.9] * 10 + [LEAST_SCORE / 2] * 7).to_pose(FRAME)
    assert (pose.frame_index, pose.time_s, pose.track_id) == (7, 0.25, 0)
    assert (pose.origin[:10] == Origin.MEASURED).all() and (pose.origin[10:] == Origin.MISSING).all()
    assert np.isnan(pose.xy_px[10:]).all() and (pose.score[10:] == 0).all()
    low, high = pose.xy_px[:10].min(0), pose.xy_px[:10].max(0)
    assert (pose.bbox_px[:2] < low).all() and (pose.bbox_px[2:] > high).all()
    assert pose.bbox_px[3] < 5 + 5 * 16


def test_without_any_sure_joint_the_pose_is_missing() -> None:
    assert _keypoints([0.0] * 17).to_pose(FRAME).is_missing


def test_half_a_body_is_as_present_as_a_whole_one() -> None:
    assert _keypoints([0.8] * 8 + [0.0] * 9).presence == _keypoints([0.8] * 17).presence
    assert _keypoints([0.8] * 4 + [0.0] * 13).presence < 0.5
