from __future__ import annotations

import errno
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.errors import ExportError
from pipeline.export.snapshot import save_snapshot

PICTURE: U8 = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_the_picture_is_kept_exactly_in_a_new_folder(tmp_path: Path) -> None:
    path = save_snapshot(tmp_path / "a" / "b", PICTURE)
    assert path == tmp_path / "a" / "b" / "snapshot_0001.png"
    kept = cv2.imread(str(path))
    assert kept is not None and np.array_equal(kept, PICTURE)


def test_numbers_go_on_after_the_last_and_replace_nothing(tmp_path: Path) -> None:
    for name in ("snapshot_0007.png", "snapshot_0002.png", "snapshot_9.txt", "other_0030.png", "snapshot_x.png"):
        (tmp_path / name).write_bytes(b"old")
    (tmp_path / "snapshot_0008.png.part").write_bytes(b"of a run that was killed")
    saved = [save_snapshot(tmp_path, PICTURE).name for _ in range(2)]
    assert saved == ["snapshot_0009.png", "snapshot_0010.png"]
    assert (tmp_path / "snapshot_0007.png").read_bytes() == b"old"
    assert save_snapshot(tmp_path, PICTURE, "other").name == "other_0031.png"
    assert [name for name in names(tmp_path) if name.endswith(".part")] == ["snapshot_0008.png.part"]


def test_numbers_beyond_four_digits(tmp_path: Path) -> None:
    (tmp_path / "snapshot_9999.png").write_bytes(b"")
    assert save_snapshot(tmp_path, PICTURE).name == "snapshot_10000.png"


def test_a_picture_that_comes_up_meanwhile_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "snapshot_0001.png").write_bytes(b"of another run")
    monkeypatch.setattr(Path, "iterdir", lambda folder: iter(()))  # when the folder was listed, it was not there yet
    assert save_snapshot(tmp_path, PICTURE).name == "snapshot_0002.png"
    monkeypatch.undo()
    assert (tmp_path / "snapshot_0001.png").read_bytes() == b"of another run"
    assert names(tmp_path) == ["snapshot_0001.png", "snapshot_0002.png"]


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    for folder in (tmp_path / "out", tmp_path / "out" / "deeper"):
        with pytest.raises(ExportError, match=r"out.*: a file is in the way"):
            save_snapshot(folder, PICTURE)


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match=r"snapshot_0001\.png: the disk is full"):
        save_snapshot(tmp_path, PICTURE)
    assert names(tmp_path) == []


def test_an_empty_picture_is_no_png(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"shape \(0, 0, 3\)"):
        save_snapshot(tmp_path, np.zeros((0, 0, 3), np.uint8))
    assert names(tmp_path) == []
