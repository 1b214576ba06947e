from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.window.person_view import assumed_focal_px, view_of_person

FOCAL, CENTRE = np.array([1000.0], np.float32), np.array([[640.0, 360.0]], np.float32)
BODY = np.random.default_rng(1).normal(0, 0.4, (1, 5, 17, 3)).astype(np.float32)
ALL = np.ones((1, 5, 17), bool)


def project(points: np.ndarray) -> np.ndarray:
    return (points[..., :2] / points[..., 2:] * FOCAL + CENTRE).astype(np.float32)


def rotation(yaw: float, pitch: float) -> np.ndarray:
    a, b = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]), np.eye(3)
    b[1:, 1:] = [[np.cos(pitch), -np.sin(pitch)], [np.sin(pitch), np.cos(pitch)]]
    return (a @ b).astype(np.float32)


@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4), st.floats(3, 12))
@settings(deadline=None)
def test_rotations_are_proper_and_the_person_fills_the_unit_box(x: float, y: float, z: float) -> None:
    xy, turn, _ = view_of_person(project(BODY + np.array([x * z, y * z, z], np.float32)), ALL, FOCAL, CENTRE)
    assert turn[0] @ turn[0].T == pytest.approx(np.eye(3), abs=1e-5)
    assert np.linalg.det(turn[0]) == pytest.approx(1, abs=1e-5)
    size = (xy.max(2) - xy.min(2)).max(-1)
    assert np.median(size) == pytest.approx(2, abs=1e-4)
    assert abs((xy.max(2) + xy.min(2)).mean() / 2) < 0.15


@given(st.floats(-0.45, 0.45), st.floats(-0.35, 0.35))
@settings(deadline=None)
def test_a_person_looks_alike_wherever_the_camera_points(yaw: float, pitch: float) -> None:
    """Turning the camera about its centre turns the view's rotation and leaves the keypoints."""
    straight = BODY + np.array([0, 0, 6], np.float32)
    turned = straight @ rotation(yaw, pitch).T
    xy_a, rotation_a, _ = view_of_person(project(straight), ALL, FOCAL, CENTRE)
    xy_b, rotation_b, _ = view_of_person(project(turned), ALL, FOCAL, CENTRE)
    # the two views may differ by a roll and by the box's shift under that roll: compare what they give for the body
    a = np.einsum("ij,tkj->tki", rotation_a[0], BODY[0])
    b = np.einsum("ij,tkj->tki", rotation_b[0] @ rotation(yaw, pitch), BODY[0])
    roll = np.arctan2(*(rotation_b[0] @ rotation(yaw, pitch) @ rotation_a[0].T)[[1, 0], [0, 0]])
    spin = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    assert a @ spin.T == pytest.approx(b, abs=0.08)
    scale = np.linalg.norm(xy_b[0]) / np.linalg.norm(xy_a[0])
    assert xy_a[0] @ spin[:2, :2].T * scale == pytest.approx(xy_b[0], abs=0.12)


def test_size_and_place_in_the_picture_do_not_matter() -> None:
    near, _, _ = view_of_person(project(BODY * 0.01 + np.array([0, 0, 1], np.float32)), ALL, FOCAL, CENTRE)
    far, _, _ = view_of_person(project(BODY * 0.01 + np.array([0, 0, 2], np.float32)), ALL, FOCAL, CENTRE)
    assert near == pytest.approx(far, abs=0.02)


def test_invisible_joints_are_zero_and_do_not_count() -> None:
    xy_px = project(BODY + np.array([0, 0, 5], np.float32))
    wrong = xy_px.copy()
    visible = ALL.copy()
    visible[0, 2, 3] = visible[0, :, 9] = False
    wrong[~visible] = np.nan
    far_off = xy_px.copy()
    far_off[~visible] = 1e5
    a, _, _ = view_of_person(wrong, visible, FOCAL, CENTRE)
    b, _, _ = view_of_person(far_off, visible, FOCAL, CENTRE)
    assert (a == b).all() and (a[~visible] == 0).all() and np.isfinite(a).all()


@pytest.mark.parametrize("joints", [0, 1, 2])
def test_hardly_anything_visible_is_no_crash(joints: int) -> None:
    visible = np.zeros_like(ALL)
    visible[..., :joints] = True
    xy, turn, _ = view_of_person(project(BODY + np.array([0, 0, 5], np.float32)), visible, FOCAL, CENTRE)
    assert np.isfinite(xy).all() and turn[0] == pytest.approx(np.eye(3), abs=1e-6)


def test_assumed_focal_length_follows_the_longer_side() -> None:
    assert assumed_focal_px(1280, 720) == assumed_focal_px(720, 1280) == pytest.approx(1088)
