"""Our own results back to arrays: what is written again is the same, byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ExportError
from pipeline.export.formats import FILE_FORMATS, Clip, files_of
from pipeline.export.read import read_results
from pipeline.export.result_files import ResultFiles
from pipeline.run.options import RunOptions
from pipeline.run.pipeline import Pipeline
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Origin, Rows
from tests.helpers.stand_ins import NumberingPreviewLifter, PairDetector

FRAMES, AWAY = 40, (15, 30)


class Curved(NumberingPreviewLifter):
    """Poses with as many digits as real ones have."""

    def __call__(self, windows):
        return [
            type(pose)(
                pose.track_id,
                pose.frame_index,
                pose.time_s,
                (0.3 + 0.01 * np.sin(pose.xyz_m + np.arange(51).reshape(17, 3))).astype(np.float32),
                pose.score,
                pose.origin,
                pose.settled,
            )
            for pose in super().__call__(windows)
        ]


@pytest.fixture(scope="module")
def rows() -> list[Rows]:
    """Two people; the first one leaves for a while, the second one comes later."""

    class Leaves(PairDetector):
        def __call__(self, frame):
            return super().__call__(frame)[AWAY[0] <= frame.index < AWAY[1] :]

    source = SyntheticSource(SyntheticOptions(frames=FRAMES, fps=29.97, width_px=320, height_px=240))
    return list(Pipeline(source, Leaves(source), Curved(), RunOptions(smooth="light")))


def write(folder: Path, rows: list[Rows], *formats: str, wide: bool = False, smoothing: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with ResultFiles(folder, files_of(formats, smoothing), Clip("clip", 320, 240, 29.97, wide)) as files:
        for row in rows:
            files.write(row)
    return folder


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("smoothing", [False, True])
@pytest.mark.parametrize("formats", [("csv",), ("npz",), ("csv", "npz")])
def test_read_and_written_again_it_is_the_same(
    tmp_path: Path, rows: list[Rows], formats: tuple[str, ...], wide: bool, smoothing: bool
) -> None:
    first = write(tmp_path / "first", rows, *formats, wide=wide, smoothing=smoothing)
    again = write(tmp_path / "again", list(read_results(first).rows()), *formats[:1], wide=wide, smoothing=smoothing)
    names = [entry.file_name() for entry in files_of(formats[:1], smoothing)]
    assert sorted(path.name for path in again.iterdir()) == sorted(names)
    for name in names:
        if name.endswith(".npz"):
            with np.load(first / name) as one, np.load(again / name) as other:
                assert one.files == other.files
                for array in one.files:
                    assert one[array].tobytes() == other[array].tobytes(), array
        else:
            assert (first / name).read_bytes() == (again / name).read_bytes(), name


@pytest.mark.parametrize(("formats", "wide"), [("csv", False), ("csv", True), ("npz", False)])
def test_both_people_come_back(tmp_path: Path, rows: list[Rows], formats: str, wide: bool) -> None:
    motion = read_results(write(tmp_path, rows, formats, wide=wide))
    assert list(motion.people) == [0, 3]
    first, other = motion[0], motion[3]
    assert first.frame_index.tolist() == list(range(FRAMES)) and other.frame_index.tolist() == list(range(10, FRAMES))
    missing = [n for n in range(FRAMES) if np.isnan(first.xyz_m[n]).all()]
    assert missing == list(range(*AWAY)) and (first.origin[missing] == Origin.MISSING).all()
    for track in (first, other):
        people = [person for row in rows for person in row.people if person.track_id == track.track_id]
        tolerance = 0 if formats == "npz" else 6e-6
        np.testing.assert_allclose(track.xyz_m, [person.pose3d.xyz_m for person in people], atol=tolerance, rtol=0)
        np.testing.assert_allclose(track.smoothed_m, [person.best3d.xyz_m for person in people], atol=tolerance, rtol=0)
        np.testing.assert_array_equal(track.origin, [person.pose3d.origin for person in people])
        assert track.settled.all() and not np.array_equal(track.xyz_m, track.smoothed_m)
    if formats == "csv":
        seen = [person.pose2d for row in rows for person in row.people if person.track_id == 3]
        np.testing.assert_allclose(other.xy_px, [pose.xy_px for pose in seen], atol=0.006)
    else:
        assert np.isnan(other.xy_px).all(), "an archive has no keypoints, and no table lies beside it"


def test_a_file_in_place_of_its_folder(tmp_path: Path, rows: list[Rows]) -> None:
    write(tmp_path, rows, "csv", "npz")
    by_name = {name: read_results(tmp_path / name) for name in ("poses3d.csv", "poses3d.npz")}
    for motion in by_name.values():
        assert not np.isnan(motion[3].xy_px).any(), "keypoints come from the table beside it"
    assert (by_name["poses3d.npz"][0].xyz_m[0] != by_name["poses3d.csv"][0].xyz_m[0]).any(), "of full precision"
    assert len(read_results(str(tmp_path))) == 2


def test_a_lone_file_is_read_too(tmp_path: Path, rows: list[Rows]) -> None:
    write(tmp_path / "all", rows, "csv")
    shutil.copy(tmp_path / "all" / "poses3d.csv", tmp_path / "mine.csv")
    motion = read_results(tmp_path / "mine.csv")
    assert len(motion) == 2 and np.isnan(motion[0].xy_px).all() and motion[0].smoothed_m is motion[0].xyz_m


def test_results_without_a_frame(tmp_path: Path) -> None:
    for name in ("csv", "npz"):
        assert len(read_results(write(tmp_path / name, [], name))) == 0


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no results in .*: neither poses3d\.csv nor poses3d\.npz is there"):
        read_results(tmp_path)
    with pytest.raises(ExportError, match=r"no results at .*: there is no such file or folder"):
        read_results(tmp_path / "nowhere")


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def in_mid_frame(content: bytes) -> bytes:
    return b"".join(content.splitlines(keepends=True)[:-5])


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "half": half,
    "noise": lambda content: bytes(range(256)) * 20,
    "text": lambda content: b"this is something else\n" * 30,
    "zeros": lambda content: bytes(2000),
    "pickle": lambda content: b"\x80\x04K\x01.",
    "array": lambda content: (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"
        + b" " * 61
        + b"\n"
        + bytes(8)
    ),
    "other zip": lambda content: b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("damage", list(DAMAGES))
@pytest.mark.parametrize(
    "name", ["poses3d.csv", "poses3d.npz", "poses3d_smooth.csv", "poses3d_smooth.npz", "poses2d.csv"]
)
def test_a_damaged_file_is_named(tmp_path: Path, rows: list[Rows], name: str, damage: str) -> None:
    write(tmp_path, rows, "npz" if name.endswith("npz") else "csv")
    path = tmp_path / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(ExportError) as caught:
        read_results(tmp_path)
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b",measured,", b",guessed,"),
        (b"pelvis", b"pelvos"),
        (b"frame,", b"frames,"),
        (b"time_s", b"time"),
        (b"x_m", b"x_mm"),
        (b"\n0,0.000000,0", b"\nnone,0.000000,0"),
        (b"\n0,0.000000,0", b"\n0,soon,0"),
        (b"\n0,0.000000,0", b"\n99999999999999999999,0.000000,0"),
        (b"r_hip,", b"r_hip\n"),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_a_changed_table_is_named(tmp_path: Path, rows: list[Rows], before: bytes, after: bytes, wide: bool) -> None:
    path = write(tmp_path, rows, "csv", wide=wide, smoothing=False) / "poses3d.csv"
    content = path.read_bytes()
    assert before in content or wide
    path.write_bytes(content.replace(before, after))
    if before in content:
        with pytest.raises(ExportError, match=r"poses3d\.csv"):
            read_results(tmp_path)


def test_a_table_that_ends_in_mid_frame_is_named(tmp_path: Path, rows: list[Rows]) -> None:
    path = write(tmp_path, rows, "csv") / "poses3d.csv"
    path.write_bytes(in_mid_frame(path.read_bytes()))
    with pytest.raises(ExportError, match="its last frame is cut off"):
        read_results(tmp_path)


@pytest.mark.parametrize("name", ["frame", "track_id", "xyz_m", "origin", "settled"])
def test_an_archive_with_an_array_of_another_shape(tmp_path: Path, rows: list[Rows], name: str) -> None:
    path = write(tmp_path, rows, "npz", smoothing=False) / "poses3d.npz"
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files}
    for changed in ({**arrays, name: arrays[name][:-3]}, {key: arrays[key] for key in arrays if key != name}):
        np.savez(path, **changed)
        with pytest.raises(ExportError, match=r"poses3d\.npz"):
            read_results(tmp_path)


def test_files_of_different_runs_are_not_mixed(tmp_path: Path, rows: list[Rows]) -> None:
    write(tmp_path, rows, "csv")
    write(tmp_path / "other", rows[:-5], "csv")
    shutil.copy(tmp_path / "other" / "poses2d.csv", tmp_path / "poses2d.csv")
    with pytest.raises(ExportError, match=r"poses2d\.csv has other rows .* different runs; move it away"):
        read_results(tmp_path)


def test_every_format_with_poses_can_be_read() -> None:
    stems = {entry.stem for entry in FILE_FORMATS}
    assert stems == {"poses3d", "poses3d_smooth", "poses2d"}
