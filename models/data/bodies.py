"""New motion from captured motion: mirror, crossover, limb lengths, bent joints, sitting, leaning, lying.

The captured people are few and mostly upright, and poses outside of that are what a lifter gets wrong. After Li et
al., "Cascaded Deep Monocular 3D Human Pose Estimation with Evolutionary Training Data" (CVPR 2020): crossover puts
body parts of one window on the body of another, mutation turns limbs smoothly. Everything works on whole batches
[B, T, 26, 3] in metres, Y up, so that one CPU core keeps up with training.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data.mocap import MOCAP_26, STATURE_M, stature_m

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

# Each point hangs on a parent; the order of the array is not the order of the tree (spine before arms is).
PARENT = np.array([-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 8, 11, 12, 8, 14, 15, 8, 8, 8, 8, 8, 6, 6, 3, 3])
_FACE = (9, 10, 17, 18, 19, 20, 21)
_UPPER = (7, 8, *_FACE, 11, 12, 13, 14, 15, 16)
# part -> (points, root they hang on, frame they are carried in)
_PARTS = {
    "upper": (_UPPER, 0, "pelvis"),
    "left arm": ((12, 13), 11, "thorax"),
    "right arm": ((15, 16), 14, "thorax"),
    "left leg": ((5, 6, 22, 23), 4, "pelvis"),
    "right leg": ((2, 3, 24, 25), 1, "pelvis"),
    "head": (_FACE, 8, "thorax"),
}
_LIMBS = (  # points whose offset from the parent is scaled together
    ((1, 4), 0.08),
    ((2, 5), 0.07),
    ((3, 6), 0.07),
    ((7, 8), 0.06),
    (_FACE, 0.06),
    ((11, 14), 0.08),
    ((12, 15), 0.07),
    ((13, 16), 0.07),
)
_SUBTREE = {
    1: (2, 3, 24, 25),
    4: (5, 6, 22, 23),
    11: (12, 13),
    14: (15, 16),
    0: _UPPER,
    8: _FACE,
    7: (8, *_FACE, 11, 12, 13, 14, 15, 16),
}
AS_CAPTURED = 0.4
"""Share of training windows whose motion is not changed."""

# joint -> (probability, standard deviation in degrees) of a smooth random turn of all that hangs on it
_MUTATION = {1: (0.25, 18), 4: (0.25, 18), 11: (0.3, 35), 14: (0.3, 35), 0: (0.3, 14), 7: (0.25, 10), 8: (0.3, 14)}


def vary(points_m: F32, rng: np.random.Generator, as_captured: float = AS_CAPTURED) -> F32:
    """Turn captured windows into new ones.

    Args:
        points_m: float32 [B, T, 26, 3], metres, Y up.
        rng: source of all choices.
        as_captured: share of the windows whose motion stays what it was, but for mirror, limb lengths and yaw: most
            people move like the captured ones, so the network should see them undistorted too.

    Returns:
        float32 [B, T, 26, 3]: bodies of ``STATURE_M``, any yaw, some leaning or lying.
    """
    free = rng.random(len(points_m)) >= as_captured
    points = mirror(points_m, rng.random(len(points_m)) < 0.5)
    points = np.where(free[:, None, None, None], crossover(points, rng), points)
    offsets = _offsets(points)
    root = points[:, :, 0]
    _scale_limbs(offsets, rng)
    _bend_legs(points, offsets, rng, free)
    _turn_joints(offsets, rng, free)
    points = _assemble(root, offsets)
    points = points * (STATURE_M / stature_m(points).mean(1))[:, None, None, None]
    return _turn_body(points, rng, free).astype(np.float32)


def mirror(points_m: F32, which: NDArray[np.bool_]) -> F32:
    """Exchange left and right of the windows ``which`` [B] of [B, T, 26, 3]."""
    flipped = points_m[:, :, MOCAP_26.mirror] * np.array([-1, 1, 1], np.float32)
    return np.where(which[:, None, None, None], flipped, points_m)


def crossover(points_m: F32, rng: np.random.Generator, probability: float = 0.5) -> F32:
    """Put body parts of other windows of the batch on some of the windows; [B, T, 26, 3]."""
    out = points_m.copy()
    for points, root, frame_name in _PARTS.values():
        chance = probability if frame_name == "pelvis" and root == 0 else probability / 2
        which = np.flatnonzero(rng.random(len(out)) < chance)
        donors = rng.integers(0, len(out), len(which))
        own = _frame(out[which], frame_name)
        other = _frame(points_m[donors], frame_name)
        carried = points_m[donors][:, :, points] - points_m[donors][:, :, root, None]
        local = rotate(other, carried)
        out[which[:, None, None], np.arange(out.shape[1])[None, :, None], np.array(points)] = (
            local @ own + out[which][:, :, root, None]
        )
    return out


def _frame(points: F32, name: str) -> F32:
    """Axes (left, up, front) of pelvis or thorax as rows [B, T, 3, 3]."""
    if name == "pelvis":
        left, up = points[:, :, 4] - points[:, :, 1], points[:, :, 7] - points[:, :, 0]
    else:
        left, up = points[:, :, 11] - points[:, :, 14], points[:, :, 8] - points[:, :, 7]
    left = _unit(left)
    up = _unit(up - (up * left).sum(-1, keepdims=True) * left)
    return np.stack([left, up, np.cross(left, up)], -2)


def _unit(vectors: F32) -> F32:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def _offsets(points: F32) -> F32:
    offsets = points - points[:, :, np.maximum(PARENT, 0)]
    offsets[:, :, 0] = 0
    return offsets


def _assemble(root: F32, offsets: F32) -> F32:
    points = offsets.copy()
    points[:, :, 0] = root
    for joint in range(1, len(PARENT)):
        points[:, :, joint] += points[:, :, PARENT[joint]]
    return points


def _scale_limbs(offsets: F32, rng: np.random.Generator) -> None:
    for points, sigma in _LIMBS:
        factor = np.exp(rng.normal(0, sigma, len(offsets))).clip(0.75, 1.3)
        offsets[:, :, points] *= factor[:, None, None, None]


def _bend_legs(points: F32, offsets: F32, rng: np.random.Generator, free: Bools) -> None:
    """Sit, squat, kneel or lift a leg: flex the hips of legs that are nearly straight, and their knees."""
    batch = len(offsets)
    left_axis = _frame(points, "pelvis")[:, :, 0]
    both = free & (rng.random(batch) < 0.14)
    one = free & (rng.random(batch) < 0.12)
    hip, knee = np.deg2rad(rng.uniform(20, 115, batch)), np.deg2rad(rng.uniform(10, 130, batch))
    kneeling = rng.random(batch) < 0.2  # thighs stay, shanks fold back
    side = rng.integers(0, 2, batch)
    for number, (thigh, shank, feet) in enumerate(((2, 3, (24, 25)), (5, 6, (22, 23)))):
        flexion = (_unit(offsets[:, :, thigh]) * _unit(offsets[:, :, shank])).sum(-1).min(1)
        chosen = (both | (one & (side == number))) & (flexion > np.cos(np.deg2rad(35)))
        wobble = rng.normal(0, np.deg2rad(6), batch)
        up = np.where(chosen, np.where(kneeling, 0.1 * hip, hip) + wobble, 0.0)
        back = np.where(chosen, knee + wobble, 0.0)
        turn_thigh = _rotation(left_axis * -up[:, None, None])
        turn_shank = _rotation(left_axis * (back - up)[:, None, None])
        offsets[:, :, thigh] = rotate(turn_thigh, offsets[:, :, thigh, None])[:, :, 0]
        for point in (shank, *feet):
            offsets[:, :, point] = rotate(turn_shank, offsets[:, :, point, None])[:, :, 0]


def _turn_joints(offsets: F32, rng: np.random.Generator, free: Bools) -> None:
    """Turn what hangs on a joint about a random axis by an angle that drifts slowly through the window."""
    batch, frames = offsets.shape[:2]
    time = np.linspace(-0.5, 0.5, frames, dtype=np.float32)[None, :, None]
    for joint, (probability, sigma_deg) in _MUTATION.items():
        which = np.flatnonzero(free & (rng.random(batch) < probability))
        if not len(which):
            continue
        sigma = np.deg2rad(sigma_deg)
        still = rng.normal(0, sigma / np.sqrt(3) * 1.5, (len(which), 1, 3))
        drift = rng.normal(0, sigma / 4, (len(which), 1, 3))
        turn = _rotation((still + drift * time).astype(np.float32))
        points = np.array(_SUBTREE[joint])
        grid = np.ix_(which, np.arange(frames), points)
        offsets[grid] = rotate(turn, offsets[grid])


def _turn_body(points: F32, rng: np.random.Generator, free: Bools) -> F32:
    """Random yaw for all, a lean for some, any tilt for a few; about the middle frame's pelvis."""
    batch = len(points)
    yaw = rng.uniform(-np.pi, np.pi, batch)
    kind = np.where(free, rng.random(batch), 0.0)
    tilt = np.where(kind < 0.6, rng.normal(0, 5, batch), rng.normal(0, 28, batch))
    tilt = np.deg2rad(np.where(kind > 0.9, rng.uniform(30, 100, batch), tilt))
    heading = rng.uniform(-np.pi, np.pi, batch)
    zero = np.zeros(batch)
    turn_yaw = _rotation(np.stack([zero, yaw, zero], -1).astype(np.float32))
    turn_tilt = _rotation(np.stack([np.cos(heading) * tilt, zero, np.sin(heading) * tilt], -1).astype(np.float32))
    middle = points[:, points.shape[1] // 2, None, None, 0]
    return rotate((turn_tilt @ turn_yaw)[:, None], points - middle)


def rotate(rotation: F32, points: F32) -> F32:
    """Rotate points [..., K, 3] by matrices [..., 3, 3] (``R @ x`` for each point)."""
    return points @ np.swapaxes(rotation, -1, -2)


def _rotation(vector: F32) -> F32:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] in radians (Rodrigues' formula)."""
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(vector / np.maximum(angle[..., 0], 1e-9), -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*x.shape, 3, 3)
    return np.eye(3, dtype=np.float32) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
