"""Where a body stands before the camera, and its pose on the rays of its keypoints: what the refine module compares."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any
"""A NumPy array or a PyTorch tensor."""

_FEWEST_JOINTS = 6  # three unknowns, two equations per joint, and keypoints that are wrong
_LEAST_SPREAD = 1e-8
_NEAREST_M = 0.2


def root_position(lifted: Array, rays: Array, weight: Array, xp: Any = np) -> tuple[Array, Array]:
    """The pelvis' position at which a lifted pose projects onto its keypoints best.

    Least squares, weighted, over x + t_x = u (z + t_z) and y + t_y = v (z + t_z): linear in t, residuals in metres.

    Args:
        lifted: [N, J, 3], metres, relative to the pelvis, axes of the view.
        rays: [N, J, 2], (u, v): a joint is seen along (u, v, 1).
        weight: [N, J], 0 for joints that are not seen.
        xp: functions of the array API for these arrays, if they aren't NumPy's.

    Returns:
        position [N, 3], metres, axes of the view, and bool [N], whether it could be found: it needs six joints,
        and a body that lies in front of the camera.
    """
    share = (weight / weight.sum(-1)[:, None].clip(1e-9))[..., None]
    depth = lifted[..., 2]
    offset = rays * depth[..., None] - lifted[..., :2]  # t_x - u t_z, t_y - v t_z
    mean_ray, mean_offset = (share * rays).sum(1), (share * offset).sum(1)
    about = rays - mean_ray[:, None]
    spread = (share * about**2).sum(-1).sum(-1)
    distance = -(share * about * offset).sum(-1).sum(-1) / spread.clip(_LEAST_SPREAD)
    position = xp.concat([mean_offset + mean_ray * distance[:, None], distance[:, None]], axis=-1)
    nearest = xp.min(xp.where(weight > 0, depth, xp.zeros_like(depth)), axis=-1) + distance
    found = ((weight > 0).sum(-1) >= _FEWEST_JOINTS) & (spread > _LEAST_SPREAD) & (nearest > _NEAREST_M)
    return position, found


def fit_on_rays(lifted: Array, keypoints: Array, scale: Array, xp: Any = np) -> Array:
    """The second pose of the refine module: the joints at the lifted depths, on the rays of their keypoints.

    As in Cai et al. 2019 (section 3.4) and Li et al. 2022, but for the pelvis' distance, which they take from the
    truth: here it is that of ``root_position``, and the pose is relative to that place, not to the ray of the pelvis.

    Args:
        lifted: [N, J, 3], metres, relative to the pelvis (joint 0), axes of the view.
        keypoints: [N, J, 3], (x, y, confidence) of the same frames as in ``Window``.
        scale: [N], factor from keypoints to rays, as in ``Window``; 0 where it is not known.
        xp: functions of the array API for these arrays, if they aren't NumPy's.

    Returns:
        [N, J, 3]; joints that are not seen, and poses that could not be placed, stay as they were lifted.
    """
    rays, weight = keypoints[..., :2] * scale[:, None, None], keypoints[..., 2]
    position, found = root_position(lifted, rays, weight, xp)
    placed = lifted + position[:, None]
    xy = rays * placed[..., 2:] - position[:, None, :2]
    usable = (weight > 0) & found[:, None]
    body = xp.concat([xp.where(usable[..., None], xy, lifted[..., :2]), lifted[..., 2:]], axis=-1)
    return xp.concat([lifted[:, :1], body[:, 1:]], axis=1)
