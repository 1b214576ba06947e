from __future__ import annotations

import numpy as np
import pytest

from pipeline.skeletons import COCO_17, H36M_17, coco17_to_h36m17
from pipeline.types import Window
from pipeline.window.buffer import WindowBuffer
from pipeline.window.image_plane import image_plane, window_in_picture
from tests.helpers.stand_ins import pose2d

SIZE = (640, 480)
FACE = ["nose", "l_eye", "r_eye", "l_ear", "r_ear"]


def keypoints(frames: int = 9) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    xy = rng.uniform((50, 50), (590, 430), (frames, 17, 2)).astype(np.float32)
    return xy, np.full((frames, 17), 0.9, np.float32)


def test_the_plane_of_a_picture() -> None:
    corners = np.array([[0, 0], [640, 480], [320, 240], [640, 0]])
    assert image_plane(corners, SIZE) == pytest.approx(np.array([[-1, -0.75], [1, 0.75], [0, 0], [1, -0.75]]))


def test_the_rules_of_the_published_demo() -> None:
    xy, score = keypoints(1)
    got, _ = window_in_picture(xy, score, SIZE)
    point = {name: image_plane(xy[0], SIZE)[n] for n, name in enumerate(COCO_17.joints)}
    made = dict(zip(H36M_17.joints, got[0], strict=True))
    shoulders, hips = (point["l_shoulder"] + point["r_shoulder"]) / 2, (point["l_hip"] + point["r_hip"]) / 2
    eyes = (point["l_eye"] + point["r_eye"]) / 2
    ears = (point["l_ear"] + point["r_ear"]) / 2
    thorax = shoulders + (point["nose"] - shoulders) / 3
    middle = (shoulders + hips) / 2
    assert made["pelvis"] == pytest.approx(hips, abs=1e-5)
    assert made["thorax"][0] == pytest.approx(thorax[0], abs=1e-5)
    assert made["thorax"][1] == pytest.approx(thorax[1] - 2 / 3 * (eyes[1] - point["nose"][1]), abs=1e-5)
    assert made["spine"][0] == pytest.approx(middle[0] + 2 * (middle[0] - (hips[0] + thorax[0]) / 2), abs=1e-5)
    assert made["spine"][1] == pytest.approx(middle[1], abs=1e-5)
    assert made["nose"] == pytest.approx(0.75 * point["nose"] + 0.25 * shoulders, abs=1e-5)
    assert made["head"][0] == pytest.approx((eyes[0] + ears[0]) / 2, abs=1e-5)
    assert made["head"][1] == pytest.approx(2 * eyes[1] - point["nose"][1], abs=1e-5)
    for joint in ("r_ankle", "l_wrist", "r_shoulder"):
        assert made[joint] == pytest.approx(point[joint], abs=1e-6)


def test_a_hidden_face_falls_back_to_the_plain_rules() -> None:
    xy, score = keypoints(3)
    hidden = [COCO_17.index(name) for name in FACE]
    xy[1, hidden], score[1, hidden] = np.nan, 0
    got, confidence = window_in_picture(xy, score, SIZE)
    plain, _ = coco17_to_h36m17(xy, score)
    thorax, spine, head = (H36M_17.index(name) for name in ("thorax", "spine", "head"))
    assert got[1, [thorax, spine]] == pytest.approx(image_plane(plain[1, [thorax, spine]], SIZE))
    assert confidence[1, thorax] > 0 and confidence[1, head] == 0
    assert got[1, head] == pytest.approx((got[0, head] + got[2, head]) / 2, abs=1e-5)  # filled over time


def test_joints_never_seen_lie_with_their_neighbour() -> None:
    xy, score = keypoints(5)
    legs = [COCO_17.index(name) for name in ("l_knee", "l_ankle")]
    xy[:, legs], score[:, legs] = np.nan, 0
    got, confidence = window_in_picture(xy, score, SIZE)
    hip, knee, ankle = (H36M_17.index(name) for name in ("l_hip", "l_knee", "l_ankle"))
    assert (got[:, knee] == got[:, hip]).all() and (got[:, ankle] == got[:, hip]).all()
    assert (confidence[:, [knee, ankle]] == 0).all()
    hips = [COCO_17.index(name) for name in ("l_hip", "r_hip")]
    xy[:, hips], score[:, hips] = np.nan, 0
    got, _ = window_in_picture(xy, score, SIZE)
    assert np.isfinite(got).all() and (np.abs(got) <= 1).all()
    nothing, confidence = window_in_picture(np.full_like(xy, np.nan), np.zeros_like(score), SIZE)
    assert (nothing == 0).all() and (confidence == 0).all()


def test_windows_for_a_published_checkpoint() -> None:
    """Where the person stands in the picture matters, unlike in windows normalised by the person."""
    xy, _ = keypoints(12)
    xy *= 0.5

    def windows(shift_px: float) -> list[Window]:
        buffer = WindowBuffer(0, 9, 4, SIZE, normalisation="image")
        due = []
        for n in range(12):
            due += buffer.push(pose2d(n, n / 30, xy[n] + shift_px))
        return [d.window for d in due + buffer.finish() if d.window is not None]

    here, there = windows(0), windows(64)
    assert [w.target_index for w in here] == list(range(12))
    for a, b in zip(here, there, strict=True):
        assert (a.rotation == np.eye(3)).all()
        assert b.keypoints[..., :2] == pytest.approx(a.keypoints[..., :2] + 0.2, abs=1e-5)
    expected, _ = window_in_picture(xy[1:10], np.full((9, 17), 0.9, np.float32), SIZE)
    assert here[5].keypoints[..., :2] == pytest.approx(expected, abs=1e-6)
    assert here[0].keypoints[0] == pytest.approx(here[0].keypoints[4])  # the edge frame is repeated
