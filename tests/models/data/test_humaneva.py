from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.data.humaneva import COLUMNS, HUMANEVA_15, column_of, load_humaneva
from pipeline.errors import DataError
from pipeline.skeletons import H36M_17, coco17_to_h36m17
from tests.helpers.videopose3d_files import write_humaneva

SMALL = {
    "Train/S1": {"Walking 1 chunk0": 7},
    "Validate/S1": {"Walking 1 chunk0": 5, "Walking 1 chunk2": 3, "Gestures 1 chunk0": 4},
    "Validate/S2": {"Jog 1 chunk1": 6, "Box 1 chunk0": 2},
    "Validate/S3": {"Box 1 chunk0": 1},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_humaneva(tmp_path, SMALL)
    return tmp_path


def files(folder: Path, keypoints: str = "gt") -> tuple[Path, Path]:
    return folder / "data_3d_humaneva15.npz", folder / f"data_2d_humaneva15_{keypoints}.npz"


def test_validation_chunks(folder: Path) -> None:
    sequences = load_humaneva(*files(folder))
    assert len(sequences) == 5 * 3
    assert [s.camera.name for s in sequences[:3]] == ["C1", "C2", "C3"]
    for s in sequences:
        frames = SMALL[s.subject][s.action]
        assert s.truth_m.shape == (frames, 15, 3) and s.xy_px.shape == (frames, 15, 2)
        assert s.rate_hz == 60 and s.camera.size_px == (640, 480) and (s.truth_m[..., 2] > 2).all()
    assert {column_of(s) for s in sequences} == {"Walking S1", "Jog S2", "Box S2", "Box S3"}
    assert {column_of(s) for s in sequences} < set(COLUMNS) and len(COLUMNS) == 9
    train = load_humaneva(*files(folder), part="Train", subjects=("S1",), stride=2)
    assert [len(s.xy_px) for s in train] == [4, 4, 4] and train[0].rate_hz == 30


def test_coco_detections_take_the_joints_by_name(folder: Path) -> None:
    sequence = load_humaneva(*files(folder, "detectron_pt_coco"))[0]
    with np.load(files(folder, "detectron_pt_coco")[1], allow_pickle=True) as file:
        raw = file["positions_2d"].item()["Validate/S1"]["Walking 1 chunk0"][0]
    converted, _ = coco17_to_h36m17(raw, np.ones(raw.shape[:2], np.float32))
    for n, joint in enumerate(HUMANEVA_15.joints):
        assert (sequence.xy_px[:, n] == converted[:, H36M_17.index(joint)]).all()


def test_the_skeleton_is_a_tree_with_both_sides() -> None:
    assert {child for _, child in HUMANEVA_15.bones} == set(range(1, 15))
    assert sorted(HUMANEVA_15.pairs) == [(2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13)]


def test_what_is_missing_is_named(folder: Path) -> None:
    with pytest.raises(DataError, match="no subject Train/S2, Train/S3"):
        load_humaneva(*files(folder), part="Train")
    with pytest.raises(DataError, match="no part 'Test'"):
        load_humaneva(*files(folder), part="Test")
    with pytest.raises(DataError, match="no action 'Gestures'"):
        load_humaneva(*files(folder), actions=("Gestures",))
    with pytest.raises(DataError, match="none of the actions Jog of Validate"):
        load_humaneva(*files(folder), actions=("Jog",), subjects=("S1",))
