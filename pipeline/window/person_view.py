"""Normalisation by the person: the lifter sees every window from a camera that looks straight at it.

A person at the edge of a picture is seen along an oblique ray. The same crop then belongs to another
orientation in camera axes (up to half the field of view) and is stretched by perspective, which a network
that sees only the crop can't know. So each window is looked at through a virtual camera with the same centre,
turned to the person; the network works in the axes of that view, and its output is turned back. The focal
length is needed for that; where it is unknown, ``ASSUMED_FOCAL`` takes its place, in training as in use.
The idea is that of perspective crop layers (Yu et al., "PCLs: Geometry-aware Neural Reconstruction of 3D Pose
with Perspective Crop Layers", CVPR 2021), here for keypoints and one view per window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32

ASSUMED_FOCAL = 0.85
"""Focal length where it is unknown, in units of the longer picture side: a phone's or webcam's 61 degrees."""

_MIN_BOX_JOINTS = 3
_MIN_SCALE = 1e-4
_MIN_DEPTH = 0.2  # keeps points that lie almost beside the camera finite


def assumed_focal_px(width_px: int, height_px: int) -> float:
    """Focal length in pixels for a picture whose camera is unknown."""
    return ASSUMED_FOCAL * max(width_px, height_px)


def view_of_person(
    xy_px: F32, visible: NDArray[np.bool_], focal_px: F32, centre_px: F32, xp: Any = np
) -> tuple[F32, F32, F32]:
    """Turn a virtual camera to the person of each window and scale the person to unit size.

    Args:
        xy_px: [B, T, J, 2] keypoints, pixels, x right, y down; any value where not visible.
        visible: [B, T, J], which keypoints to use.
        focal_px: [B] focal length.
        centre_px: [B, 2] principal point (the middle of the picture if unknown).
        xp: functions of the array API for these arrays, if they aren't NumPy's.

    Returns:
        xy: float32 [B, T, J, 2]; the person's middle near (0, 0), the longer side of the person's box (median
            over the window) is 2; 0 where not visible.
        rotation: float32 [B, 3, 3], camera axes to view axes. A window without visible joints gets identity.
        scale: float32 [B], factor to rays: a keypoint (x, y) is seen along (scale x, scale y, 1) of the view.
    """
    plane = (xp.where(visible[..., None], xy_px, 0.0) - centre_px[:, None, None]) / focal_px[:, None, None, None]
    low, high, has_box = _boxes(plane, visible, xp)
    count = has_box.sum(1).clip(1)[:, None]
    middle = xp.where(has_box[..., None], (low + high) / 2, 0.0).sum(1) / count
    rotation = _look_at(middle, xp)
    rays = xp.concat([plane, xp.ones_like(plane[..., :1])], axis=-1)
    turned = rays @ rotation.swapaxes(-1, -2)[:, None]
    view = turned[..., :2] / turned[..., 2:].clip(_MIN_DEPTH)
    low, high, has_box = _boxes(view, visible, xp)
    scale = _median_size(xp.max(high - low, axis=-1), has_box, xp) / 2
    xy = xp.where(visible[..., None], view / scale[:, None, None, None], 0.0)
    return xp.astype(xy, xp.float32), xp.astype(rotation, xp.float32), xp.astype(scale, xp.float32)


def _boxes(xy: NDArray[np.floating], visible: NDArray[np.bool_], xp: Any) -> tuple[F32, F32, NDArray[np.bool_]]:
    """Lower and upper corners [B, T, 2] of the visible joints, and which frames have a box [B, T]."""
    mask = visible[..., None]
    low = xp.min(xp.where(mask, xy, xp.inf), axis=2)
    high = xp.max(xp.where(mask, xy, -xp.inf), axis=2)
    has_box = visible.sum(2) >= _MIN_BOX_JOINTS
    low = xp.where(has_box[..., None], low, 0.0)
    high = xp.where(has_box[..., None], high, 0.0)
    return low, high, has_box


def _median_size(size: F32, has_box: NDArray[np.bool_], xp: Any) -> F32:
    """Median [B] of the sizes [B, T] over the frames that have a box; 1 where none has."""
    ordered = xp.sort(xp.where(has_box, size, xp.inf), axis=1)
    count = has_box.sum(1)[:, None]
    lower = xp.take_along_axis(ordered, ((count - 1) // 2).clip(0), axis=1)[:, 0]
    upper = xp.take_along_axis(ordered, (count // 2).clip(0, size.shape[1] - 1), axis=1)[:, 0]
    count = count[:, 0]
    upper = xp.where(count % 2 == 0, upper, lower)
    with np.errstate(invalid="ignore"):
        median = (lower + upper) / 2
    scale: F32 = xp.where(count > 0, median.clip(_MIN_SCALE), 2.0)
    return scale


def _look_at(direction: F32, xp: Any) -> F32:
    """Rotations [B, 3, 3] that take the ray (x, y, 1) of ``direction`` [B, 2] to the z axis without roll."""
    x, y = direction[:, 0], direction[:, 1]
    flat = xp.hypot(x, xp.ones_like(x))
    sin_yaw, cos_yaw = x / flat, 1.0 / flat
    whole = xp.hypot(flat, y)
    sin_pitch, cos_pitch = y / whole, flat / whole
    zero = xp.zeros_like(x)
    rows = (
        xp.stack([cos_yaw, zero, -sin_yaw], axis=-1),
        xp.stack([-sin_pitch * sin_yaw, cos_pitch, -sin_pitch * cos_yaw], axis=-1),
        xp.stack([cos_pitch * sin_yaw, sin_pitch, cos_pitch * cos_yaw], axis=-1),
    )
    rotation: F32 = xp.stack(rows, axis=-2)
    return rotation
