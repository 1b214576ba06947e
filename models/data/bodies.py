"""New motion from captured motion: mirror, crossover, limb lengths, bent joints, sitting, leaning, lying.

The captured people are few and mostly upright, and a lifter is worst at other poses. After Li et
al., "Cascaded Deep Monocular 3D Human Pose Estimation with Evolutionary Training Data" (CVPR 2020): crossover puts
body parts of one window on the body of another, mutation turns limbs smoothly. Everything works on whole batches
[B, T, 26, 3] in metres, Y up, so that one CPU core keeps up with training; and on arrays of either kind, see
``models/data/arrays.py``.
"""

from __future__ import annotations

import math

from models.data.arrays import Array, Random, float32, like, namespace
from models.data.mocap import MOCAP_26, stature_m
from pipeline.place.scale import MODEL_STATURE_M

# Each point hangs on a parent; the order of the array is not the order of the tree (spine before arms is).
PARENT = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 8, 8, 11, 12, 8, 14, 15, 8, 8, 8, 8, 8, 6, 6, 3, 3)
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


def vary(points_m: Array, rng: Random, as_captured: float = AS_CAPTURED) -> Array:
    """Turn captured windows into new ones.

    Args:
        points_m: float32 [B, T, 26, 3], metres, Y up.
        rng: source of all choices.
        as_captured: share of the windows whose motion is not changed, except by mirror, limb lengths and yaw: most
            people move like the captured ones, so the network should see them undistorted too.

    Returns:
        float32 [B, T, 26, 3]: bodies of ``MODEL_STATURE_M``, any yaw, some leaning or lying.
    """
    free = rng.random(len(points_m)) >= as_captured
    points = mirror(points_m, rng.random(len(points_m)) < 0.5)
    points = namespace(points).where(free[:, None, None, None], crossover(points, rng), points)
    offsets = _offsets(points)
    root = points[:, :, 0]
    _scale_limbs(offsets, rng)
    _bend_legs(points, offsets, rng, free)
    _turn_joints(offsets, rng, free)
    points = _assemble(root, offsets)
    points = points * (MODEL_STATURE_M / stature_m(points).mean(1))[:, None, None, None]
    return float32(_turn_body(points, rng, free))


def mirror(points_m: Array, which: Array) -> Array:
    """Exchange left and right of the windows ``which`` [B] of [B, T, 26, 3]."""
    flipped = points_m[:, :, like(points_m, MOCAP_26.mirror)] * like(points_m, [-1, 1, 1], "float32")
    return namespace(points_m).where(which[:, None, None, None], flipped, points_m)


def crossover(points_m: Array, rng: Random, probability: float = 0.5) -> Array:
    """Put body parts of other windows of the batch on some of the windows; [B, T, 26, 3]."""
    xp = namespace(points_m)
    out = xp.asarray(points_m, copy=True)
    frames = like(out, range(out.shape[1]))[None, :, None]
    for points, root, frame_name in _PARTS.values():
        chance = probability if frame_name == "pelvis" and root == 0 else probability / 2
        which = xp.nonzero(rng.random(len(out)) < chance)[0]
        donors = rng.integers(0, len(out), len(which))
        own = _frame(out[which], frame_name)
        other = _frame(points_m[donors], frame_name)
        part = like(out, points)
        carried = points_m[donors][:, :, part] - points_m[donors][:, :, root, None]
        local = rotate(other, carried)
        out[which[:, None, None], frames, part] = local @ own + out[which][:, :, root, None]
    return out


def _frame(points: Array, name: str) -> Array:
    """Axes (left, up, front) of pelvis or thorax as rows [B, T, 3, 3]."""
    if name == "pelvis":
        left, up = points[:, :, 4] - points[:, :, 1], points[:, :, 7] - points[:, :, 0]
    else:
        left, up = points[:, :, 11] - points[:, :, 14], points[:, :, 8] - points[:, :, 7]
    xp = namespace(points)
    left = _unit(left)
    up = _unit(up - (up * left).sum(-1)[..., None] * left)
    return xp.stack([left, up, xp.linalg.cross(left, up)], axis=-2)


def _unit(vectors: Array) -> Array:
    return vectors / namespace(vectors).linalg.vector_norm(vectors, axis=-1, keepdims=True).clip(1e-6)


def _offsets(points: Array) -> Array:
    offsets = points - points[:, :, like(points, [max(parent, 0) for parent in PARENT])]
    offsets[:, :, 0] = 0
    return offsets


def _assemble(root: Array, offsets: Array) -> Array:
    points = namespace(offsets).asarray(offsets, copy=True)
    points[:, :, 0] = root
    for joint in range(1, len(PARENT)):
        points[:, :, joint] += points[:, :, PARENT[joint]]
    return points


