"""3D joints as NumPy arrays: ``poses3d.npz``, and ``poses3d_smooth.npz`` where poses are smoothed.

Smoothed poses never replace the raw ones: they go to a second file of the same format, with the same rows.
"""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.export.part_file import ClosesItself, PartFile, export_error, part_name, replace
from pipeline.skeletons import H36M_17
from pipeline.types import Origin, Rows

AXES = "camera axes: x right, y down, z away from the camera; relative to the pelvis"
UNITS = "metres (xyz_m), seconds (time_s)"

_JOINTS = len(H36M_17)
_RECORD = np.dtype(
    [
        ("frame", "<i8"),
        ("time_s", "<f8"),
        ("track_id", "<i8"),
        ("xyz_m", "<f4", (_JOINTS, 3)),
        ("score", "<f4", (_JOINTS,)),
        ("origin", "u1", (_JOINTS,)),
        ("settled", "?"),
    ]
)
_BLOCK_ROWS = 8192


class NpzPoses3D(ClosesItself):
    """Writes 3D poses as arrays, one row per frame and person.

    Arrays: frame [N], time_s [N], track_id [N], xyz_m [N, 17, 3], score [N, 17], origin [N, 17] (values of
    ``pipeline.types.Origin``, named by ``origin_labels``), settled [N], joints [17], bones [16, 2], units and axes
    (text).

    Rows go to ``NAME.part`` as they come, and ``close`` assembles the archive from there block by block: memory stays
    the same however long the run is.

    Args:
        path: the result.
        smoothed: write the smoothed poses.

    Raises:
        ExportError: a file can't be opened or written.
    """

    def __init__(self, path: Path, smoothed: bool = False) -> None:
        self._path, self._smoothed = path, smoothed
        self._rows = PartFile(path)
        self._closed = False

    def write(self, item: Rows) -> None:
        """Append the poses of one frame; a missing pose gives a row of NaN with origin 'missing'."""
        row = np.zeros(len(item.people), _RECORD)
        for number, person in enumerate(item.people):
            pose = person.best3d if self._smoothed else person.pose3d
            row[number] = (
                pose.frame_index,
                pose.time_s,
                pose.track_id,
                pose.xyz_m,
                pose.score,
                pose.origin,
                pose.settled,
            )
        self._rows.append(row.tobytes())

    def close(self) -> None:
        """Assemble the archive, give it its name, remove the rows."""
        if self._closed:
            return
        self._closed = True
        rows = self._rows.finish()
        part = part_name(self._path.with_name(self._path.name + ".complete"))
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
                _fill_archive(archive, rows)
            replace(part, self._path)
            rows.unlink()
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise export_error(self._path, error, f"its rows are in {rows}") from error


def _fill_archive(archive: zipfile.ZipFile, rows_path: Path) -> None:
    count = rows_path.stat().st_size // _RECORD.itemsize
    with rows_path.open("rb") as rows:
        for name in _RECORD.names or ():
            field = _RECORD[name]
            base, shape = field.subdtype or (field, ())
            with _open_entry(archive, name, base, (count, *shape)) as entry:
                rows.seek(0)
                while block := rows.read(_RECORD.itemsize * _BLOCK_ROWS):
                    entry.write(np.ascontiguousarray(np.frombuffer(block, _RECORD)[name]).tobytes())
    _add_array(archive, "joints", np.array(H36M_17.joints))
    _add_array(archive, "bones", np.array(H36M_17.bones, np.int64))
    _add_array(archive, "origin_labels", np.array([origin.label for origin in Origin]))
    _add_array(archive, "units", np.array(UNITS))
    _add_array(archive, "axes", np.array(AXES))


def _open_entry(archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> IO[bytes]:
    entry = archive.open(f"{name}.npy", "w", force_zip64=True)
    head = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(entry, head)
    return entry


def _add_array(archive: zipfile.ZipFile, name: str, array: NDArray[Any]) -> None:
    with _open_entry(archive, name, array.dtype, array.shape) as entry:
        entry.write(array.tobytes())
