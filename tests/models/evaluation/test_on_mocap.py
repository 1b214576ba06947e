from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.data.mocap import load_mocap, stature_m
from models.evaluation.clips import SeenClip, seen_clips
from models.evaluation.on_mocap import CONDITIONS, judge, observed
from pipeline.skeletons import COCO_17, H36M_17
from tests.helpers.figures import measured
from tests.helpers.lifters import TruthLifter
from tests.helpers.mocap import write_mocap


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_mocap(tmp_path_factory.mktemp("mocap") / "made.npz", clips=3, frames=121)


@pytest.fixture(scope="module")
def clips(file: Path) -> list[SeenClip]:
    return list(seen_clips(load_mocap(file), cameras=2, seconds=1.5))


def truth_lifter(clips: list[SeenClip], change=lambda joints: joints) -> TruthLifter:
    return TruthLifter([clip.truth_m for clip in clips], change)


def test_clips_are_cut_resampled_and_scaled(clips) -> None:
    assert len(clips) == 6
    for clip in clips:
        assert clip.truth_m.shape == (45, 17, 3) and clip.xy_px.shape == (45, 17, 2)  # 1.5 s of 60 Hz at 30 Hz
        assert (clip.truth_m[:, 0] == 0).all()
        assert clip.inside.mean() > 0.9
        thigh = np.linalg.norm(clip.truth_m[:, 2] - clip.truth_m[:, 1], axis=-1)
        assert thigh == pytest.approx(thigh[0], rel=1e-2)
    assert {clip.subject for clip in clips} == {"person0", "person1"}


def test_bodies_have_the_stature_of_the_training(file, clips) -> None:
    mocap = load_mocap(file)
    factor = 1.70 / stature_m(mocap.clip_m(0)[0])
    own = np.linalg.norm(mocap.clip_m(0)[0, 2] - mocap.clip_m(0)[0, 1])
    seen = np.linalg.norm(clips[0].truth_m[0, 2] - clips[0].truth_m[0, 1])
    assert seen == pytest.approx(factor * own, rel=0.01)


def test_cameras_are_fixed_and_do_not_depend_on_the_other_clips(file, clips) -> None:
    mocap = load_mocap(file)
    again = list(seen_clips(mocap, cameras=1, seconds=1.5))
    for clip, same in zip(clips[::2], again, strict=True):
        assert (clip.xy_px == same.xy_px).all() and (clip.truth_m == same.truth_m).all()
    assert not np.allclose(clips[0].xy_px, clips[1].xy_px)


def test_keypoints_are_those_of_the_truth(clips) -> None:
    # what lies lower in camera axes lies lower in the picture
    for clip in clips:
        ankle, shoulder = COCO_17.index("l_ankle"), COCO_17.index("l_shoulder")
        assert (clip.xy_px[:, ankle, 1] > clip.xy_px[:, shoulder, 1]).all()
        assert (clip.truth_m[:, H36M_17.index("l_ankle"), 1] > clip.truth_m[:, H36M_17.index("l_shoulder"), 1]).all()


def test_a_perfect_lifter_has_no_error(clips) -> None:
    figures = judge(truth_lifter(clips), clips, CONDITIONS["clean"])
    for key in ("mpjpe_mm", "p_mpjpe_mm", "n_mpjpe_mm", "mpjve_mm", "acceleration_error_mm", "upper_body_mpjpe_mm"):
        assert figures[key] == 0, key
    assert figures["frames"] == 6 * 45 and figures["frames_without_pose"] == 0
    assert set(figures["per_joint_mm"]) == set(H36M_17.joints)
    assert figures["per_action"] == {"wave": {"mpjpe_mm": 0, "p_mpjpe_mm": 0, "frames": 270}}
    assert {name: entry["frames"] for name, entry in figures["per_subject"].items()} == {"person0": 180, "person1": 90}


