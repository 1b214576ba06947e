"""Random virtual cameras: world motion to camera axes and pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.bodies import rotate

F32 = NDArray[np.float32]

_PICTURES_PX = np.array([(1280, 720), (1280, 720), (1280, 720), (960, 720), (720, 1280), (1000, 1000)], np.float32)
_NEAREST_M = 0.35


@dataclass(frozen=True)
class View:
    """A batch of windows as cameras see them.

    Attributes:
        xyz_m: float32 [B, T, P, 3], camera axes (x right, y down, z away).
        xy_px: float32 [B, T, P, 2].
        inside: bool [B, T, P], within the picture and in front of the camera.
        size_px: float32 [B, 2], width and height.
        focal_px: float32 [B].
        body_px: float32 [B], how long a body of 1.70 m is in the picture.
    """

    xyz_m: F32
    xy_px: F32
    inside: NDArray[np.bool_]
    size_px: F32
    focal_px: F32
    body_px: F32


def random_views(points_m: F32, rate_hz: F32, rng: np.random.Generator) -> View:
    """See each window [B, T, P, 3] (Y up, pelvis of the middle frame at the origin) by a random camera.

    Horizontal field of view of the longer side 30-90 degrees, distance 2-12 m (some 0.8-2 m: desks), pitch
    N(8, 18) degrees looking down, roll N(0, 8), the person anywhere in the picture; some cameras pan.
    """
    batch, frames = points_m.shape[:2]
    size = _PICTURES_PX[rng.integers(0, len(_PICTURES_PX), batch)]
    focal = size.max(1) / 2 / np.tan(np.deg2rad(rng.uniform(30, 90, batch)) / 2)
    near = rng.random(batch) < 0.1
    distance = np.exp(rng.uniform(np.log(np.where(near, 0.8, 2)), np.log(np.where(near, 2, 12))))
    pitch, roll = np.deg2rad(rng.normal(8, 18, batch)), np.deg2rad(rng.normal(0, 8, batch))
    axes = _camera_axes(pitch, roll).astype(np.float32)
    # Where the pelvis is seen: near the middle mostly; nearer people fill the picture, their pelvis lies low.
    place = np.clip(rng.normal(0, 0.16, (batch, 2)), -0.45, 0.45)
    place[:, 1] += np.where(near, rng.uniform(0.1, 0.6, batch), 0)
    ray = np.concatenate([place * size / focal[:, None], np.ones((batch, 1))], 1)
    centre = ray / np.linalg.norm(ray, axis=1, keepdims=True) * distance[:, None]
    seen = rotate(axes[:, None], points_m) + centre[:, None, None].astype(np.float32)
    # Nobody walks through the camera: push the whole window away until its nearest point is in front.
    push = np.maximum(_NEAREST_M - seen[..., 2].min((1, 2)), 0)
    seen[..., 2] += push[:, None, None]
    seen = _pan(seen, rate_hz, rng)
    depth = seen[..., 2]
    xy = seen[..., :2] / np.maximum(depth, 0.05)[..., None] * focal[:, None, None, None] + size[:, None, None] / 2
    margin = 0.01 * size.max(1)[:, None, None, None]
    inside = ((xy > -margin) & (xy < size[:, None, None] + margin)).all(-1) & (depth > 0.1)
    middle = seen[:, frames // 2, 0]
    body = focal * 1.7 / np.maximum(np.linalg.norm(middle, axis=-1), 0.3)
    return View(
        seen.astype(np.float32), xy.astype(np.float32), inside, size, focal.astype(np.float32), body.astype(np.float32)
    )


def _camera_axes(pitch: NDArray[np.float64], roll: NDArray[np.float64]) -> NDArray[np.float64]:
    """World (Y up) to camera axes [B, 3, 3]; yaw is left to the bodies. Positive pitch looks down."""
    zero, one = np.zeros_like(pitch), np.ones_like(pitch)
    turn = np.stack(  # x right, y down, z away of a level camera that looks along +z of the world
        [-one, zero, zero, zero, -np.cos(pitch), -np.sin(pitch), zero, -np.sin(pitch), np.cos(pitch)], -1
    ).reshape(-1, 3, 3)
    rolled = np.stack(
        [np.cos(roll), -np.sin(roll), zero, np.sin(roll), np.cos(roll), zero, zero, zero, one], -1
    ).reshape(-1, 3, 3)
    return rolled @ turn


def _pan(seen: NDArray[np.float64], rate_hz: F32, rng: np.random.Generator) -> NDArray[np.float64]:
    """Turn some of the cameras slowly about their upright axis."""
    batch, frames = seen.shape[:2]
    speed = np.where(rng.random(batch) < 0.12, np.deg2rad(rng.normal(0, 12, batch)), 0) / rate_hz
    angle = (np.arange(frames) - frames // 2)[None] * speed[:, None]
    cos, sin = np.cos(angle)[..., None], np.sin(angle)[..., None]
    x, z = seen[..., 0].copy(), seen[..., 2].copy()
    seen[..., 0], seen[..., 2] = cos * x - sin * z, sin * x + cos * z
    return seen
