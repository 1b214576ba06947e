"""Training batches: motion -> varied bodies -> cameras -> noisy keypoints -> normalised windows and targets."""

from __future__ import annotations

from dataclasses import dataclass

from models.data.arrays import Array, Random, float32, like, namespace
from models.data.bodies import AS_CAPTURED, rotate, vary
from models.data.cameras import View, random_views
from models.data.keypoint_noise import TRAINING, NoiseRecipe, add_noise
from models.data.mocap import COCO_OF_MOCAP, WindowSampler
from pipeline.skeletons import H36M_17, H36M_FROM_COCO, convert
from pipeline.window.person_view import ASSUMED_FOCAL, view_of_person

KNOWN_FOCAL = 0.3
"""Share of the cameras whose focal length is known in training: few users know theirs."""


@dataclass(frozen=True)
class Batch:
    """Windows of keypoints and their true poses.

    Attributes:
        keypoints: float32 [B, T, 17, 3], normalised (x, y, confidence), Human3.6M order.
        truth_m: float32 [B, T, 17, 3], metres, relative to the pelvis, axes of the window's view.
        rotation: float32 [B, 3, 3], camera axes to view axes.
        scale: float32 [B], factor from keypoints to rays, see ``view_of_person``.
    """

    keypoints: Array
    truth_m: Array
    rotation: Array
    scale: Array


def make_batch(
    sampler: WindowSampler,
    rng: Random,
    batch: int,
    recipe: NoiseRecipe = TRAINING,
    as_captured: float = AS_CAPTURED,
    known: float = KNOWN_FOCAL,
) -> Batch:
    """One batch of varied, projected, disturbed windows.

    Args:
        sampler, rng, batch, recipe: source of the windows, random numbers, number of windows, keypoint noise.
        as_captured: as for ``models.data.bodies.vary``.
        known: share of the cameras whose focal length is known, within a few percent; it is assumed for the others.
    """
    motion, rate_hz = sampler.draw(rng, batch)
    view = random_views(vary(motion, rng, as_captured), rate_hz, rng)
    is_known = rng.random(batch) < known
    xp = namespace(motion)
    # No focal length is known exactly.
    about = view.focal_px * xp.exp(rng.normal(0, 0.05, batch))
    assumed = xp.where(is_known, about, ASSUMED_FOCAL * xp.max(view.size_px, axis=1))
    return observe(view, float32(assumed), rate_hz, rng, recipe)


def observe(view: View, focal_px: Array, rate_hz: Array, rng: Random, recipe: NoiseRecipe) -> Batch:
    """Windows as the pipeline would make them from a detector's keypoints in this view.

    Args:
        view: points in the layout of motion capture files.
        focal_px: float32 [B], the focal length that the pipeline believes in.
        rate_hz: float32 [B].
        rng, recipe: random numbers and recipe of the keypoint noise.
    """
    xp, joints = namespace(view.xy_px), like(view.xy_px, COCO_OF_MOCAP)
    coco, inside = view.xy_px[:, :, joints], view.inside[:, :, joints]
    xy, confidence = add_noise(coco, inside, view.body_px, rate_hz, rng, recipe)
    xy, confidence = convert(like(xy, H36M_FROM_COCO), xy, confidence, xp)
    keypoints, rotation, scale = normalised(xy, confidence, focal_px, float32(view.size_px / 2))
    relative = view.xyz_m[:, :, : len(H36M_17)] - view.xyz_m[:, :, :1]
    truth = rotate(rotation[:, None], relative)
    return Batch(keypoints, truth, rotation, scale)


def normalised(xy_px: Array, confidence: Array, focal_px: Array, centre_px: Array) -> tuple[Array, Array, Array]:
    """Human3.6M keypoints in pixels to the lifter's input [B, T, 17, 3], the views' rotations and their factors from
    keypoints to rays."""
    xp = namespace(xy_px)
    xy, rotation, scale = view_of_person(xy_px, confidence > 0, focal_px, centre_px, xp)
    return xp.concat([xy, confidence[..., None]], axis=-1), rotation, scale
