"""Pose metrics on numpy arrays: MPJPE and its aligned variants, velocity, acceleration, bone lengths.

All take predicted and true joints [N, J, 3] in metres and give one value per pose [N] in the same unit, so that
the caller can average per action, per joint set or per view. Root-relative by the published convention: both are
expected relative to the pelvis, and the pelvis counts as a joint.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


def mpjpe(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> F64:
    """Mean per-joint position error (protocol 1)."""
    errors: F64 = np.linalg.norm(np.asarray(predicted, np.float64) - truth, axis=-1).mean(-1)
    return errors


def n_mpjpe(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> F64:
    """MPJPE after the size factor per pose that fits best (Rhodin et al., CVPR 2018)."""
    predicted = np.asarray(predicted, np.float64)
    scale = (predicted * truth).sum((-2, -1)) / np.maximum((predicted**2).sum((-2, -1)), 1e-12)
    return mpjpe(scale[..., None, None] * predicted, truth)


def p_mpjpe(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> F64:
    """MPJPE after the similarity per pose that fits best (protocol 2)."""
    return mpjpe(procrustes(predicted, truth), truth)


def procrustes(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> F64:
    """Predicted joints [N, J, 3] after the similarity that fits them best to the truth.

    Rotation, scale and translation in closed form (Umeyama, PAMI 1991; no reflection).
    """
    source, target = np.asarray(predicted, np.float64), np.asarray(truth, np.float64)
    source_mean, target_mean = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    source, target = source - source_mean, target - target_mean
    u, singular, vt = np.linalg.svd(np.swapaxes(target, -1, -2) @ source)
    sign = np.sign(np.linalg.det(u @ vt))
    u[..., -1] *= sign[..., None]
    singular[..., -1] *= sign
    rotation = u @ vt
    scale = singular.sum(-1) / np.maximum((source**2).sum((-2, -1)), 1e-12)
    aligned: F64 = scale[..., None, None] * (source @ np.swapaxes(rotation, -1, -2)) + target_mean
    return aligned


def mpjve(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> F64:
    """Velocity error of sequences [T, J, 3]: MPJPE of frame-to-frame differences [T - 1]."""
    return mpjpe(np.diff(predicted, axis=0), np.diff(truth, axis=0))


def acceleration_error(predicted: NDArray[np.floating], truth: NDArray[np.floating]) -> F64:
    """MPJPE of the second differences of sequences [T, J, 3], unit per frame squared [T - 2].

    Kanazawa et al., "Learning 3D Human Dynamics from Video" (CVPR 2019).
    """
    return mpjpe(np.diff(predicted, 2, axis=0), np.diff(truth, 2, axis=0))


def bone_length_variation(joints: NDArray[np.floating], bones: Sequence[tuple[int, int]]) -> F64:
    """How much each bone's length changes in a sequence [T, J, 3]: standard deviation over mean [bones]."""
    parents, children = np.array(bones).T
    length = np.linalg.norm(np.asarray(joints, np.float64)[:, parents] - joints[:, children], axis=-1)
    variation: F64 = length.std(0) / np.maximum(length.mean(0), 1e-12)
    return variation
