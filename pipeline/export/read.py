"""Results of a run, read back as arrays: ``poses3d.csv`` (one row per joint, or wide) or ``poses3d.npz``, and the files
beside it."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, F64, I64, U8, Bools
from pipeline.errors import ExportError
from pipeline.motion import Motion, Track, empty_keypoints
from pipeline.skeletons import COCO_17, H36M_17, Skeleton
from pipeline.types import Origin

_ORIGINS = {origin.label: int(origin) for origin in Origin}
_DAMAGES = (
    *(OSError, MemoryError, EOFError, ValueError, KeyError, IndexError, OverflowError, StopIteration),
    *(csv.Error, zipfile.BadZipFile),
)
_AXES_3D, _AXES_2D = ("x_m", "y_m", "z_m"), ("x_px", "y_px")


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """The R rows of a file, one per frame and person, in the file's order."""

    frame: I64
    time_s: F64
    track_id: I64
    values: F32  # [R, J, D]
    score: F32  # [R, J]
    origin: U8  # [R, J]
    settled: Bools  # [R]


def read_results(path: str | Path) -> Motion:
    """Read the results of a run.

    Args:
        path: a folder of results, or a ``poses3d`` file; keypoints and smoothed poses come from the files beside it,
            if they exist.

    Raises:
        ExportError: there are no results, or a file is damaged.
    """
    asked = Path(path).expanduser()
    poses = _find_poses(asked)
    raw = _read_table(poses, H36M_17)
    folder, suffix = poses.parent, poses.suffix
    smooth = _read_beside(folder / f"poses3d_smooth{suffix}", H36M_17, raw)
    keypoints = _read_beside(folder / "poses2d.csv", COCO_17, raw)
    return Motion({int(track): _track(int(track), raw, smooth, keypoints) for track in np.unique(raw.track_id)})


def _find_poses(path: Path) -> Path:
    if path.is_dir():
        for name in ("poses3d.csv", "poses3d.npz"):
            if (path / name).is_file():
                return path / name
        raise ExportError(f"no results in {path}: neither poses3d.csv nor poses3d.npz is there; give a folder of 'run'")
    try:
        found = path.is_file()
    except OSError as error:  # too long a name, a folder that may not be entered
        raise ExportError(f"no results at this path: {error.strerror or error}") from error
    if not found:
        raise ExportError(f"no results at {path}: there is no such file or folder")
    return path


def _track(track_id: int, raw: _Table, smooth: _Table | None, keypoints: _Table | None) -> Track:
    rows = raw.track_id == track_id
    xyz_m = raw.values[rows]
    xy_px, score_2d, origin_2d = empty_keypoints(len(xyz_m))
    if keypoints is not None:
        xy_px, score_2d, origin_2d = keypoints.values[rows], keypoints.score[rows], keypoints.origin[rows]
    return Track(
        track_id=track_id,
        frame_index=raw.frame[rows],
        time_s=raw.time_s[rows],
        xyz_m=xyz_m,
        smoothed_m=xyz_m if smooth is None else smooth.values[rows],
        score=raw.score[rows],
        origin=raw.origin[rows],
        settled=raw.settled[rows],
        xy_px=xy_px,
        score_2d=score_2d,
        origin_2d=origin_2d,
    )


def _read_beside(path: Path, skeleton: Skeleton, raw: _Table) -> _Table | None:
    if not path.is_file():
        return None
    table = _read_table(path, skeleton)
    if not (np.array_equal(table.frame, raw.frame) and np.array_equal(table.track_id, raw.track_id)):
        raise ExportError(f"{path} has other rows than the poses beside it: they are from different runs; move it away")
    return table


def _read_table(path: Path, skeleton: Skeleton) -> _Table:
    try:
        return _checked(_read_npz(path) if path.suffix == ".npz" else _read_csv(path, skeleton))
    except _DAMAGES as error:
        raise ExportError(f"{path} can't be read as results: {_reason(error)}; was it changed?") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"there is no {error.args[0]}"
    if isinstance(error, IndexError):
        return "a line is too short"
    return str(error) or ("it is empty" if isinstance(error, StopIteration) else type(error).__name__)


