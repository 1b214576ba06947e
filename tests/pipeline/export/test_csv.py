from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ExportError
from pipeline.export import csv_poses2d, csv_poses3d
from pipeline.export.csv_poses2d import CsvPoses2D
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.skeletons import COCO_17, H36M_17
from pipeline.smooth.people import create_smoothing
from pipeline.types import Origin, Person, Pose2D, Pose3D, Rows
from tests.helpers.stand_ins import rows_of


def pose3d(index: int, track: int = 0, settled: bool = True) -> Pose3D:
    xyz = (np.arange(51, dtype=np.float32).reshape(17, 3) - 3 * index) / np.float32(100)
    origin = np.full(17, Origin.MEASURED, np.uint8)
    origin[3] = Origin.SWAP_REPAIRED
    return Pose3D(track, index, index / 30, xyz, np.linspace(0, 1, 17, dtype=np.float32), origin, settled)


def pose2d(index: int) -> Pose2D:
    xy = np.arange(34, dtype=np.float32).reshape(17, 2) + np.float32(0.126)
    score = np.full(17, 0.5, np.float32)
    origin = np.full(17, Origin.MEASURED, np.uint8)
    xy[4], score[4], origin[4] = np.nan, 0, Origin.MISSING
    origin[5] = Origin.INTERPOLATED
    return Pose2D(index, index / 25, 2, xy, score, np.array([0, 0, 9, 9], np.float32), origin)


def rows2d(pose: Pose2D) -> Rows:
    person = Person(pose, Pose3D.missing(pose.frame_index, pose.time_s, pose.track_id))
    return Rows(pose.frame_index, pose.time_s, (person,))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_poses3d_golden_text(tmp_path: Path) -> None:
    path = tmp_path / "poses3d.csv"
    with CsvPoses3D(path) as sink:
        sink.write(rows_of(pose3d(1, track=4)))
        sink.write(rows_of(Pose3D.missing(2, 2 / 30, 4)))
    lines = path.read_bytes().decode("ascii").split("\n")
    assert lines[0] == "frame,time_s,track_id,joint,x_m,y_m,z_m,score,origin,settled"
    assert lines[1] == "1,0.033333,4,pelvis,-0.03000,-0.02000,-0.01000,0.000,measured,1"
    assert lines[2] == "1,0.033333,4,r_hip,0.00000,0.01000,0.02000,0.062,measured,1"
    assert lines[4] == "1,0.033333,4,r_ankle,0.06000,0.07000,0.08000,0.188,swap-repaired,1"
    assert lines[18] == "2,0.066667,4,pelvis,,,,,missing,1"
    assert len(lines) == 1 + 2 * 17 + 1 and lines[-1] == ""


def test_poses2d_golden_text(tmp_path: Path) -> None:
    path = tmp_path / "poses2d.csv"
    with CsvPoses2D(path) as sink:
        sink.write(rows2d(pose2d(3)))
        sink.write(rows2d(Pose2D.missing(4, 0.16)))
    lines = path.read_text(encoding="ascii").splitlines()
    assert lines[0] == "frame,time_s,track_id,joint,x_px,y_px,score,origin"
    assert lines[1] == "3,0.120000,2,nose,0.13,1.13,0.500,measured"
    assert lines[5] == "3,0.120000,2,r_ear,,,,missing"
    assert lines[6] == "3,0.120000,2,l_shoulder,10.13,11.13,0.500,interpolated"
    assert lines[18] == "4,0.160000,0,nose,,,,missing"
    assert len(lines) == 1 + 2 * 17


def test_tiny_negative_numbers_have_no_sign(tmp_path: Path) -> None:
    pose = replace(pose3d(0), xyz_m=np.full((17, 3), -1e-9, np.float32))
    with CsvPoses3D(tmp_path / "a.csv") as sink:
        sink.write(rows_of(pose))
    assert {row["x_m"] for row in rows(tmp_path / "a.csv")} == {"0.00000"}


@pytest.mark.parametrize("wide", [False, True])
def test_every_frame_has_its_rows(tmp_path: Path, wide: bool) -> None:
    """Row n of the wide file (rows 17 n of the tidy one) is frame n, with or without a person."""
    path = tmp_path / "poses3d.csv"
    with CsvPoses3D(path, wide) as sink:
        for n in range(50):
            sink.write(rows_of(Pose3D.missing(n, n / 30) if n % 7 == 0 else pose3d(n)))
    frames = [int(row["frame"]) for row in rows(path)]
    assert frames == [n for n in range(50) for _ in range(1 if wide else 17)]


