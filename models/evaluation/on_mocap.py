"""The evaluation of a lifter on motion capture: fixed cameras, several kinds of 2D input, a row of figures for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.keypoint_noise import CLEAN, DETECTOR_LIKE, NoiseRecipe, add_noise
from models.evaluation.clips import RATE_HZ, SeenClip
from models.evaluation.figures import ConditionFigures
from models.evaluation.lifting import lift_clip
from models.evaluation.scores import Lifted, summary
from pipeline.lift.base import Lifter

F32 = NDArray[np.float32]

# A section of 27 frames counts as a window, so that bursts are as frequent in a long clip as in training.
_DETECTOR = replace(DETECTOR_LIKE, section=27)

CONDITIONS: dict[str, NoiseRecipe] = {
    "clean": CLEAN,
    "detector_like": _DETECTOR,
    "lower_body_missing": replace(_DETECTOR, lower_body=1.0),
    "frames_missing": replace(_DETECTOR, random_frames=0.2),
    "swaps": replace(_DETECTOR, swap=0.5),
}
"""Kinds of 2D input. The last three add to ``detector_like``: no knees and ankles (in 40 % of the clips no hips
either); no joints in every fifth frame; bursts of 1-10 frames with legs, arms or all sides exchanged, about one in two
seconds."""


def observed(clip: SeenClip, recipe: NoiseRecipe) -> tuple[F32, F32]:
    """Keypoints [T, 17, 2] and confidence [T, 17] of a clip under a recipe; always the same for the same clip.

    All recipes start from the same numbers, so conditions differ only by what their recipes add.
    """
    xy, confidence = add_noise(
        clip.xy_px[None],
        clip.inside[None],
        np.array([clip.body_px], np.float32),
        np.array([RATE_HZ], np.float32),
        np.random.default_rng((*clip.seed, 1)),
        recipe,
    )
    return xy[0], confidence[0]


def judge(
    lifter: Lifter,
    clips: Sequence[SeenClip],
    recipe: NoiseRecipe,
    progress: Callable[[int], Any] | None = None,
    known_focal: bool = False,
) -> ConditionFigures:
    """The figures of one condition.

    Args:
        lifter: the model.
        clips: clips to judge on.
        recipe: the kind of 2D input.
        progress: called with the number of frames just done.
        known_focal: whether the pipeline is told the cameras' focal lengths; else it assumes one.
    """
    return {**summary(list(_lifted(lifter, clips, recipe, progress, known_focal))), "recipe": asdict(recipe)}


def _lifted(
    lifter: Lifter,
    clips: Iterable[SeenClip],
    recipe: NoiseRecipe,
    progress: Callable[[int], Any] | None,
    known_focal: bool,
) -> Iterable[Lifted]:
    for clip in clips:
        xy, confidence = observed(clip, recipe)
        focal_px = clip.focal_px if known_focal else None
        predicted = lift_clip(xy, confidence, clip.size_px, RATE_HZ, lifter, focal_px)
        yield Lifted(clip.action, clip.subject, predicted, clip.truth_m)
        if progress is not None:
            progress(len(predicted))
