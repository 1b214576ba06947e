"""Training batches: motion -> varied bodies -> cameras -> noisy keypoints -> normalised windows and targets."""

from __future__ import annotations

from dataclasses import dataclass

from models.data.arrays import Array, Random, float32, like, namespace
from models.data.bodies import AS_CAPTURED, rotate, vary
from models.data.cameras import View, random_views
from models.data.keypoint_noise import TRAINING, NoiseRecipe, add_noise
from models.data.mocap import COCO_OF_MOCAP, WindowSampler
from pipeline.normalise import ASSUMED_FOCAL, view_of_person
from pipeline.skeletons import H36M_17, H36M_FROM_COCO, convert


@dataclass(frozen=True)
class Batch:
    """What the network is trained on.

    Attributes:
        keypoints: float32 [B, T, 17, 3], normalised (x, y, confidence), Human3.6M order.
        truth_m: float32 [B, T, 17, 3], metres, relative to the pelvis, axes of the window's view.
        rotation: float32 [B, 3, 3], camera axes to view axes.
    """

    keypoints: Array
    truth_m: Array
    rotation: Array


def make_batch(
    sampler: WindowSampler, rng: Random, batch: int, recipe: NoiseRecipe = TRAINING, as_captured: float = AS_CAPTURED
) -> Batch:
    """One batch of varied, projected, disturbed windows; ``as_captured`` as for ``models.data.bodies.vary``."""
    motion, rate_hz = sampler.draw(rng, batch)
    view = random_views(vary(motion, rng, as_captured), rate_hz, rng)
    # Half of the users' cameras are unknown to us, and of the known ones nobody knows the focal length exactly.
    known = rng.random(batch) < 0.3
    xp = namespace(motion)
    about = view.focal_px * xp.exp(rng.normal(0, 0.05, batch))
    assumed = xp.where(known, about, ASSUMED_FOCAL * xp.max(view.size_px, axis=1))
    return observe(view, float32(assumed), rate_hz, rng, recipe)


def observe(view: View, focal_px: Array, rate_hz: Array, rng: Random, recipe: NoiseRecipe) -> Batch:
    """Windows as the pipeline would build them from a detector's keypoints in this view.

    Args:
        view: points in the layout of motion capture files.
        focal_px: float32 [B], the focal length that the pipeline believes in.
        rate_hz: float32 [B].
        rng, recipe: of the keypoint noise.
    """
    xp, joints = namespace(view.xy_px), like(view.xy_px, COCO_OF_MOCAP)
    coco, inside = view.xy_px[:, :, joints], view.inside[:, :, joints]
    xy, confidence = add_noise(coco, inside, view.body_px, rate_hz, rng, recipe)
    xy, confidence = convert(like(xy, H36M_FROM_COCO), xy, confidence, xp)
    keypoints, rotation = normalised(xy, confidence, focal_px, float32(view.size_px / 2))
    relative = view.xyz_m[:, :, : len(H36M_17)] - view.xyz_m[:, :, :1]
    truth = rotate(rotation[:, None], relative)
    return Batch(keypoints, truth, rotation)


def normalised(xy_px: Array, confidence: Array, focal_px: Array, centre_px: Array) -> tuple[Array, Array]:
    """Human3.6M keypoints in pixels to the lifter's input [B, T, 17, 3] and the rotations of the views."""
    xp = namespace(xy_px)
    xy, rotation = view_of_person(xy_px, confidence > 0, focal_px, centre_px, xp)
    return xp.concat([xy, confidence[..., None]], axis=-1), rotation