def test_wide_columns_of_poses3d(tmp_path: Path) -> None:
    path = tmp_path / "poses3d.csv"
    with CsvPoses3D(path, wide=True) as sink:
        sink.write(rows_of(pose3d(0, settled=False)))
        sink.write(rows_of(Pose3D.missing(1, 0.04)))
    assert csv_poses3d.WIDE_COLUMNS[:9] == [
        "frame",
        "time_s",
        "track_id",
        "settled",
        "pelvis_x_m",
        "pelvis_y_m",
        "pelvis_z_m",
        "pelvis_score",
        "pelvis_origin",
    ]
    first, second = rows(path)
    assert list(first) == csv_poses3d.WIDE_COLUMNS and len(first) == 4 + 17 * 5
    assert first["settled"] == "0" and second["settled"] == "1"
    for j, joint in enumerate(H36M_17.joints):
        assert float(first[f"{joint}_y_m"]) == pytest.approx((3 * j + 1) / 100)
        assert second[f"{joint}_y_m"] == "" and second[f"{joint}_origin"] == "missing"


def test_wide_columns_of_poses2d(tmp_path: Path) -> None:
    path = tmp_path / "poses2d.csv"
    with CsvPoses2D(path, wide=True) as sink:
        sink.write(rows2d(pose2d(0)))
    (row,) = rows(path)
    assert list(row) == csv_poses2d.WIDE_COLUMNS and len(row) == 3 + 17 * 4
    assert row["r_ear_x_px"] == "" and row["r_ear_origin"] == "missing"
    assert float(row["r_ankle_x_px"]) == pytest.approx(32.13)
    assert COCO_17.joints[-1] == "r_ankle"


def test_tidy_and_wide_hold_the_same_values(tmp_path: Path) -> None:
    for wide in (False, True):
        with CsvPoses3D(tmp_path / f"{wide}.csv", wide) as sink:
            sink.write(rows_of(pose3d(5, settled=False)))
    (wide_row,) = rows(tmp_path / "True.csv")
    for row in rows(tmp_path / "False.csv"):
        assert row["settled"] == wide_row["settled"] == "0"
        for cell in ("x_m", "y_m", "z_m", "score", "origin"):
            assert wide_row[f"{row['joint']}_{cell}"] == row[cell]


@pytest.mark.parametrize("wide", [False, True])
def test_smoothed_poses_have_the_same_rows_in_a_file_of_their_own(tmp_path: Path, wide: bool) -> None:
    poses = [Pose3D.missing(n, n / 30) if n == 7 else pose3d(n % 3) for n in range(20)]
    poses = [replace(pose, frame_index=n, time_s=n / 30) for n, pose in enumerate(poses)]
    smoothing = create_smoothing("strong", live=False)
    assert smoothing is not None
    due = [frame for pose in poses for frame in smoothing.push([pose])] + smoothing.finish()
    with (
        CsvPoses3D(tmp_path / "poses3d.csv", wide) as plain,
        CsvPoses3D(tmp_path / "poses3d_smooth.csv", wide, smoothed=True) as calm,
    ):
        for pose, (smoothed,) in zip(poses, due, strict=True):
            both = Person(Pose2D.missing(pose.frame_index, pose.time_s), pose, smoothed)
            for sink in (plain, calm):
                sink.write(Rows(pose.frame_index, pose.time_s, (both,)))
    raw, smooth = rows(tmp_path / "poses3d.csv"), rows(tmp_path / "poses3d_smooth.csv")
    moved = 0
    for one, other in zip(raw, smooth, strict=True):
        places = {name for name in one if name.endswith(("x_m", "y_m", "z_m"))}
        assert {k: v for k, v in one.items() if k not in places} == {k: v for k, v in other.items() if k not in places}
        assert all((one[name] == "") == (other[name] == "") for name in places)
        moved += any(one[name] != other[name] for name in places)
    assert moved > 0.9 * len(raw) * 19 / 20


def test_finished_rows_are_on_disk_before_close_and_renamed_after(tmp_path: Path) -> None:
    path = tmp_path / "poses3d.csv"
    sink = CsvPoses3D(path)
    sink.write(rows_of(pose3d(0)))
    assert not path.exists()
    assert (tmp_path / "poses3d.csv.part").read_bytes().count(b"\n") == 18
    sink.close()
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == ["poses3d.csv"]


def test_an_interruption_keeps_the_finished_rows(tmp_path: Path) -> None:
    path = tmp_path / "poses3d.csv"
    with pytest.raises(KeyboardInterrupt), CsvPoses3D(path) as sink:
        sink.write(rows_of(pose3d(0)))
        sink.write(rows_of(pose3d(1)))
        raise KeyboardInterrupt
    assert len(rows(path)) == 34


def test_no_such_folder_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"poses3d\.csv: its folder does not exist .* choose another"):
        CsvPoses3D(tmp_path / "nowhere" / "poses3d.csv")
