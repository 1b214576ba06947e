"""Joint sets, bones, mirrored pairs, and the fixed linear conversions between joint sets.

A conversion is a matrix: each joint of the target set is a weighted sum of joints of the source set.
Training applies the same matrices to projected motion capture, so the lifter sees in use what it saw in
training.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32


@dataclass(frozen=True)
class Skeleton:
    """A joint set.

    Attributes:
        name: short name, as used in files.
        joints: joint names in order.
        bones: pairs (parent, child) of joint indices, for drawing and for bone lengths.
    """

    name: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Index of a joint; ``KeyError`` for a name that is not in the set."""
        try:
            return self.joints.index(joint)
        except ValueError:
            raise KeyError(f"{self.name} has no joint {joint!r}; it has {', '.join(self.joints)}") from None

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(left, right) indices of all mirrored joints."""
        return tuple(
            (i, self.joints.index(_other_side(name))) for i, name in enumerate(self.joints) if _side(name) == "left"
        )

    @property
    def mirror(self) -> NDArray[np.intp]:
        """Permutation [J] that exchanges left and right joints."""
        order = np.arange(len(self.joints))
        for left, right in self.pairs:
            order[left], order[right] = right, left
        return order

    @property
    def sides(self) -> tuple[str, ...]:
        """'left', 'right' or 'middle' for each joint."""
        return tuple(_side(name) for name in self.joints)


def _side(joint: str) -> str:
    for letter, side in (("l", "left"), ("r", "right")):
        if joint.startswith(f"{letter}_") or joint.endswith(f"_{letter}"):
            return side
    return "middle"


def _other_side(joint: str) -> str:
    swap = {"l": "r", "r": "l"}
    if joint[1] == "_":
        return swap[joint[0]] + joint[1:]
    return joint[:-1] + swap[joint[-1]]


COCO_17 = Skeleton(
    "coco17",
    (
        "nose",
        "l_eye",
        "r_eye",
        "l_ear",
        "r_ear",
        "l_shoulder",
        "r_shoulder",
        "l_elbow",
        "r_elbow",
        "l_wrist",
        "r_wrist",
        "l_hip",
        "r_hip",
        "l_knee",
        "r_knee",
        "l_ankle",
        "r_ankle",
    ),
    (
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (5, 6),
        (5, 7),
        (7, 9),
        (6, 8),
        (8, 10),
        (5, 11),
        (6, 12),
        (11, 12),
        (11, 13),
        (13, 15),
        (12, 14),
        (14, 16),
    ),
)

H36M_17 = Skeleton(
    "h36m17",
    (
        "pelvis",
        "r_hip",
        "r_knee",
        "r_ankle",
        "l_hip",
        "l_knee",
        "l_ankle",
        "spine",
        "thorax",
        "nose",
        "head",
        "l_shoulder",
        "l_elbow",
        "l_wrist",
        "r_shoulder",
        "r_elbow",
        "r_wrist",
    ),
    (
        (0, 1),
        (1, 2),
        (2, 3),
        (0, 4),
        (4, 5),
        (5, 6),
        (0, 7),
        (7, 8),
        (8, 9),
        (9, 10),
        (8, 11),
        (11, 12),
        (12, 13),
        (8, 14),
        (14, 15),
        (15, 16),
    ),
)

BLAZEPOSE_33 = Skeleton(
    "blazepose33",
    (
        "nose",
        "l_eye_inner",
        "l_eye",
        "l_eye_outer",
        "r_eye_inner",
        "r_eye",
        "r_eye_outer",
        "l_ear",
        "r_ear",
        "mouth_l",
        "mouth_r",
        "l_shoulder",
        "r_shoulder",
        "l_elbow",
        "r_elbow",
        "l_wrist",
        "r_wrist",
        "l_pinky",
        "r_pinky",
        "l_index",
        "r_index",
        "l_thumb",
        "r_thumb",
        "l_hip",
        "r_hip",
        "l_knee",
        "r_knee",
        "l_ankle",
        "r_ankle",
        "l_heel",
        "r_heel",
        "l_foot_index",
        "r_foot_index",
    ),
    (
        (0, 2),
        (0, 5),
        (2, 7),
        (5, 8),
        (9, 10),
        (11, 12),
        (11, 13),
        (13, 15),
        (15, 19),
        (12, 14),
        (14, 16),
        (16, 20),
        (11, 23),
        (12, 24),
        (23, 24),
        (23, 25),
        (25, 27),
        (27, 29),
        (29, 31),
        (24, 26),
        (26, 28),
        (28, 30),
        (30, 32),
    ),
)

_MID_HIP = {"l_hip": 0.5, "r_hip": 0.5}
_MID_SHOULDER = {"l_shoulder": 0.5, "r_shoulder": 0.5}

# Each Human3.6M joint as a weighted sum of COCO joints. The head's top is extrapolated from the ears by the
# same step that leads from the nose up to the eyes: a detector gives no other point above the ears.
_H36M_FROM_COCO: dict[str, dict[str, float]] = {
    "pelvis": _MID_HIP,
    "spine": {"l_hip": 0.25, "r_hip": 0.25, "l_shoulder": 0.25, "r_shoulder": 0.25},
    "thorax": _MID_SHOULDER,
    "nose": {"nose": 0.75, "l_shoulder": 0.125, "r_shoulder": 0.125},
    "head": {"l_ear": 0.5, "r_ear": 0.5, "l_eye": 0.5, "r_eye": 0.5, "nose": -1.0},
}


def _matrix(target: Skeleton, source: Skeleton, special: dict[str, dict[str, float]]) -> F32:
    """[targets, sources]; joints that are not in ``special`` are copied by name."""
    matrix = np.zeros((len(target), len(source)), np.float32)
    for row, joint in enumerate(target.joints):
        for name, weight in special.get(joint, {joint: 1.0}).items():
            matrix[row, source.index(name)] = weight
    return matrix


H36M_FROM_COCO: F32 = _matrix(H36M_17, COCO_17, _H36M_FROM_COCO)
COCO_FROM_BLAZEPOSE: F32 = _matrix(COCO_17, BLAZEPOSE_33, {})


def convert(matrix: F32, points: F32, score: F32, xp: Any = np) -> tuple[F32, F32]:
    """Apply a conversion matrix to points with scores.

    Args:
        matrix: [J, K], one of the matrices of this module.
        points: [..., K, D], any unit; NaN where a joint is missing.
        score: [..., K] in 0..1; 0 where a joint is missing.
        xp: functions of the array API for these arrays, if they aren't NumPy's.

    Returns:
        points [..., J, D] and score [..., J], float32. A joint's score is the lowest of those it is made of;
        where that is 0 (or a part is NaN) the point is NaN and the score 0.
    """
    used = matrix != 0
    finite = xp.all(xp.isfinite(points), axis=-1)
    score = xp.where(finite & ~xp.isnan(score), score, 0.0)
    lowest = xp.min(xp.where(used, score[..., None, :], xp.inf), axis=-1)
    out = xp.matmul(matrix, xp.where(finite[..., None], points, 0.0))
    out = xp.where((lowest > 0)[..., None], out, xp.nan)
    return xp.astype(out, xp.float32), xp.astype(lowest, xp.float32)


def coco17_to_h36m17(points: F32, score: F32) -> tuple[F32, F32]:
    """COCO-17 to Human3.6M-17; see ``convert`` for shapes."""
    return convert(H36M_FROM_COCO, points, score)


def blazepose33_to_coco17(points: F32, score: F32) -> tuple[F32, F32]:
    """BlazePose-33 to COCO-17 (a subset); see ``convert`` for shapes."""
    return convert(COCO_FROM_BLAZEPOSE, points, score)
