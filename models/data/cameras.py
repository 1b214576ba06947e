"""Random virtual cameras: world motion to camera axes and pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from models.data.arrays import Array, Random, float32, like, namespace
from models.data.bodies import rotate
from pipeline.place.scale import MODEL_STATURE_M

_PICTURES_PX = ((1280, 720), (1280, 720), (1280, 720), (960, 720), (720, 1280), (1000, 1000))
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
        body_px: float32 [B], how long a body of ``MODEL_STATURE_M`` is in the picture.
    """

    xyz_m: Array
    xy_px: Array
    inside: Array
    size_px: Array
    focal_px: Array
    body_px: Array


def random_views(points_m: Array, rate_hz: Array, rng: Random) -> View:
    """See each window [B, T, P, 3] (Y up, pelvis of the middle frame at the origin) by a random camera.

    Horizontal field of view of the longer side 30-90 degrees, distance 2-12 m (some 0.8-2 m: desks), pitch
    N(8, 18) degrees looking down, roll N(0, 8), the person anywhere in the picture; some cameras pan.
    """
    batch, frames = points_m.shape[:2]
    xp = namespace(points_m)
    size = like(points_m, _PICTURES_PX, "float32")[rng.integers(0, len(_PICTURES_PX), batch)]
    longer = xp.max(size, axis=1)
    focal = longer / 2 / xp.tan(rng.uniform(30, 90, batch) * (math.pi / 360))
    near = rng.random(batch) < 0.1
    # Uniform in the logarithm: 0.8 to 2 m, or 2 to 12 m.
    where = rng.random(batch)
    distance = xp.where(near, 0.8 * (2 / 0.8) ** where, 2 * (12 / 2) ** where)
    pitch, roll = (math.pi / 180) * rng.normal(8, 18, batch), (math.pi / 180) * rng.normal(0, 8, batch)
    axes = float32(_camera_axes(pitch, roll))
    # Place of the pelvis in the picture: mostly near the middle; people close by fill the picture, their pelvis is low.
    place = rng.normal(0, 0.16, (batch, 2)).clip(-0.45, 0.45)
    place[:, 1] += xp.where(near, rng.uniform(0.1, 0.6, batch), 0.0)
    ray = xp.concat([place * size / focal[:, None], xp.ones_like(place[:, :1])], axis=1)
    centre = ray / xp.linalg.vector_norm(ray, axis=1, keepdims=True) * distance[:, None]
    seen = rotate(axes[:, None], points_m) + float32(centre)[:, None, None]
    # Nobody walks through the camera: push the whole window away until its nearest point is in front.
    push = (_NEAREST_M - xp.min(seen[..., 2], axis=(1, 2))).clip(0)
    seen[..., 2] += push[:, None, None]
    seen = _pan(seen, rate_hz, rng)
    depth = seen[..., 2]
    xy = seen[..., :2] / depth.clip(0.05)[..., None] * focal[:, None, None, None] + size[:, None, None] / 2
    margin = 0.01 * longer[:, None, None, None]
    inside = ((xy > -margin) & (xy < size[:, None, None] + margin)).all(-1) & (depth > 0.1)
    middle = seen[:, frames // 2, 0]
    body = focal * MODEL_STATURE_M / xp.linalg.vector_norm(middle, axis=-1).clip(0.3)
    return View(float32(seen), float32(xy), inside, size, float32(focal), float32(body))


def _camera_axes(pitch: Array, roll: Array) -> Array:
    """World (Y up) to camera axes [B, 3, 3]; yaw is left to the bodies. Positive pitch looks down."""
    xp = namespace(pitch)
    zero, one = xp.zeros_like(pitch), xp.ones_like(pitch)
    turn = xp.stack(  # x right, y down, z away of a level camera that looks along +z of the world
        [-one, zero, zero, zero, -xp.cos(pitch), -xp.sin(pitch), zero, -xp.sin(pitch), xp.cos(pitch)], axis=-1
    ).reshape((-1, 3, 3))
    rolled = xp.stack(
        [xp.cos(roll), -xp.sin(roll), zero, xp.sin(roll), xp.cos(roll), zero, zero, zero, one], axis=-1
    ).reshape((-1, 3, 3))
    return rolled @ turn


def _pan(seen: Array, rate_hz: Array, rng: Random) -> Array:
    """Turn some of the cameras slowly about their upright axis."""
    batch, frames = seen.shape[:2]
    xp = namespace(seen)
    speed = xp.where(rng.random(batch) < 0.12, rng.normal(0, 12, batch) * (math.pi / 180), 0.0) / rate_hz
    angle = (like(seen, range(frames)) - frames // 2)[None] * speed[:, None]
    cos, sin = xp.cos(angle)[..., None], xp.sin(angle)[..., None]
    x, z = seen[..., 0], seen[..., 2]
    return xp.stack([cos * x - sin * z, seen[..., 1], sin * x + cos * z], axis=-1)
