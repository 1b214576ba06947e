"""Normalisation by the image, for lifters that were trained as published: every keypoint in units of the picture.

The published checkpoints of the Strided Transformer (and of VideoPose3D, whose convention this is) see a person where
and as large as the picture shows them: x runs from -1 to 1 over the width, y is scaled by the same factor. They were
trained on the joints of Human3.6M and without missing ones. So this module also

- turns COCO-17 keypoints into Human3.6M-17 by the rules of the published demo (``coco_h36m`` in its preprocess.py),
  which put thorax and spine nearer to Human3.6M's than the middle of the shoulders is;
- fills missing joints: over time where the window shows the joint elsewhere, else with the next joint towards the
  pelvis.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32
from pipeline.skeletons import COCO_17, H36M_17, H36M_FROM_COCO, convert


def _published(special: dict[str, dict[str, float]]) -> F32:
    """A conversion matrix [17, 17] that differs from ``H36M_FROM_COCO`` in the joints given."""
    matrix = H36M_FROM_COCO.copy()
    for joint, parts in special.items():
        matrix[H36M_17.index(joint)] = [parts.get(name, 0.0) for name in COCO_17.joints]
    return matrix


_SHOULDERS, _HIPS = ("l_shoulder", "r_shoulder"), ("l_hip", "r_hip")
# The thorax lies a third of the way from the middle of the shoulders to the nose; in y, two thirds of the step from the
# nose up to the eyes are added downwards. The spine is moved in x only, away from the middle of pelvis and thorax.
_FROM_COCO_X = _published(
    {
        "thorax": {**dict.fromkeys(_SHOULDERS, 1 / 3), "nose": 1 / 3},
        "spine": {**dict.fromkeys(_HIPS, 1 / 4), **dict.fromkeys(_SHOULDERS, 5 / 12), "nose": -1 / 3},
        "head": dict.fromkeys(("l_eye", "r_eye", "l_ear", "r_ear"), 1 / 4),
    }
)
_FROM_COCO_Y = _published(
    {
        "thorax": {**dict.fromkeys(_SHOULDERS, 1 / 3), "nose": 1.0, **dict.fromkeys(("l_eye", "r_eye"), -1 / 3)},
        "head": {**dict.fromkeys(("l_eye", "r_eye"), 1.0), "nose": -1.0},
    }
)


def image_plane(xy_px: NDArray[np.floating], size_px: tuple[int, int]) -> F32:
    """Pixels [..., 2] to the picture's plane: x in [-1, 1] over the width, y by the same factor; the middle is 0, 0."""
    width, height = size_px
    plane: F32 = ((2 * xy_px - np.array([width, height])) / width).astype(np.float32)
    return plane


def window_in_picture(xy_px: F32, score: F32, size_px: tuple[int, int]) -> tuple[F32, F32]:
    """The keypoints of a window as a published checkpoint expects them.

    Args:
        xy_px: [T, 17, 2], COCO-17, pixels; NaN where missing.
        score: [T, 17], 0 where missing.
        size_px: width and height of the picture.

    Returns:
        float32 [T, 17, 2], Human3.6M-17, in the picture's plane, no gaps (0 if the window shows nothing at all), and
        the score [T, 17] of each joint, 0 where it was filled in.
    """
    points, confidence = convert(H36M_FROM_COCO, xy_px, score)
    x, certain = convert(_FROM_COCO_X, xy_px, score)
    y, certain_y = convert(_FROM_COCO_Y, xy_px, score)
    certain = np.minimum(certain, certain_y)
    # A turned head hides the face, which the published rules need; the plain rules need less.
    known = certain > 0
    points[known] = np.stack([x[..., 0], y[..., 1]], -1)[known]
    confidence = np.where(known, certain, confidence)
    return _without_gaps(image_plane(points, size_px), confidence > 0), confidence


def _without_gaps(xy: F32, visible: NDArray[np.bool_]) -> F32:
    """[T, J, 2] without gaps."""
    if visible.all():
        return xy
    xy = xy.copy()
    frames = np.arange(len(xy))
    ever: NDArray[np.bool_] = np.asarray(visible.any(0))
    for joint in np.flatnonzero(ever & ~np.asarray(visible.all(0))):
        seen = np.flatnonzero(visible[:, joint])
        for axis in range(2):
            xy[:, joint, axis] = np.interp(frames, seen, xy[seen, joint, axis])
    if not ever[0]:
        xy[:, 0] = xy[:, ever].mean(1) if ever.any() else 0.0
    for parent, child in H36M_17.bones:  # from the pelvis outwards
        if not ever[child]:
            xy[:, child] = xy[:, parent]
    return xy
