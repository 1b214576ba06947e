from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.evaluation.on_footage import Remembered, View, average, detect, lift_view, load_views, score
from pipeline.detect.base import Detector
from pipeline.errors import DataError
from pipeline.skeletons import COCO_17, H36M_17
from pipeline.types import Frame, Pose2D
from tests.helpers.figures import measured
from tests.helpers.lifters import TruthLifter
from tests.helpers.stand_ins import pose2d
from tests.helpers.video import write_video

NAMES = ["nose", *(f"{s}_{j}" for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for s in "lr")]
FRAMES = 12


def human(frames: int = FRAMES) -> np.ndarray:
    """Some Human3.6M body per frame, relative to its pelvis, which is the middle of its hips."""
    joints = np.random.default_rng(4).normal(0, 0.3, (frames, len(H36M_17), 3))
    hips = [H36M_17.index("l_hip"), H36M_17.index("r_hip")]
    joints[:, hips[1]] = -joints[:, hips[0]]
    joints[:, 0] = 0
    return joints


def write_recording(folder: Path, **changes) -> Path:
    body = human() * 1.1 + np.array([0.2, 0.3, 4.0])  # a taller man, four metres away
    chosen = [H36M_17.index(name) for name in NAMES]
    fields = {
        "joint_names": np.array(NAMES),
        "valid": np.ones((FRAMES, len(NAMES)), bool),
        "frame_index": np.arange(FRAMES),
        "cam_names": np.array(["left", "absent"]),
        "joints3d_left": body[:, chosen],
        "joints3d_absent": body[:, chosen],
        **changes,
    }
    np.savez(folder / "man_truth.npz", **{key: value for key, value in fields.items() if value is not None})
    write_video(folder / "man_left.mp4", [n / 30 for n in range(FRAMES)])
    return folder


def remembered() -> Remembered:
    xy = np.random.default_rng(5).uniform(20, 90, (len(COCO_17), 2))
    return Remembered({n: [pose2d(n, n / 30, xy)] for n in range(FRAMES)})


def test_a_perfect_lifter_of_another_stature(tmp_path) -> None:
    (view,) = load_views(write_recording(tmp_path))
    assert view.name == "man_left" and len(view.joints) == 12 and "nose" not in view.joints
    predicted = lift_view(view, remembered(), TruthLifter([human()]))
    figures = score(predicted, view)
    assert figures["p_mpjpe_mm"] == figures["s_mpjpe_mm"] == 0
    assert figures["scale"] == pytest.approx(1.1)
    assert figures["frames"] == FRAMES and figures["frames_without_pose"] == 0
    assert set(figures["per_joint_p_mm"]) == set(view.joints)


def test_frames_without_truth_are_not_judged(tmp_path) -> None:
    index = np.arange(3, FRAMES)
    chosen = [H36M_17.index(name) for name in NAMES]
    write_recording(tmp_path, frame_index=index, joints3d_left=human()[3:, chosen], valid=np.ones((9, 13), bool))
    (view,) = load_views(tmp_path)
    figures = score(lift_view(view, remembered(), TruthLifter([human()])), view)
    assert figures["s_mpjpe_mm"] == 0 and figures["frames"] == 9


def test_errors_by_hand(tmp_path) -> None:
    (view,) = load_views(write_recording(tmp_path))
    rotated = view.truth_m[..., [2, 1, 0]] * np.array([1, 1, -1])  # a quarter turn about y
    figures = score(rotated, view)
    assert figures["p_mpjpe_mm"] == 0 < measured(figures["s_mpjpe_mm"])
    # one joint out by 60 mm in one frame, across its direction, so that the clip's scale hardly changes
    moved = view.truth_m.copy()
    wrist = view.joints.index("l_wrist")
    hips = view.truth_m[5, [view.joints.index("l_hip"), view.joints.index("r_hip")]].mean(0)
    across = np.cross(moved[5, wrist] - hips, [1, 0, 0])
    moved[5, wrist] += 0.06 * across / np.linalg.norm(across)
    figures = score(moved, view)
    assert figures["s_mpjpe_mm"] == pytest.approx(60 / 12 / FRAMES, abs=0.06)
    # where the truth is not valid, nothing is judged
    view.valid[5, wrist] = False
    assert score(moved, view)["s_mpjpe_mm"] == 0


def test_jitter_is_the_second_difference() -> None:
    joints = ("l_hip", "r_hip", "l_knee", "r_knee")
    truth = np.zeros((3, 4, 3))
    truth[:, :, 0] = [-0.1, 0.1, -0.1, 0.1]
    truth[:, 2:, 1] = 0.4
    truth[1, 2, 2] = 0.01  # forth and back: second difference -20 mm for one joint in four
    view = View("v", Path("v.mp4"), joints, np.arange(3), truth, np.ones((3, 4), bool))
    assert score(truth, view)["jitter_mm"] == pytest.approx(5, abs=0.01)


def test_missing_poses_are_counted_not_judged(tmp_path) -> None:
    (view,) = load_views(write_recording(tmp_path))
    predicted = view.truth_m.copy()
    predicted[:4] = np.nan
    figures = score(predicted, view)
    assert figures["frames"] == FRAMES - 4 and figures["frames_without_pose"] == 4 and figures["p_mpjpe_mm"] == 0
    nothing = score(np.full_like(predicted, np.nan), view)
    assert nothing["p_mpjpe_mm"] is None and nothing["jitter_mm"] is None
    assert average([figures, nothing])["p_mpjpe_mm"] is None
    assert average([figures, figures])["p_mpjpe_mm"] == 0


def test_the_detector_sees_every_frame_once(tmp_path) -> None:
    (view,) = load_views(write_recording(tmp_path))
    seen = []

    class Counting(Detector):
        def __call__(self, frame: Frame) -> list[Pose2D]:
            seen.append(frame.index)
            return []

        def reset(self) -> None: ...

    assert detect(view, Counting()).poses == {n: [] for n in range(FRAMES)} and seen == list(range(FRAMES))


def test_focal_lengths_come_from_the_intrinsics_of_the_same_camera(tmp_path) -> None:
    assert load_views(write_recording(tmp_path))[0].focal_px is None
    lenses = np.stack([np.diag([700.0, 700.0, 1.0]), np.diag([900.0, 900.0, 1.0])])
    (view,) = load_views(write_recording(tmp_path, K=lenses))
    assert view.focal_px == 700
    (view,) = load_views(write_recording(tmp_path, K=lenses, cam_names=np.array(["absent", "left"])))
    assert view.focal_px == 900
    with pytest.raises(DataError, match="can't be read"):
        load_views(write_recording(tmp_path, K=lenses[:0]))


def test_wrong_folders_are_named(tmp_path) -> None:
    with pytest.raises(DataError, match="no NAME_truth"):
        load_views(tmp_path)
    for changes, word in (
        ({"valid": None}, "valid"),
        ({"valid": np.ones((3, 13), bool)}, "do not fit"),
        ({"joint_names": np.array(["nose"] * 13)}, "do not fit"),
        ({"cam_names": np.array(["other"])}, "none of its videos"),
    ):
        with pytest.raises(DataError, match=word):
            load_views(write_recording(tmp_path, **changes))
    (tmp_path / "man_truth.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="can't be read"):
        load_views(tmp_path)
