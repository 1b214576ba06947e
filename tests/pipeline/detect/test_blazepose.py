from __future__ import annotations

import math

import numpy as np

from pipeline.detect.blazepose import BlazePose, joint_score, refine
from pipeline.detect.keypoints import Keypoints
from pipeline.skeletons import COCO_17


def test_refining_moves_a_landmark_to_its_peak() -> None:
    heat_map = np.full((64, 64, 1), -20, np.float32)
    heat_map[20, 33] = 6
    uv = refine(np.array([[31.4 / 64, 21.2 / 64]]), heat_map)
    np.testing.assert_allclose(uv, [[33 / 64, 20 / 64]], atol=1e-4)


def test_refining_leaves_unsure_and_outside_landmarks_alone() -> None:
    uv = np.array([[0.5, 0.5], [-0.2, 0.3], [0.999, 1.4]])
    np.testing.assert_array_equal(refine(uv, np.full((64, 64, 3), -3, np.float32)), uv)


def test_refining_at_the_border_stays_inside() -> None:
    heat_map = np.full((64, 64, 2), -20, np.float32)
    heat_map[0, 0, 0] = heat_map[63, 63, 1] = 5
    uv = refine(np.array([[0.001, 0.001], [0.999, 0.999]]), heat_map)
    np.testing.assert_allclose(uv, np.array([[0, 0], [63 / 64, 63 / 64]]), atol=1e-4)


def test_covered_joints_keep_some_score_and_joints_outside_none() -> None:
    high, low = np.float32(8), np.float32(-8)
    visibility, presence = np.array([high, low, high]), np.array([high, high, low])
    seen, covered, outside = joint_score(visibility, presence)
    assert seen > 0.99 and 0.2 < covered < 0.4 and outside < 0.01


def test_first_region_is_turned_with_the_body(blazepose: BlazePose) -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    xy = np.full((17, 2), 200, np.float32)
    for joint, (x, y) in {
        "l_shoulder": (260, 190),
        "r_shoulder": (260, 210),
        "l_hip": (200, 190),
        "r_hip": (200, 210),
    }.items():
        xy[COCO_17.index(joint)] = x, y
    crop = blazepose.region(Keypoints(xy, np.ones(17, np.float32)), image)
    assert crop is not None
    assert math.isclose(crop.angle_rad, math.pi / 2, abs_tol=1e-6)  # the head points to the right
    np.testing.assert_allclose([crop.x_px, crop.y_px, crop.side_px], [200, 200, 2 * 1.25 * 1.9 * 60], rtol=1e-5)


def test_no_region_from_joints_in_one_point(blazepose: BlazePose) -> None:
    joints = Keypoints(np.full((17, 2), 5, np.float32), np.ones(17, np.float32))
    assert blazepose.region(joints, np.zeros((10, 10, 3), np.uint8)) is None
