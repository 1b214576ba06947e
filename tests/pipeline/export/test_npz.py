from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ExportError
from pipeline.export import npz
from pipeline.export.npz import NpzPoses3D
from pipeline.skeletons import H36M_17
from pipeline.types import Origin, Pose3D
from tests.helpers.stand_ins import rows_of


def test_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npz, "_BLOCK_ROWS", 4)
    random = np.random.default_rng(1)
    poses = [
        Pose3D.missing(n, n / 25, 1)
        if n == 3
        else Pose3D(
            n % 2,
            n,
            n / 25,
            random.normal(size=(17, 3)).astype(np.float32),
            random.random(17).astype(np.float32),
            random.integers(0, 5, 17).astype(np.uint8),
            n > 5,
        )
        for n in range(11)
    ]
    path = tmp_path / "poses3d.npz"
    with NpzPoses3D(path) as sink:
        for pose in poses:
            sink.write(rows_of(pose))
    assert [p.name for p in tmp_path.iterdir()] == ["poses3d.npz"]
    with np.load(path, allow_pickle=False) as file:
        assert file["frame"].tolist() == list(range(11))
        np.testing.assert_array_equal(file["time_s"], np.arange(11) / 25)
        np.testing.assert_array_equal(file["xyz_m"], np.stack([p.xyz_m for p in poses]))
        np.testing.assert_array_equal(file["score"], np.stack([p.score for p in poses]))
        np.testing.assert_array_equal(file["origin"], np.stack([p.origin for p in poses]))
        assert file["track_id"].tolist() == [p.track_id for p in poses]
        assert file["settled"].tolist() == [p.settled for p in poses]
        assert tuple(file["joints"]) == H36M_17.joints
        assert tuple(map(tuple, file["bones"])) == H36M_17.bones
        assert file["origin_labels"][Origin.SWAP_REPAIRED] == "swap-repaired"
        assert "y down" in str(file["axes"]) and "metres" in str(file["units"])


def test_no_frames_at_all(tmp_path: Path) -> None:
    with NpzPoses3D(tmp_path / "poses3d.npz"):
        pass
    with np.load(tmp_path / "poses3d.npz") as file:
        assert file["xyz_m"].shape == (0, 17, 3)


def test_an_interruption_keeps_the_finished_rows(tmp_path: Path) -> None:
    path = tmp_path / "poses3d.npz"
    with pytest.raises(KeyboardInterrupt), NpzPoses3D(path) as sink:
        sink.write(rows_of(Pose3D.missing(0, 0.0)))
        assert not path.exists() and (tmp_path / "poses3d.npz.part").stat().st_size > 0
        raise KeyboardInterrupt
    with np.load(path) as file:
        assert file["frame"].tolist() == [0]


def test_rows_remain_when_the_archive_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "poses3d.npz"
    sink = NpzPoses3D(path)
    sink.write(rows_of(Pose3D.missing(0, 0.0)))
    (tmp_path / "poses3d.npz.complete.part").mkdir()
    with pytest.raises(ExportError, match=r"can't write .*poses3d\.npz: .*rows are in .*poses3d\.npz\.part"):
        sink.close()
    assert (tmp_path / "poses3d.npz.part").stat().st_size > 0


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"its folder does not exist .* choose another"):
        NpzPoses3D(tmp_path / "nowhere" / "poses3d.npz")
