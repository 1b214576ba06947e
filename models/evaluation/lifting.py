"""Lifting of a clip's keypoints through the pipeline's own windows, so that the judged poses are those of a run."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from pipeline.lift.base import Lifter
from pipeline.skeletons import H36M_17
from pipeline.types import Origin, Pose2D
from pipeline.window.buffer import WindowBuffer, frame_step

F32 = NDArray[np.float32]


def lift_clip(
    xy_px: F32, confidence: F32, size_px: tuple[int, int], rate_hz: float, lifter: Lifter, focal_px: float | None = None
) -> F32:
    """Lift a clip frame by frame.

    Args:
        xy_px: float32 [T, 17, 2], COCO-17 keypoints.
        confidence: float32 [T, 17], 0 where missing.
        size_px: width and height of the picture.
        rate_hz: frame rate.
        lifter: the lifter.
        focal_px: focal length; assumed by the pipeline if None.

    Returns:
        float32 [T, 17, 3], camera axes, metres relative to the pelvis; NaN in frames without a pose.
    """
    return lift_poses(poses_2d(xy_px, confidence, rate_hz), size_px, rate_hz, lifter, focal_px)


def poses_2d(xy_px: F32, confidence: F32, rate_hz: float) -> list[Pose2D]:
    """Keypoints [T, 17, 2] with confidence [T, 17] (0 = missing) as a detector would hand them over."""
    seen = confidence > 0
    xy = np.where(seen[..., None], xy_px, np.nan).astype(np.float32)
    origin = np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8)
    no_box = np.full(4, np.nan, np.float32)
    return [
        Pose2D(i, i / rate_hz, 0, xy[i], confidence[i].astype(np.float32), no_box, origin[i])
        for i in range(len(confidence))
    ]


def lift_poses(
    poses: Iterable[Pose2D], size_px: tuple[int, int], rate_hz: float, lifter: Lifter, focal_px: float | None = None
) -> F32:
    """As ``lift_clip``, from the 2D poses of all frames in order."""
    step, spec = frame_step(rate_hz), lifter.spec
    buffer = WindowBuffer(0, spec.window, spec.lookahead, size_px, focal_px, step, spec.normalisation)
    due = [item for pose in poses for item in buffer.push(pose)] + buffer.finish()
    joints = np.full((len(due), len(H36M_17), 3), np.nan, np.float32)
    row = {item.pose.frame_index: number for number, item in enumerate(due)}
    for pose in lifter([item.window for item in due if item.window is not None]):
        joints[row[pose.frame_index]] = pose.xyz_m
    return joints
