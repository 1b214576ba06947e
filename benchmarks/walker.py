"""The synthetic walker as a detector may see him: his keypoints, their noise, poses made of them."""

from __future__ import annotations

import numpy as np

from models.data.keypoint_noise import DETECTOR_LIKE, add_noise
from pipeline.arrays import F32, Bools
from pipeline.sources.synthetic import SyntheticSource
from pipeline.types import Origin, Pose2D

_BODY_SHARE_OF_BOX = 0.9  # the box ends at the ankles and at the eyes


def keypoints_px(source: SyntheticSource, frames: int) -> F32:
    """The walker's first frames: float32 [T, 17, 2]."""
    return np.stack([source.truth_coco_px(index) for index in range(frames)])


def body_px(xy_px: F32) -> F32:
    """Lengths [N] of the bodies whose keypoints are [N, T, 17, 2]."""
    length_px: F32 = (np.ptp(xy_px[..., 1], axis=2).max(1) / _BODY_SHARE_OF_BOX).astype(np.float32)
    return length_px


def disturbed(xy_px: F32, inside: Bools, length_px: F32, rate_hz: float, rng: np.random.Generator) -> tuple[F32, F32]:
    """Keypoints [N, T, 17, 2] disturbed as a detector disturbs them, and their scores [N, T, 17]; 0: missing."""
    rates = np.full(len(xy_px), rate_hz, np.float32)
    return add_noise(xy_px, inside, length_px, rates, rng, DETECTOR_LIKE)


def pose(index: int, time_s: float, xy_px: F32, score: F32) -> Pose2D:
    """A measured pose; joints with score 0 are missing."""
    seen = score > 0
    if not seen.any():
        return Pose2D.missing(index, time_s)
    xy = np.where(seen[:, None], xy_px, np.nan).astype(np.float32)
    box = np.concatenate([np.nanmin(xy, 0), np.nanmax(xy, 0)]).astype(np.float32)
    origin = np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8)
    return Pose2D(index, time_s, 0, xy, score, box, origin)
