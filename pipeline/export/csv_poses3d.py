"""3D joints as CSV: ``poses3d.csv``, and ``poses3d_smooth.csv`` where poses are smoothed.

Smoothed poses never replace the raw ones: they go to a second file of the same format, with the same rows.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.export import csv_text
from pipeline.export.part_file import ClosesItself, PartFile
from pipeline.skeletons import H36M_17
from pipeline.types import Pose3D, Rows

DECIMALS_M = 5
_KEY = ["frame", "time_s", "track_id"]
_CELLS = ("x_m", "y_m", "z_m", "score", "origin")

COLUMNS = [*_KEY, "joint", *_CELLS, "settled"]
WIDE_COLUMNS = [*_KEY, "settled", *csv_text.wide_columns(H36M_17.joints, _CELLS)]


class CsvPoses3D(ClosesItself):
    """Writes 3D poses: metres, relative to the pelvis, camera axes (x right, y down, z away).

    Args:
        path: the result; written as ``NAME.part`` and renamed by ``close``.
        wide: one row per frame and person instead of one row per joint.
        smoothed: write the smoothed poses.

    ``settled`` is 1 where the pose was lifted with the whole look-ahead (or the source ended), 0 where it is
    a preview.

    Raises:
        ExportError: the file can't be opened or written.
    """

    def __init__(self, path: Path, wide: bool = False, smoothed: bool = False) -> None:
        self._wide, self._smoothed = wide, smoothed
        self._file = PartFile(path, csv_text.header(WIDE_COLUMNS if wide else COLUMNS))

    def write(self, item: Rows) -> None:
        """Append the rows of one frame; a missing pose gives its rows with empty values."""
        for person in item.people:
            self._append(person.best3d if self._smoothed else person.pose3d)

    def _append(self, item: Pose3D) -> None:
        head = csv_text.key(item.frame_index, item.time_s, item.track_id)
        cells = csv_text.joint_cells(item.xyz_m, DECIMALS_M, item.score, item.origin)
        settled = int(item.settled)
        if self._wide:
            self._file.append(csv_text.wide_row(f"{head},{settled}", cells))
        else:
            cells = [f"{text},{settled}" for text in cells]
            self._file.append(csv_text.tidy_rows(head, H36M_17.joints, cells))

    def close(self) -> None:
        """Give the file its name."""
        self._file.close()
