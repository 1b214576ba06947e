"""Training batches: motion -> varied bodies -> cameras -> noisy keypoints -> normalised windows and targets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.bodies import rotate, vary
from models.data.cameras import View, random_views
from models.data.keypoint_noise import TRAINING, NoiseRecipe, add_noise
from models.data.mocap import COCO_OF_MOCAP, WindowSampler
from pipeline.normalise import ASSUMED_FOCAL, view_of_person
from pipeline.skeletons import H36M_17, coco17_to_h36m17

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Batch:
    """What the network is trained on.

    Attributes:
        keypoints: float32 [B, T, 17, 3], normalised (x, y, confidence), Human3.6M order.
        truth_m: float32 [B, T, 17, 3], metres, relative to the pelvis, axes of the window's view.
        rotation: float32 [B, 3, 3], camera axes to view axes.
    """

    keypoints: F32
    truth_m: F32
    rotation: F32


def make_batch(sampler: WindowSampler, rng: np.random.Generator, batch: int, recipe: NoiseRecipe = TRAINING) -> Batch:
    """One batch of varied, projected, disturbed windows."""
    motion, rate_hz = sampler.draw(rng, batch)
    view = random_views(vary(motion, rng), rate_hz, rng)
    # Half of the users' cameras are unknown to us, and of the known ones nobody knows the focal length exactly.
    known = rng.random(batch) < 0.3
    assumed = np.where(known, view.focal_px * np.exp(rng.normal(0, 0.05, batch)), ASSUMED_FOCAL * view.size_px.max(1))
    return observe(view, assumed.astype(np.float32), rate_hz, rng, recipe)


def observe(view: View, focal_px: F32, rate_hz: F32, rng: np.random.Generator, recipe: NoiseRecipe) -> Batch:
    """Windows as the pipeline would build them from a detector's keypoints in this view.

    Args:
        view: points in the layout of motion capture files.
        focal_px: float32 [B], the focal length that the pipeline believes in.
        rate_hz: float32 [B].
        rng, recipe: of the keypoint noise.
    """
    coco = view.xy_px[:, :, COCO_OF_MOCAP]
    xy, confidence = add_noise(coco, view.inside[:, :, COCO_OF_MOCAP], view.body_px, rate_hz, rng, recipe)
    xy, confidence = coco17_to_h36m17(xy, confidence)
    keypoints, rotation = normalised(xy, confidence, focal_px, (view.size_px / 2).astype(np.float32))
    relative = view.xyz_m[:, :, : len(H36M_17)] - view.xyz_m[:, :, :1]
    truth = rotate(rotation[:, None], relative)
    return Batch(keypoints, truth, rotation)


def normalised(xy_px: F32, confidence: F32, focal_px: F32, centre_px: F32) -> tuple[F32, F32]:
    """Human3.6M keypoints in pixels to the lifter's input [B, T, 17, 3] and the rotations of the views."""
    visible = confidence > 0
    xy, rotation = view_of_person(xy_px, visible, focal_px, centre_px)
    return np.concatenate([xy, confidence[..., None]], -1), rotation
