"""Keypoint noise like a detector's: errors, confidences, swaps and drop-outs.

The sizes are those measured for MoveNet Thunder against triangulated joints, in percent of body height (bias per
clip, standard deviation per frame); heavier tails on wrists and ankles.
"""

from __future__ import annotations

from dataclasses import dataclass

from models.data.arrays import Array, Random, float32, like, namespace
from pipeline.skeletons import COCO_17

#                   nose eyes     ears     shoulders elbows   wrists   hips     knees    ankles
_BIAS_PERCENT = (0.9, 0.8, 0.8, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 1.5, 1.5, 0.7, 0.7, 0.8, 0.8)
_NOISE_PERCENT = (0.6, 0.6, 0.6, 0.7, 0.7, 0.7, 0.7, 0.8, 0.8, 1.1, 1.1, 0.8, 0.8, 0.7, 0.7, 0.8, 0.8)
_TAIL = (0.5, 0.5, 0.5, 0.5, 0.5, 0.4, 0.4, 1.0, 1.0, 2.0, 2.0, 0.5, 0.5, 1.0, 1.0, 1.6, 1.6)
_PAIRS = COCO_17.pairs
_FACE, _ARMS, _LEGS = range(0, 2), range(3, 5), range(5, 8)  # rows of _PAIRS
_LOWER = (13, 14, 15, 16)
_HIPS = (11, 12)


@dataclass(frozen=True)
class NoiseRecipe:
    """Sizes and probabilities of the noise; probabilities are per window.

    Attributes:
        scale: factor on all errors; its spread between windows is log-normal with ``scale_sigma``.
        swap, joint_dropout, lower_body, frame_dropout, sparse: probabilities of left/right swap bursts, of joints
            missing for 3-30 frames, of a window without legs, of missing frames in a row, and of a detector that
            sees every second to fifth frame only.
        random_frames: fraction of all frames that go missing one by one (for evaluation).
        section: frames that count as one window for bursts, swaps and drop-outs, so that a clip of any length has
            as many of them per second as a window has (for evaluation); 0: the whole window.
    """

    scale: float = 1.1
    scale_sigma: float = 0.45
    swap: float = 0.1
    joint_dropout: float = 0.25
    lower_body: float = 0.25
    frame_dropout: float = 0.08
    sparse: float = 0.05
    random_frames: float = 0.0
    section: int = 0


TRAINING = NoiseRecipe()
CLEAN = NoiseRecipe(0, 0, 0, 0, 0, 0, 0)
DETECTOR_LIKE = NoiseRecipe(1.0, 0.3, 0, 0, 0, 0, 0)


def add_noise(
    xy_px: Array, inside: Array, body_px: Array, rate_hz: Array, rng: Random, recipe: NoiseRecipe
) -> tuple[Array, Array]:
    """Disturb true keypoints.

    Args:
        xy_px: float32 [B, T, 17, 2], COCO order.
        inside: bool [B, T, 17], false for joints out of the picture: a detector does not see them.
        body_px: float32 [B], length of the body in the picture, unit of the errors.
        rate_hz: float32 [B]; errors stay correlated for about 0.15 s whatever the frame rate.
        rng: source of all choices.
        recipe: sizes and probabilities.

    Returns:
        xy_px float32 [B, T, 17, 2] and confidence float32 [B, T, 17] in 0..1, 0 where missing.
    """
    xp = namespace(xy_px)
    batch, frames = inside.shape[:2]
    percent = _errors_percent(batch, frames, rate_hz, rng, recipe)
    xy = xy_px + percent * (body_px / 100)[:, None, None, None]
    size = xp.linalg.vector_norm(percent, axis=-1)
    confidence = rng.normal(0.8, 0.06, (batch, 1, 17)) + rng.normal(0, 0.05, size.shape) - 0.035 * size
    if recipe.scale == 0:
        confidence = xp.full_like(confidence, 0.8)
    confidence = confidence.clip(0.16, 1.0)
    _swap_sides(xy, confidence, rng, recipe)
    missing = ~inside
    _drop_joints(missing, rng, recipe)
    _drop_frames(missing, rng, recipe)
    confidence = xp.where(missing, 0.0, confidence)
    return float32(xy), float32(confidence)


