"""The evaluation of the whole pipeline, detector and lifter, on footage with triangulated joints.

Layout of a folder: for each scene ``NAME_truth.npz`` and one ``NAME_CAMERA.mp4`` per view. The file holds
``cam_names`` str [C], ``joint_names`` str [J], ``valid`` bool [N, J], ``frame_index`` int [N] (frames of the videos
that have a truth) and, for each view, ``joints3d_CAMERA`` float [N, J, 3]: metres, camera axes (x right, y down, z
away); where they are known, also ``K`` float [C, 3, 3], the cameras' intrinsics in pixels of the upright picture. Views
in ``cam_names`` without a video are left out.

The joints compared are those that the truth shares with Human3.6M-17 by name, without the nose (in
Human3.6M a point between nose and neck).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.evaluation.figures import AverageFigures, ViewFigures
from models.evaluation.metrics import procrustes
from pipeline.detect.base import Detector
from pipeline.errors import DataError
from pipeline.lift.base import Lifter
from pipeline.run.options import RunOptions
from pipeline.run.pipeline import Pipeline
from pipeline.skeletons import H36M_17
from pipeline.sources import open_source
from pipeline.types import Frame, Pose2D

F64 = NDArray[np.float64]

_LAYOUT = "models/evaluation/on_footage.py"
_HIPS = ("l_hip", "r_hip")
_LEFT_OUT = "nose"
_FEWEST_JOINTS = 4  # a similarity through fewer points says nothing


@dataclass(frozen=True)
class View:
    """One video and its truth.

    Attributes:
        name: 'balance_cam01'.
        video: the file.
        joints: names of the J joints that are compared.
        frame_index: int [N], frames of the video.
        truth_m: float64 [N, J, 3], camera axes.
        valid: bool [N, J].
        focal_px: focal length of the camera; None where it is not known.
    """

    name: str
    video: Path
    joints: tuple[str, ...]
    frame_index: NDArray[np.int64]
    truth_m: F64
    valid: NDArray[np.bool_]
    focal_px: float | None = None


def load_views(folder: Path) -> list[View]:
    """The views of all scenes in a folder.

    Raises:
        DataError: there is no scene, a truth file does not have the layout, or a scene has no video.
    """
    truths = sorted(folder.glob("*_truth.npz"))
    if not truths:
        raise DataError(
            f"{folder}: no NAME_truth.npz there; give a motion capture file (.npz), or a folder of NAME_truth.npz "
            f"and NAME_CAMERA.mp4, see {_LAYOUT}"
        )
    return [view for truth in truths for view in _views_of(truth)]


def _views_of(path: Path) -> list[View]:
    scene = path.name.removesuffix("_truth.npz")
    try:
        with np.load(path) as data:
            names = [str(name) for name in data["joint_names"]]
            kept = [i for i, name in enumerate(names) if name in H36M_17.joints and name != _LEFT_OUT]
            views = [
                View(
                    f"{scene}_{camera}",
                    path.with_name(f"{scene}_{camera}.mp4"),
                    tuple(names[i] for i in kept),
                    data["frame_index"].astype(np.int64),
                    data[f"joints3d_{camera}"].astype(np.float64)[:, kept],
                    data["valid"].astype(bool)[:, kept],
                    float(data["K"][number, 0, 0]) if "K" in data else None,
                )
                for number, camera in enumerate(str(name) for name in data["cam_names"])
                if path.with_name(f"{scene}_{camera}.mp4").is_file()
            ]
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} can't be read as triangulated truth ({error}); see {_LAYOUT}") from error
    if not views:
        raise DataError(f"{path}: none of its videos ({scene}_CAMERA.mp4) lies beside it")
    for view in views:
        shape = (len(view.frame_index), len(view.joints))
        if view.truth_m.shape != (*shape, 3) or view.valid.shape != shape or not set(_HIPS) <= set(view.joints):
            raise DataError(
                f"{path}: joints of shape {view.truth_m.shape}, valid {view.valid.shape}, frames {shape[0]}, joints "
                f"{', '.join(view.joints)} do not fit the layout; see {_LAYOUT}"
            )
    return views


class Remembered(Detector):
    """A detector that repeats stored results for one video, so that lifters are judged on the same keypoints."""

    def __init__(self, poses: dict[int, list[Pose2D]]) -> None:
        self.poses = poses

    def __call__(self, frame: Frame) -> list[Pose2D]:
        """The poses of this frame."""
        return self.poses[frame.index]

    def reset(self) -> None:
        """Do nothing: there is no state from frame to frame."""


def detect(view: View, detector: Detector) -> Remembered:
    """Run a detector over a view's video.

    Raises:
        SourceError: the video can't be read.
    """
    detector.reset()
    with open_source(view.video) as source:
        return Remembered({frame.index: detector(frame) for frame in source})


def lift_view(view: View, detector: Detector, lifter: Lifter, focal_px: float | None = None) -> F64:
    """The pipeline over a view's video; float64 [N, J, 3] of the view's joints, NaN where there is no pose.

    Raises:
        SourceError: the video can't be read.
    """
    rows = {int(frame): row for row, frame in enumerate(view.frame_index)}
    chosen = [H36M_17.index(joint) for joint in view.joints]
    predicted = np.full(view.truth_m.shape, np.nan)
    with open_source(view.video) as source:
        for frame in Pipeline(source, detector, lifter, RunOptions(focal_px=focal_px)):
            row = rows.get(frame.frame_index)
            for person in frame.people:
                if row is not None and person.track_id == 0:
                    predicted[row] = person.pose3d.xyz_m[chosen]
    return predicted


def score(predicted: NDArray[np.floating], view: View) -> ViewFigures:
    """The figures of one view.

    Args:
        predicted: [N, J, 3], the view's joints in camera axes, any unit and origin; NaN in frames without a pose.
        view: the truth.

    Returns:
        ``p_mpjpe_mm``: after the best similarity per frame. ``s_mpjpe_mm``: relative to the middle of the hips, camera
        axes, after the one size factor that fits the whole clip best (least squares). ``jitter_mm``: mean length of
        the second difference of the root-relative joints, after the same factor. Both errors per joint, and counts.
    """
    truth, valid = _root_relative(view.truth_m, view.joints), view.valid
    predicted = _root_relative(np.asarray(predicted, np.float64), view.joints)
    posed = np.isfinite(predicted).all((1, 2)) & (valid.sum(1) >= _FEWEST_JOINTS)
    used = valid & posed[:, None]
    aligned = np.full_like(truth, np.nan)
    for row in np.flatnonzero(posed):
        aligned[row, valid[row]] = procrustes(predicted[row, valid[row]], truth[row, valid[row]])
    scale = clip_scale(predicted[used], truth[used])
    p_error = np.linalg.norm(aligned - truth, axis=-1)
    s_error = np.linalg.norm(scale * predicted - truth, axis=-1)
    jitter = np.linalg.norm(np.diff(scale * predicted, 2, axis=0), axis=-1)
    return {
        "p_mpjpe_mm": _mm(p_error, used),
        "s_mpjpe_mm": _mm(s_error, used),
        "jitter_mm": _mm(jitter, np.isfinite(jitter)),
        "scale": round(scale, 4),
        "per_joint_p_mm": {joint: _mm(p_error[:, i], used[:, i]) for i, joint in enumerate(view.joints)},
        "per_joint_s_mm": {joint: _mm(s_error[:, i], used[:, i]) for i, joint in enumerate(view.joints)},
        "frames": int(posed.sum()),
        "frames_without_pose": int((~posed).sum()),
    }


def average(scores: Sequence[ViewFigures]) -> AverageFigures:
    """Mean of the views' main figures; None if a view has none."""
    return {
        "p_mpjpe_mm": _mean([entry["p_mpjpe_mm"] for entry in scores]),
        "s_mpjpe_mm": _mean([entry["s_mpjpe_mm"] for entry in scores]),
        "jitter_mm": _mean([entry["jitter_mm"] for entry in scores]),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.mean(known)), 2) if len(known) == len(values) else None


def clip_scale(predicted: F64, truth: F64) -> float:
    """The factor on predicted points [..., 3] that fits them best to the truth, least squares."""
    return float((predicted * truth).sum() / max((predicted**2).sum(), 1e-12))


def _root_relative(joints: F64, names: Sequence[str]) -> F64:
    root: F64 = joints[:, [names.index(hip) for hip in _HIPS]].mean(1, keepdims=True)
    return joints - root


def _mm(errors_m: F64, used: NDArray[np.bool_]) -> float | None:
    return round(1000 * float(errors_m[used].mean()), 2) if used.any() else None
