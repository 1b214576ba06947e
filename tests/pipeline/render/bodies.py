"""A standing figure to draw, and ways to look at a drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.skeletons import COCO_17, H36M_17
from pipeline.types import Frame, Origin, Person, Pose2D, Pose3D, Shown, Tier

# Metres, camera axes, facing the camera: the person's left is on the right of the picture.
_BODY_M = {
    "pelvis": (0, 0, 0),
    "hip": (0.11, 0, 0),
    "knee": (0.12, 0.42, 0),
    "ankle": (0.12, 0.84, 0),
    "spine": (0, -0.24, 0),
    "thorax": (0, -0.48, 0),
    "nose": (0, -0.56, -0.08),
    "head": (0, -0.7, 0),
    "eye": (0.03, -0.62, -0.08),
    "ear": (0.07, -0.6, 0),
    "shoulder": (0.18, -0.46, 0),
    "elbow": (0.3, -0.2, 0),
    "wrist": (0.4, 0.04, 0),
}


def _place(joint: str) -> tuple[float, float, float]:
    x, y, z = _BODY_M[joint.split("_")[-1]]
    return (-x, y, z) if joint.startswith("r_") else (x, y, z)


def body3d(track_id: int = 0, frame_index: int = 0, time_s: float = 0.0) -> Pose3D:
    xyz = np.array([_place(joint) for joint in H36M_17.joints], np.float32)
    return Pose3D(track_id, frame_index, time_s, xyz, np.ones(17, np.float32), np.zeros(17, np.uint8), True)


def body2d(width: int, height: int, share: float = 0.4, score: float = 0.9) -> Pose2D:
    flat = np.array([_place(joint)[:2] for joint in COCO_17.joints], np.float32)
    xy = flat * np.float32(share * height) + np.array([width / 2, height / 2], np.float32)
    box = np.array([*xy.min(0), *xy.max(0)], np.float32)
    return Pose2D(0, 0.0, 0, xy, np.full(17, score, np.float32), box, np.full(17, Origin.MEASURED, np.uint8))


def person(pose2d: Pose2D | None = None, pose3d: Pose3D | None = None) -> Person:
    """Somebody with one of these poses, or with both."""
    index, time_s, track_id = 0, 0.0, 0
    if pose2d is not None:
        index, time_s, track_id = pose2d.frame_index, pose2d.time_s, pose2d.track_id
    elif pose3d is not None:
        index, time_s, track_id = pose3d.frame_index, pose3d.time_s, pose3d.track_id
    return Person(pose2d or Pose2D.missing(index, time_s, track_id), pose3d or Pose3D.missing(index, time_s, track_id))


def shown(frame: Frame, *people: Person) -> Shown:
    """A frame with these people."""
    return Shown(frame, people, Tier.SETTLED)


def hue(image: NDArray[np.uint8], xy_px: NDArray[np.floating]) -> str:
    """Which of the palette's sides a pixel shows: 'left' (orange), 'right' (blue), 'middle' (grey)."""
    x, y = np.rint(xy_px).astype(int)
    blue, _, red = image[y, x].astype(int)
    if abs(red - blue) < 25:
        return "middle"
    return "left" if red > blue else "right"
