"""The files of a run: opened together, completed together; one each for those who want that."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigError, ExportError
from pipeline.export.formats import FILE_FORMATS, Clip, FileFormat, files_of
from pipeline.export.output_folder import folder_name, prepare_output, remove_results
from pipeline.export.result_files import ResultFiles
from pipeline.types import Pose3D, Rows
from tests.helpers.dummy_format import DUMMY, PER_PERSON, PREVIEWS, Lines, lines
from tests.helpers.stand_ins import rows_of

CLIP = Clip("clip.mp4", 640, 480, 30.0)


def pose(index: int, track_id: int = 0) -> Pose3D:
    xyz_m = np.full((17, 3), 100 * track_id + index, np.float32)
    return Pose3D(track_id, index, index / 30, xyz_m, np.ones(17, np.float32), np.zeros(17, np.uint8), True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_all_files_get_all_rows_and_their_names_at_the_end(tmp_path: Path) -> None:
    with ResultFiles(tmp_path, [*FILE_FORMATS, DUMMY], CLIP) as files:
        for n in range(3):
            files.write(rows_of(pose(n), pose(n, 3), smoothed=True))
        wanted = [entry.file_name() for entry in [*FILE_FORMATS, DUMMY]]
        assert files.names == wanted and names(tmp_path) == sorted(f"{name}.part" for name in wanted)
    assert names(tmp_path) == sorted(wanted)
    assert lines(tmp_path / "dummy.txt") == ["0 0:0 3:300", "1 0:1 3:301", "2 0:2 3:302"]
    assert (tmp_path / "dummy.txt").read_text().startswith("clip.mp4 640x480 30\n")


def test_wide_tables_are_asked_for_with_the_clip(tmp_path: Path) -> None:
    with ResultFiles(tmp_path, files_of(["csv"], False), Clip("clip", 640, 480, 30.0, wide=True)) as files:
        files.write(rows_of(pose(0), pose(0, 3)))
    assert all(len(lines(tmp_path / name)) == 2 for name in ("poses3d.csv", "poses2d.csv"))


def test_one_file_for_each_person_from_their_first_pose_on(tmp_path: Path) -> None:
    with ResultFiles(tmp_path, [PER_PERSON, DUMMY], CLIP) as files:
        files.write(rows_of(Pose3D.missing(0, 0.0)))
        assert files.names == ["dummy.txt"], "nobody was seen yet"
        files.write(rows_of(pose(1), Pose3D.missing(1, 1 / 30, 3)))
        files.write(rows_of(pose(2), pose(2, 3)))
        files.write(rows_of(Pose3D.missing(3, 0.1), pose(3, 3)))
    assert files.names == ["dummy.txt", "each_person0.txt", "each_person3.txt"]
    assert lines(tmp_path / "each_person0.txt") == ["1 0:1", "2 0:2", "3 0:nan"]
    assert lines(tmp_path / "each_person3.txt") == ["2 3:302", "3 3:303"]
    assert len(lines(tmp_path / "dummy.txt")) == 4


def test_previews_go_to_formats_that_take_them(tmp_path: Path) -> None:
    each = FileFormat("early", "early_each", ".txt", Lines, per_person=True, previews=True)
    with ResultFiles(tmp_path, [DUMMY, PREVIEWS, PER_PERSON, each], CLIP) as files:
        files.write_previews(rows_of(pose(5)))
        files.write(rows_of(pose(0)))
    assert lines(tmp_path / "dummy.txt") == lines(tmp_path / "each_person0.txt") == ["0 0:0"]
    assert lines(tmp_path / "early.txt") == lines(tmp_path / "early_each_person0.txt") == ["5 0:5", "0 0:0"]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ExportError])
def test_an_error_ends_all_files_and_keeps_their_rows(tmp_path: Path, failure: type[BaseException]) -> None:
    with pytest.raises(failure), ResultFiles(tmp_path, [DUMMY, PER_PERSON, *files_of(["csv"], False)], CLIP) as files:
        files.write(rows_of(pose(0)))
        raise failure("enough")
    assert names(tmp_path) == ["dummy.txt", "each_person0.txt", "poses2d.csv", "poses3d.csv"]
    assert lines(tmp_path / "dummy.txt") == lines(tmp_path / "each_person0.txt") == ["0 0:0"]


def test_where_one_can_not_be_opened_the_others_are_closed(tmp_path: Path) -> None:
    (tmp_path / "poses2d.csv.part").mkdir()
    with pytest.raises(ExportError, match=r"poses2d\.csv"):
        ResultFiles(tmp_path, [DUMMY, *files_of(["csv"], False)], CLIP)
    assert "dummy.txt" in names(tmp_path) and "dummy.txt.part" not in names(tmp_path)


def test_one_that_can_not_be_completed_does_not_keep_the_others(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"poses2d\.csv"), ResultFiles(tmp_path, files_of(["csv"], False), CLIP) as f:
        f.write(rows_of(pose(0)))
        (tmp_path / "poses2d.csv").mkdir()
    assert len(lines(tmp_path / "poses3d.csv")) == 17


def test_a_frame_without_anybody(tmp_path: Path) -> None:
    with ResultFiles(tmp_path, [DUMMY, PER_PERSON, *FILE_FORMATS], CLIP) as files:
        files.write(Rows(0, 0.0, ()))
    assert lines(tmp_path / "dummy.txt") == ["0 "] and "each_person0.txt" not in names(tmp_path)


# ---- the folder, with names that depend on the people


def test_results_of_each_person_are_found_by_their_pattern(tmp_path: Path) -> None:
    for name in ("each_person0.txt", "each_person12.txt.part"):
        (tmp_path / name).write_text("mine")
    patterns = [PER_PERSON.pattern, "run.json"]
    with pytest.raises(ConfigError, match=r"already holds each_person0\.txt, each_person12\.txt\.part") as caught:
        prepare_output(tmp_path, patterns, overwrite=False)
    assert caught.value.field == "folder"
    (tmp_path / "each_persons.md").write_text("notes")
    prepare_output(tmp_path, patterns, overwrite=True)
    assert names(tmp_path) == ["each_person0.txt", "each_persons.md"], "only what a killed run left is removed now"
    remove_results(tmp_path, patterns)
    assert names(tmp_path) == ["each_persons.md"]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("clip.mp4", "clip"),
        ("camera 0", "camera_0"),
        ("rtsp://host/a b?x=1", "a_b_x_1"),
        ("..", "source"),
        ("läuft.mov", "läuft"),
        ("", "source"),
    ],
)
def test_a_folder_is_called_like_its_source(source: str, name: str) -> None:
    assert folder_name(source) == name