def test_known_errors_give_known_figures(clips) -> None:
    offset = judge(truth_lifter(clips, lambda joints: joints + np.array([0.03, 0.04, 0])), clips, CONDITIONS["clean"])
    assert offset["mpjpe_mm"] == pytest.approx(50, abs=0.01)
    assert offset["p_mpjpe_mm"] == offset["mpjve_mm"] == 0
    assert all(value == pytest.approx(50, abs=0.01) for value in offset["per_joint_mm"].values())

    def bend(joints: np.ndarray) -> np.ndarray:
        joints = joints.copy()
        joints[:, H36M_17.index("l_wrist"), 2] += 0.17
        return joints

    wrist = judge(truth_lifter(clips, bend), clips, CONDITIONS["clean"])
    assert wrist["mpjpe_mm"] == pytest.approx(10, abs=0.01)  # 170 mm of one joint in 17
    assert wrist["per_joint_mm"]["l_wrist"] == pytest.approx(170, abs=0.01) and wrist["per_joint_mm"]["r_wrist"] == 0
    assert wrist["upper_body_mpjpe_mm"] == pytest.approx(17, abs=0.01)  # in 10 joints above the hips

    double = judge(truth_lifter(clips, lambda joints: 2 * joints), clips, CONDITIONS["clean"])
    assert double["n_mpjpe_mm"] == double["p_mpjpe_mm"] == 0 < measured(double["mpjpe_mm"])

    shaking = judge(
        truth_lifter(clips, lambda joints: joints + 0.01 * (np.arange(len(joints)) % 2)[:, None, None]),
        clips,
        CONDITIONS["clean"],
    )
    step = 10 * np.sqrt(3)
    assert shaking["mpjve_mm"] == pytest.approx(step, abs=0.01)
    assert shaking["acceleration_error_mm"] == pytest.approx(2 * step, abs=0.01)


def test_conditions_do_what_they_say(clips) -> None:
    seen = {name: [observed(clip, recipe) for clip in clips] for name, recipe in CONDITIONS.items()}
    for clip, (xy, confidence) in zip(clips, seen["clean"], strict=True):
        assert (xy == clip.xy_px).all() and ((confidence > 0) == clip.inside).all()
    pairs = list(zip(clips, seen["detector_like"], strict=True))
    noisy = np.concatenate([np.abs(xy - clip.xy_px).mean((1, 2)) / clip.body_px for clip, (xy, _) in pairs])
    assert 0.002 < np.median(noisy) < 0.03
    legs = [COCO_17.index(f"{side}_{joint}") for side in "lr" for joint in ("knee", "ankle")]
    assert all((confidence[:, legs] == 0).all() for _, confidence in seen["lower_body_missing"])
    gone = np.concatenate([(confidence == 0).all(1) for _, confidence in seen["frames_missing"]])
    assert 0.1 < gone.mean() < 0.3
    # conditions share their noise and differ by what they add
    swapped = []
    for name in ("lower_body_missing", "frames_missing", "swaps"):
        for (xy, _), (other, _) in zip(seen["detector_like"], seen[name], strict=True):
            moved = (xy != other).any((1, 2))
            if name == "swaps":
                swapped.append(moved)
                assert (np.sort(xy[..., 0], 1) == np.sort(other[..., 0], 1)).all()  # joints change places only
            else:
                assert not moved.any()
    assert 0 < np.concatenate(swapped).mean() < 0.5


def test_frames_that_the_pipeline_can_not_bridge_are_counted(clips) -> None:
    figures = judge(truth_lifter(clips), clips, CONDITIONS["frames_missing"])
    assert figures["mpjpe_mm"] == 0
    assert figures["frames"] + figures["frames_without_pose"] == 270
    live = truth_lifter(clips)
    live.spec = replace(live.spec, lookahead=0)  # nothing can be bridged without seeing the other side
    assert judge(live, clips, CONDITIONS["frames_missing"])["frames_without_pose"] > figures["frames_without_pose"]


def test_nothing_found_gives_no_figures_and_no_crash(clips) -> None:
    class Blind(TruthLifter):
        def __call__(self, windows):
            return []

    figures = judge(Blind([clip.truth_m for clip in clips]), clips, CONDITIONS["clean"])
    assert figures["frames"] == 0 and figures["frames_without_pose"] == 270
    assert figures["mpjpe_mm"] is None and figures["bone_length_variation_percent"] is None