def _scale_limbs(offsets: Array, rng: Random) -> None:
    for points, sigma in _LIMBS:
        factor = float32(namespace(offsets).exp(rng.normal(0, sigma, len(offsets))).clip(0.75, 1.3))
        part = like(offsets, points)
        offsets[:, :, part] = offsets[:, :, part] * factor[:, None, None, None]


def _bend_legs(points: Array, offsets: Array, rng: Random, free: Array) -> None:
    """Sit, squat, kneel or lift a leg: flex the hips of legs that are nearly straight, and their knees."""
    batch, xp = len(offsets), namespace(offsets)
    left_axis = _frame(points, "pelvis")[:, :, 0]
    both = free & (rng.random(batch) < 0.14)
    one = free & (rng.random(batch) < 0.12)
    hip, knee = _radians(rng.uniform(20, 115, batch)), _radians(rng.uniform(10, 130, batch))
    kneeling = rng.random(batch) < 0.2  # thighs stay, shanks fold back
    side = rng.integers(0, 2, batch)
    for number, (thigh, shank, feet) in enumerate(((2, 3, (24, 25)), (5, 6, (22, 23)))):
        flexion = xp.min((_unit(offsets[:, :, thigh]) * _unit(offsets[:, :, shank])).sum(-1), axis=1)
        chosen = (both | (one & (side == number))) & (flexion > math.cos(math.radians(35)))
        wobble = rng.normal(0, math.radians(6), batch)
        up = xp.where(chosen, xp.where(kneeling, 0.1 * hip, hip) + wobble, 0.0)
        back = xp.where(chosen, knee + wobble, 0.0)
        turn_thigh = _rotation(left_axis * -up[:, None, None])
        turn_shank = _rotation(left_axis * (back - up)[:, None, None])
        offsets[:, :, thigh] = rotate(turn_thigh, offsets[:, :, thigh, None])[:, :, 0]
        for point in (shank, *feet):
            offsets[:, :, point] = rotate(turn_shank, offsets[:, :, point, None])[:, :, 0]


def _turn_joints(offsets: Array, rng: Random, free: Array) -> None:
    """Turn what hangs on a joint about a random axis by an angle that drifts slowly through the window."""
    batch, frames = offsets.shape[:2]
    xp = namespace(offsets)
    every = like(offsets, range(frames))[None, :, None]
    time = float32(every) / max(frames - 1, 1) - 0.5
    for joint, (probability, sigma_deg) in _MUTATION.items():
        which = xp.nonzero(free & (rng.random(batch) < probability))[0]
        if not len(which):
            continue
        sigma = math.radians(sigma_deg)
        still = rng.normal(0, sigma / math.sqrt(3) * 1.5, (len(which), 1, 3))
        drift = rng.normal(0, sigma / 4, (len(which), 1, 3))
        turn = _rotation(float32(still + drift * time))
        part = like(offsets, _SUBTREE[joint])
        row = which[:, None, None]
        offsets[row, every, part] = rotate(turn, offsets[row, every, part])


def _turn_body(points: Array, rng: Random, free: Array) -> Array:
    """Random yaw for all, a lean for some, any tilt for a few; about the middle frame's pelvis."""
    batch, xp = len(points), namespace(points)
    yaw = rng.uniform(-math.pi, math.pi, batch)
    kind = xp.where(free, rng.random(batch), 0.0)
    tilt = xp.where(kind < 0.6, rng.normal(0, 5, batch), rng.normal(0, 28, batch))
    tilt = _radians(xp.where(kind > 0.9, rng.uniform(30, 100, batch), tilt))
    heading = rng.uniform(-math.pi, math.pi, batch)
    zero = xp.zeros_like(yaw)
    turn_yaw = _rotation(float32(xp.stack([zero, yaw, zero], axis=-1)))
    turn_tilt = _rotation(float32(xp.stack([xp.cos(heading) * tilt, zero, xp.sin(heading) * tilt], axis=-1)))
    middle = points[:, points.shape[1] // 2, None, None, 0]
    return rotate((turn_tilt @ turn_yaw)[:, None], points - middle)


def rotate(rotation: Array, points: Array) -> Array:
    """Rotate points [..., K, 3] by matrices [..., 3, 3] (``R @ x`` for each point)."""
    return points @ rotation.swapaxes(-1, -2)


def _radians(degrees: Array) -> Array:
    return degrees * (math.pi / 180)


def _rotation(vector: Array) -> Array:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] in radians (Rodrigues' formula)."""
    xp = namespace(vector)
    angle = xp.linalg.vector_norm(vector, axis=-1)[..., None, None]
    axis = vector / angle[..., 0].clip(1e-9)
    x, y, z = (axis[..., index] for index in range(3))
    zero = xp.zeros_like(x)
    cross = xp.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape((*x.shape, 3, 3))
    identity = like(vector, [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "float32")
    return identity + xp.sin(angle) * cross + (1 - xp.cos(angle)) * (cross @ cross)
