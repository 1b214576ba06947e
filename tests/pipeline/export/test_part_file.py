from __future__ import annotations

import errno
from pathlib import Path

import pytest

from pipeline.errors import ConfigError, ExportError
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.export.output_folder import prepare_output
from pipeline.export.part_file import PartFile
from pipeline.types import Pose3D
from tests.helpers.stand_ins import rows_of

DEV_FULL = Path("/dev/full")


class FullDisk:
    """Wraps an open file and takes ``room`` bytes more, then reports a full disk, in the middle of a block."""

    def __init__(self, file: object, room: int) -> None:
        self._file, self._room = file, room

    def write(self, data: memoryview) -> int:
        if self._room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(self._room, len(data))
        self._room -= taken
        return self._file.write(data[:taken])  # type: ignore[attr-defined, no-any-return]

    def __getattr__(self, name: str) -> object:
        return getattr(self._file, name)


def test_a_full_disk_takes_back_the_half_row(tmp_path: Path) -> None:
    file = PartFile(tmp_path / "a.csv")
    file.append(b"one\n")
    file._file = FullDisk(file._file, room=6)  # type: ignore[assignment]
    file.append(b"two\n")
    with pytest.raises(
        ExportError,
        match=r"a\.csv: the disk is full: free some space or choose another folder.*rows written so far are kept",
    ):
        file.append(b"three\n")
    file.close()
    assert (tmp_path / "a.csv").read_bytes() == b"one\ntwo\n"


@pytest.mark.skipif(not DEV_FULL.exists(), reason="needs /dev/full")
def test_a_device_that_is_full(tmp_path: Path) -> None:
    (tmp_path / "poses3d.csv.part").symlink_to(DEV_FULL)
    with pytest.raises(ExportError, match="the disk is full"), CsvPoses3D(tmp_path / "poses3d.csv") as sink:
        sink.write(rows_of(Pose3D.missing(0, 0.0)))


def test_close_reports_that_the_name_is_taken(tmp_path: Path) -> None:
    file = PartFile(tmp_path / "a.csv")
    file.append(b"one\n")
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ExportError, match=r"can't write .*a\.csv: .*complete result is .*a\.csv\.part"):
        file.close()
    assert (tmp_path / "a.csv.part").read_bytes() == b"one\n"


def test_an_error_of_closing_does_not_hide_the_first_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), CsvPoses3D(tmp_path / "a.csv"):
        (tmp_path / "a.csv").mkdir()
        raise KeyboardInterrupt


def test_prepare_output_makes_the_folder_and_leaves_it_empty(tmp_path: Path) -> None:
    prepare_output(tmp_path / "a" / "b", ["poses3d.csv"], overwrite=False)
    assert list((tmp_path / "a" / "b").iterdir()) == []


@pytest.mark.parametrize("name", ["poses3d.csv", "poses3d.csv.part"])
def test_prepare_output_keeps_existing_results(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    (tmp_path / "notes.txt").write_text("mine too")
    with pytest.raises(ConfigError, match=rf"already holds {name}; add `overwrite`"):
        prepare_output(tmp_path, ["poses3d.csv", "run.json"], overwrite=False)
    assert (tmp_path / name).read_text() == "mine"
    prepare_output(tmp_path, ["poses3d.csv", "run.json"], overwrite=True)
    assert (tmp_path / "notes.txt").exists()
    assert not (tmp_path / "poses3d.csv.part").exists()


def test_prepare_output_ignores_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    prepare_output(tmp_path, ["poses3d.csv"], overwrite=False)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("below", [".", "deeper"])
def test_prepare_output_when_a_file_is_in_the_way(tmp_path: Path, below: str) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ExportError, match="a file is in the way; choose another folder"):
        prepare_output(tmp_path / "out" / below, ["poses3d.csv"], overwrite=False)


def test_prepare_output_when_a_folder_has_the_name_of_a_result(tmp_path: Path) -> None:
    (tmp_path / "poses3d.csv").mkdir()
    with pytest.raises(ExportError, match="a folder of this name is in the way"):
        prepare_output(tmp_path, ["poses3d.csv"], overwrite=True)


def test_prepare_output_when_writing_is_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with pytest.raises(ExportError, match="permission denied: choose a folder that you may write to"):
        prepare_output(tmp_path, ["poses3d.csv"], overwrite=False)
