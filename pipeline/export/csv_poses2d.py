"""2D keypoints as CSV: ``poses2d.csv``."""

from __future__ import annotations

from pathlib import Path

from pipeline.export import csv_text
from pipeline.export.part_file import ClosesItself, PartFile
from pipeline.skeletons import COCO_17
from pipeline.types import Pose2D, Rows

DECIMALS_PX = 2
_KEY = ["frame", "time_s", "track_id"]
_CELLS = ("x_px", "y_px", "score", "origin")

COLUMNS = [*_KEY, "joint", *_CELLS]
WIDE_COLUMNS = [*_KEY, *csv_text.wide_columns(COCO_17.joints, _CELLS)]


class CsvPoses2D(ClosesItself):
    """Writes 2D poses: pixels of the upright picture, x right, y down.

    Args:
        path: the result; written as ``NAME.part`` and renamed by ``close``.
        wide: one row per frame and person instead of one row per joint.

    Raises:
        ExportError: the file can't be opened or written.
    """

    def __init__(self, path: Path, wide: bool = False) -> None:
        self._wide = wide
        self._file = PartFile(path, csv_text.header(WIDE_COLUMNS if wide else COLUMNS))

    def write(self, item: Rows) -> None:
        """Append the rows of one frame; a missing pose gives its rows with empty values."""
        for person in item.people:
            self._append(person.pose2d)

    def _append(self, item: Pose2D) -> None:
        head = csv_text.key(item.frame_index, item.time_s, item.track_id)
        cells = csv_text.joint_cells(item.xy_px, DECIMALS_PX, item.score, item.origin)
        if self._wide:
            self._file.append(csv_text.wide_row(head, cells))
        else:
            self._file.append(csv_text.tidy_rows(head, COCO_17.joints, cells))

    def close(self) -> None:
        """Give the file its name."""
        self._file.close()
