"""Hand-computed errors on files in the data sets' layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.data.human36m import ACTIONS, KEPT_POINTS, load_human36m
from models.data.humaneva import COLUMNS, column_of, load_humaneva
from models.data.published_cameras import rotation
from models.data.videopose3d import CameraSequence
from models.evaluation.protocols import AVERAGE, judge, table
from tests.helpers.videopose3d_files import write_humaneva

# Four joints of a flat cross with arms of 300 mm around the pelvis, all others at the pelvis.
CROSS_M = 0.3 * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0]])

UP_M = np.array([0.0, 0.0, 1.0])


def cross(joints: int, stretch: float = 1.0) -> np.ndarray:
    """[joints, 3], world axes; ``stretch`` makes the arms along x longer."""
    body = np.zeros((joints, 3))
    body[1:5] = CROSS_M * [stretch, 1, 1]
    return body


def in_camera(stretch_of: Callable[[CameraSequence], float]) -> Callable[[CameraSequence], np.ndarray]:
    """A lifter that gives the cross, stretched, in the camera's axes, and nonsense for the pelvis."""

    def lift(sequence: CameraSequence) -> np.ndarray:
        frames, joints, _ = sequence.truth_m.shape
        pose = cross(joints, stretch_of(sequence)) @ rotation(sequence.camera.orientation)
        pose[0] = 9.0
        return np.tile(pose, (frames, 1, 1)).astype(np.float32)

    return lift


def human36m(folder: Path, actions: dict[str, dict[str, int]]) -> list[CameraSequence]:
    positions: dict[str, dict[str, np.ndarray]] = {}
    for subject, lengths in actions.items():
        for action, frames in lengths.items():
            world = np.zeros((frames, 32, 3), np.float32)
            world[:, list(KEPT_POINTS)] = cross(17) + np.array([0.1, 0.2, 0.9])
            positions.setdefault(subject, {})[action] = world
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=positions)  # type: ignore[arg-type]
    return load_human36m(folder / "data_3d_h36m.npz", None)


def test_human36m_by_hand(tmp_path: Path) -> None:
    sequences = human36m(tmp_path, {"S9": {"Walking": 4, "Walking 1": 2, "Photo": 3}, "S11": {"Walking": 6}})

    def stretch(sequence: CameraSequence) -> float:
        return {"Photo": 1.0, "Walking": 2.0}[sequence.label] if sequence.subject == "S9" else 1.0

    scores = judge(in_camera(stretch), sequences)  # type: ignore[arg-type]
    assert scores.frames == {"Walking": 4 * 12, "Photo": 4 * 3}
    # Stretched to twice the length, two of 17 joints are 300 mm off: 600 / 17. S9 has 6 of Walking's 12 frames.
    assert scores.by_metric["mpjpe_mm"]["Walking"] == pytest.approx(600 / 17 / 2, rel=1e-4)
    # The best similarity scales by (2 + 1) / (4 + 1) = 0.6: two joints 0.2 and two 0.4 arms off. No translation or
    # rotation helps a cross that is symmetric, so scale alone gives the same.
    for metric in ("p_mpjpe_mm", "n_mpjpe_mm"):
        assert scores.by_metric[metric]["Walking"] == pytest.approx(300 * 1.2 / 17 / 2, rel=1e-3)
    for by_label in scores.by_metric.values():
        assert by_label["Photo"] == pytest.approx(0, abs=1e-3)
        # over actions, not over frames
        assert by_label[AVERAGE] == pytest.approx((by_label["Walking"] + by_label["Photo"]) / 2)


def test_protocol_2_forgives_size_and_turn_protocol_1_does_not(tmp_path: Path) -> None:
    sequences = human36m(tmp_path, {"S9": {"Eating": 2}, "S11": {"Eating": 2}})
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])

    def turned(sequence: CameraSequence) -> np.ndarray:
        frames = len(sequence.truth_m)
        body = cross(17) @ quarter.T * 1.5
        return np.tile(body @ rotation(sequence.camera.orientation), (frames, 1, 1)).astype(np.float32)

    scores = judge(turned, sequences).by_metric
    # each arm's end is at 1.5 arms in a right angle from where it should be
    assert scores["mpjpe_mm"]["Eating"] == pytest.approx(4 * 300 * np.sqrt(1 + 1.5**2) / 17, rel=1e-4)
    assert scores["p_mpjpe_mm"]["Eating"] == pytest.approx(0, abs=0.01)


def test_humaneva_by_hand(tmp_path: Path) -> None:
    lengths = {
        "Validate/S1": {"Walking 1 chunk0": 2, "Walking 1 chunk2": 4},
        "Validate/S2": {"Box 1 chunk0": 3},
        "Validate/S3": {},
    }
    write_humaneva(tmp_path, lengths)
    positions = {
        subject: {action: np.tile(cross(15) + UP_M, (n, 1, 1)).astype(np.float32) for action, n in actions.items()}
        for subject, actions in lengths.items()
    }
    np.savez_compressed(tmp_path / "data_3d_humaneva15.npz", positions_3d=positions)  # type: ignore[arg-type]
    sequences = load_humaneva(tmp_path / "data_3d_humaneva15.npz", tmp_path / "data_2d_humaneva15_gt.npz")
    scores = judge(in_camera(lambda s: 2.0 if s.action.endswith("chunk2") else 1.0), sequences, column_of)  # type: ignore[arg-type]
    assert scores.frames == {"Walking S1": 3 * 6, "Box S2": 3 * 3}
    # four of Walking's six frames are stretched; 15 joints
    assert scores.by_metric["mpjpe_mm"]["Walking S1"] == pytest.approx(600 / 15 * 4 / 6, rel=1e-4)
    assert scores.by_metric["p_mpjpe_mm"]["Walking S1"] == pytest.approx(300 * 1.2 / 15 * 4 / 6, rel=1e-3)
    assert scores.by_metric["mpjpe_mm"]["Box S2"] == pytest.approx(0, abs=1e-3)
    text = table({"ours": scores.by_metric["mpjpe_mm"]}, COLUMNS)
    assert " ".join(text.splitlines()[0].split()) == (
        "Walk S1 Walk S2 Walk S3 Jog S1 Jog S2 Jog S3 Box S1 Box S2 Box S3 Avg."
    )
    assert text.splitlines()[1].split() == ["ours", "26.7", *"------", "0.0", "-", "13.3"]


def test_the_published_layout() -> None:
    full = {action: float(n) for n, action in enumerate(ACTIONS)} | {AVERAGE: 7.0}
    lines = table({"a": full, "longer name": {"Walking": 123.456, AVERAGE: 123.456}}, ACTIONS).splitlines()
    assert " ".join(lines[0].split()) == (
        "Dir. Disc. Eat Greet Phone Photo Pose Purch. Sit SitD. Smoke Wait WalkD. Walk WalkT. Avg."
    )
    assert lines[1].split() == ["a", *(f"{n}.0" for n in range(15)), "7.0"]
    assert lines[2].split() == ["longer", "name", *"-------------", "123.5", "-", "123.5"]
    assert len({len(line) for line in lines}) == 1