def _errors_percent(batch: int, frames: int, rate_hz: Array, rng: Random, recipe: NoiseRecipe) -> Array:
    """Errors [B, T, 17, 2] in percent of body height: bias, correlated noise, bursts."""
    xp = namespace(rate_hz)
    spread = xp.exp(rng.normal(0, recipe.scale_sigma, (batch, 1, 1, 1)))
    bias = rng.normal(0, 1, (batch, 1, 17, 2)) * like(rate_hz, _BIAS_PERCENT)[:, None]
    keep = xp.exp(-1 / (0.15 * rate_hz))[:, None, None]
    white = float32(rng.normal(0, 1, (frames, batch, 17, 2)))
    slow = xp.empty_like(white)
    slow[0] = white[0]
    for t in range(1, frames):
        slow[t] = keep * slow[t - 1] + xp.sqrt(1 - keep**2) * white[t]
    fast = rng.normal(0, 1, (batch, frames, 17, 2))
    noise = (0.8 * slow.swapaxes(0, 1) + 0.6 * fast) * like(rate_hz, _NOISE_PERCENT)[:, None]
    # A burst: for a stretch of frames a joint is placed elsewhere, on another limb or the background.
    odds = 0.02 * like(rate_hz, _TAIL) * (recipe.scale > 0)
    burst = _stretches(batch, frames, 17, rng, odds, (2, 12), recipe.section)
    place = rng.normal(0, 6, (batch, 1, 17, 2)) + rng.normal(0, 2, (batch, frames, 17, 2))
    return recipe.scale * spread * (bias + noise) + xp.where(burst[..., None], place, 0.0)


def _stretches(
    batch: int,
    frames: int,
    joints: int,
    rng: Random,
    probability: Array | float,
    length: tuple[int, int],
    section: int,
) -> Array:
    """[B, T, J], true for one stretch of ``length`` frames with this probability per joint (and section)."""
    parts, size = _sections(frames, section)
    chosen = rng.random((batch * parts, joints)) < probability
    span = rng.integers(*length, (batch * parts, joints), endpoint=True)
    start = rng.integers(-length[0], size, (batch * parts, joints))
    time = like(start, range(size))[None, :, None]
    stretch = chosen[:, None] & (time >= start[:, None]) & (time < (start + span)[:, None])
    return stretch.reshape((batch, parts * size, joints))[:, :frames]


def _sections(frames: int, section: int) -> tuple[int, int]:
    """Number of sections of a window and their length."""
    return (-(-frames // section), section) if section else (1, frames)


def _each_frame(values: Array, frames: int, section: int) -> Array:
    """Values drawn per section [B * sections] for each frame [B, T]."""
    parts, size = _sections(frames, section)
    return namespace(values).repeat(values.reshape((-1, parts)), size, axis=1)[:, :frames]


def _swap_sides(xy: Array, confidence: Array, rng: Random, recipe: NoiseRecipe) -> None:
    xp = namespace(xy)
    batch, frames = confidence.shape[:2]
    burst = _stretches(batch, frames, 1, rng, recipe.swap, (1, 10), recipe.section)[..., 0]
    kind = _each_frame(rng.integers(0, 4, batch * _sections(frames, recipe.section)[0]), frames, recipe.section)
    for row, (left, right) in enumerate(_PAIRS):
        kinds = [1, 3] if row in _LEGS else [2, 3] if row in _ARMS else [3]
        chosen = kind == kinds[0]
        for other in kinds[1:]:
            chosen = chosen | (kind == other)
        now = burst & chosen
        for array in (xy, confidence):
            mask = now[..., None] if array.ndim == 4 else now
            a, b = array[:, :, left], array[:, :, right]
            array[:, :, left], array[:, :, right] = xp.where(mask, b, a), xp.where(mask, a, b)


def _drop_joints(missing: Array, rng: Random, recipe: NoiseRecipe) -> None:
    batch, frames = missing.shape[:2]
    some = rng.random(batch * _sections(frames, recipe.section)[0]) < recipe.joint_dropout
    stretch = _stretches(batch, frames, 17, rng, 0.15, (3, 30), recipe.section)
    missing |= _each_frame(some, frames, recipe.section)[..., None] & stretch
    lower = rng.random(batch) < recipe.lower_body
    missing |= lower[:, None, None] & _joints(missing, _LOWER)
    with_hips = lower & (rng.random(batch) < 0.4)
    missing |= with_hips[:, None, None] & _joints(missing, _HIPS)


def _joints(array: Array, chosen: tuple[int, ...]) -> Array:
    """bool [17], of the kind of ``array``: true for the chosen ones."""
    return like(array, [joint in chosen for joint in range(17)])


def _drop_frames(missing: Array, rng: Random, recipe: NoiseRecipe) -> None:
    batch, frames = missing.shape[:2]
    missing |= _stretches(batch, frames, 1, rng, recipe.frame_dropout, (2, 14), recipe.section)
    sparse = rng.random((batch, 1)) < recipe.sparse
    every = rng.integers(2, 5, (batch, 1), endpoint=True)
    unseen = (like(every, range(frames))[None] + rng.integers(0, 5, (batch, 1))) % every != 0
    missing |= (sparse & unseen)[..., None]
    if recipe.random_frames:
        missing |= rng.random((batch, frames, 1)) < recipe.random_frames
