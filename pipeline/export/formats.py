"""The table of output formats: what each one is called, which files it writes, and how they are opened.

A new format is one file beside this one with a ``Sink[Rows]``, and a line in ``FILE_FORMATS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ConfigError, unknown
from pipeline.export.base import Sink
from pipeline.export.csv_poses2d import CsvPoses2D
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.export.npz import NpzPoses3D
from pipeline.types import Rows


@dataclass(frozen=True, slots=True)
class Clip:
    """Facts about the motion, which every format is opened with.

    Attributes:
        name: the source's name, for display.
        width_px, height_px: size of its pictures.
        fps: its nominal frames per second.
        wide: tables have one row per frame and person instead of one per joint.
    """

    name: str
    width_px: int
    height_px: int
    fps: float
    wide: bool = False


@dataclass(frozen=True, slots=True)
class FileFormat:
    """One file of a format; a format with several files has several entries.

    Attributes:
        format: name of the format: 'csv'.
        stem, suffix: parts of the file's name: 'poses3d', '.csv'.
        open: opens the file.
        per_person: one file for each person, opened when they are first seen: 'poses3d_person0.bvh'.
        smoothed: holds smoothed poses, so there is none where smoothing is off.
        previews: also gets the previews of a live run; other files hold settled poses only.
    """

    format: str
    stem: str
    suffix: str
    open: Callable[[Path, Clip], Sink[Rows]]
    per_person: bool = False
    smoothed: bool = False
    previews: bool = False

    def file_name(self, track_id: int = 0) -> str:
        """The name of the file; for formats with one file per person, of this person's file."""
        return f"{self.stem}{f'_person{track_id}' if self.per_person else ''}{self.suffix}"

    @property
    def pattern(self) -> str:
        """A glob pattern for all names of the file."""
        return f"{self.stem}_person*{self.suffix}" if self.per_person else self.file_name()


FILE_FORMATS: list[FileFormat] = [
    FileFormat("csv", "poses3d", ".csv", lambda path, clip: CsvPoses3D(path, clip.wide)),
    FileFormat("csv", "poses2d", ".csv", lambda path, clip: CsvPoses2D(path, clip.wide)),
    FileFormat(
        "csv", "poses3d_smooth", ".csv", lambda path, clip: CsvPoses3D(path, clip.wide, smoothed=True), smoothed=True
    ),
    FileFormat("npz", "poses3d", ".npz", lambda path, clip: NpzPoses3D(path)),
    FileFormat("npz", "poses3d_smooth", ".npz", lambda path, clip: NpzPoses3D(path, smoothed=True), smoothed=True),
]


def format_names() -> list[str]:
    """The names of all formats."""
    return list(dict.fromkeys(entry.format for entry in FILE_FORMATS))


def check_formats(names: Iterable[str]) -> None:
    """Check that these formats are known.

    Raises:
        ConfigError: one is not known.
    """
    for name in names:
        if name not in format_names():
            raise unknown("formats", name, format_names())


def files_of(names: Iterable[str], smoothing: bool) -> list[FileFormat]:
    """The files that these formats write.

    Args:
        names: names of formats.
        smoothing: whether poses are smoothed.
    """
    wanted = set(names)
    files = [entry for entry in FILE_FORMATS if entry.format in wanted and (smoothing or not entry.smoothed)]
    patterns = [entry.pattern for entry in files]
    for entry in files:
        if patterns.count(entry.pattern) > 1:
            raise ConfigError("formats", entry.format, f"is in the table twice with {entry.pattern}")
    return files
