"""The figures of a table, from predicted and true sequences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import GroupFigures, PoseFigures
from models.evaluation.metrics import acceleration_error, bone_length_variation, mpjpe, mpjve, n_mpjpe, p_mpjpe
from pipeline.skeletons import H36M_17

F64 = NDArray[np.float64]
Joints = NDArray[np.floating]

_LEGS = ("pelvis", "r_hip", "r_knee", "r_ankle", "l_hip", "l_knee", "l_ankle")

UPPER_BODY = tuple(i for i, joint in enumerate(H36M_17.joints) if joint not in _LEGS)
"""Indices of the joints above the hips."""


@dataclass(frozen=True)
class Lifted:
    """The predicted and true poses of one clip.

    Attributes:
        action, subject: labels for the groups of the table.
        predicted_m: [T, 17, 3], Human3.6M-17 relative to the pelvis, NaN in frames without a pose.
        truth_m: [T, 17, 3].
    """

    action: str
    subject: str
    predicted_m: NDArray[np.floating]
    truth_m: NDArray[np.floating]


def summary(clips: Sequence[Lifted]) -> PoseFigures:
    """The figures over all frames of all clips that have a pose; None where there is no such frame.

    Velocity and acceleration errors are per frame (and frame squared) of the clips' frame rate; they use runs of two
    (three) frames with a pose. Bone-length variation is each bone's standard deviation divided by its mean in a clip,
    averaged over bones and clips.
    """
    predicted = np.concatenate([clip.predicted_m for clip in clips]).astype(np.float64)
    truth = np.concatenate([clip.truth_m for clip in clips]).astype(np.float64)
    posed = np.asarray(np.isfinite(predicted).all((-1, -2)))
    predicted, truth = predicted[posed], truth[posed]
    errors = mpjpe(predicted, truth), p_mpjpe(predicted, truth)
    per_joint = np.linalg.norm(predicted - truth, axis=-1)
    upper_p, truth_upper = predicted[:, UPPER_BODY], truth[:, UPPER_BODY]
    variation = [
        bone_length_variation(_posed_joints(clip.predicted_m), H36M_17.bones) for clip in clips if _has_pose(clip)
    ]
    return {
        "mpjpe_mm": _mm(errors[0]),
        "p_mpjpe_mm": _mm(errors[1]),
        "n_mpjpe_mm": _mm(n_mpjpe(predicted, truth)),
        "mpjve_mm": _mm(_over_clips(clips, mpjve)),
        "acceleration_error_mm": _mm(_over_clips(clips, acceleration_error)),
        "bone_length_variation_percent": round(100 * float(np.mean(variation)), 2) if variation else None,
        "upper_body_mpjpe_mm": _mm(mpjpe(upper_p, truth_upper)),
        "upper_body_p_mpjpe_mm": _mm(p_mpjpe(upper_p, truth_upper)),
        "per_joint_mm": {joint: _mm(per_joint[:, i]) for i, joint in enumerate(H36M_17.joints)},
        "per_action": _by_label([clip.action for clip in clips], clips, posed, *errors),
        "per_subject": _by_label([clip.subject for clip in clips], clips, posed, *errors),
        "frames": int(posed.sum()),
        "frames_without_pose": int((~posed).sum()),
    }


def _by_label(
    labels: Sequence[str], clips: Sequence[Lifted], posed: NDArray[np.bool_], mpjpe_m: F64, p_mpjpe_m: F64
) -> dict[str, GroupFigures]:
    of_frame = np.repeat(np.array(labels), [len(clip.truth_m) for clip in clips])[posed]
    return {
        label: {
            "mpjpe_mm": _mm(mpjpe_m[of_frame == label]),
            "p_mpjpe_mm": _mm(p_mpjpe_m[of_frame == label]),
            "frames": int((of_frame == label).sum()),
        }
        for label in sorted(set(labels))
    }


def _over_clips(clips: Iterable[Lifted], metric: Callable[[Joints, Joints], F64]) -> F64:
    """A metric of sequences over all clips, without the stretches that lack a pose."""
    values = np.concatenate([metric(clip.predicted_m, clip.truth_m) for clip in clips])
    finite: F64 = values[np.isfinite(values)]
    return finite


def _posed_joints(joints: NDArray[np.floating]) -> NDArray[np.floating]:
    posed: NDArray[np.floating] = joints[np.isfinite(joints).all((-1, -2))]
    return posed


def _has_pose(clip: Lifted) -> bool:
    return len(_posed_joints(clip.predicted_m)) > 0


def _mm(values_m: NDArray[np.floating]) -> float | None:
    return round(1000 * float(values_m.mean()), 2) if len(values_m) else None