def _checked(table: _Table) -> _Table:
    """The table, if each person's frames and times increase and origins are known."""
    for track_id in np.unique(table.track_id):
        rows = table.track_id == track_id
        if not ((np.diff(table.frame[rows]) > 0).all() and (np.diff(table.time_s[rows]) > 0).all()):
            raise ValueError(f"frames or times of person {track_id} do not increase")
    if table.origin.size and table.origin.max() > max(Origin):
        raise ValueError(f"there is no origin {table.origin.max()}")
    return table


def _read_npz(path: Path) -> _Table:
    with path.open("rb") as file:
        data = np.load(file, allow_pickle=False)
        if not isinstance(data, Mapping):
            raise ValueError("it is a single array")
        rows, joints = np.asarray(data["frame"]).size, len(H36M_17)

        def array(name: str, dtype: type[np.generic], *shape: int) -> NDArray[Any]:
            found = np.asarray(data[name], dtype)
            if found.shape != (rows, *shape):
                raise ValueError(f"{name} has the shape {list(found.shape)}, not {[rows, *shape]}")
            return found

        return _Table(
            frame=array("frame", np.int64),
            time_s=array("time_s", np.float64),
            track_id=array("track_id", np.int64),
            values=array("xyz_m", np.float32, joints, 3),
            score=array("score", np.float32, joints),
            origin=array("origin", np.uint8, joints),
            settled=array("settled", np.bool_),
        )


def _read_csv(path: Path, skeleton: Skeleton) -> _Table:
    axes = _AXES_2D if skeleton is COCO_17 else _AXES_3D
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        header = next(lines)
        in_rows = _tidy_rows if "joint" in header else _wide_rows
        rows = list(in_rows(lines, header, skeleton, axes))
    cells = np.array([row[3] for row in rows], object).reshape(len(rows), len(skeleton), len(axes) + 2)
    return _Table(
        frame=np.array([row[0] for row in rows], np.int64),
        time_s=np.array([row[1] for row in rows], np.float64),
        track_id=np.array([row[2] for row in rows], np.int64),
        values=_numbers(cells[..., : len(axes)], np.nan),
        score=_numbers(cells[..., len(axes)], 0.0),
        origin=np.vectorize(_ORIGINS.__getitem__, otypes=[np.uint8])(cells[..., -1]),
        settled=np.array([row[4] for row in rows], np.bool_),
    )


_Row = tuple[int, float, int, list[list[str]], bool]  # frame, time, person, cells of each joint, settled


def _tidy_rows(
    lines: Iterator[list[str]], header: Sequence[str], skeleton: Skeleton, axes: Sequence[str]
) -> Iterator[_Row]:
    place = {name: number for number, name in enumerate(header)}
    columns = [place[name] for name in (*axes, "score", "origin")]
    keys = [place[name] for name in ("frame", "time_s", "track_id")]
    first: list[str] = []  # line of this frame and person
    joints: list[list[str]] = []
    for number, line in enumerate(lines):
        first = first if joints else line
        if any(line[key] != first[key] for key in keys):
            raise ValueError(f"line {number + 2} is of another frame or person than the joints before it")
        joint, expected = line[place["joint"]], skeleton.joints[len(joints)]
        if joint != expected:
            raise ValueError(f"line {number + 2} is of joint {joint!r}, not {expected!r}")
        joints.append([line[column] for column in columns])
        if len(joints) == len(skeleton):
            settled = "settled" not in place or line[place["settled"]] == "1"
            yield int(line[place["frame"]]), float(line[place["time_s"]]), int(line[place["track_id"]]), joints, settled
            joints = []
    if joints:
        raise ValueError("its last frame is cut off")


def _wide_rows(
    lines: Iterator[list[str]], header: Sequence[str], skeleton: Skeleton, axes: Sequence[str]
) -> Iterator[_Row]:
    place = {name: number for number, name in enumerate(header)}
    columns = [[place[f"{joint}_{name}"] for name in (*axes, "score", "origin")] for joint in skeleton.joints]
    for line in lines:
        settled = "settled" not in place or line[place["settled"]] == "1"
        joints = [[line[column] for column in of_joint] for of_joint in columns]
        yield int(line[place["frame"]]), float(line[place["time_s"]]), int(line[place["track_id"]]), joints, settled


def _numbers(cells: np.ndarray[tuple[int, ...], np.dtype[np.object_]], missing: float) -> F32:
    """Text to float32; an empty cell is ``missing``."""
    return np.array([float(cell) if cell else missing for cell in cells.ravel()], np.float32).reshape(cells.shape)
