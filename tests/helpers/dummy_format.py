"""A result format of somebody else's: the numbers of frame and people, one line per frame."""

from __future__ import annotations

from pathlib import Path

from pipeline.export.formats import Clip, FileFormat
from pipeline.export.part_file import ClosesItself, PartFile
from pipeline.types import Rows


class Lines(ClosesItself):
    """A ``Sink[Rows]``."""

    def __init__(self, path: Path, clip: Clip) -> None:
        self._file = PartFile(path, f"{clip.name} {clip.width_px}x{clip.height_px} {clip.fps:g}\n".encode())

    def write(self, item: Rows) -> None:
        people = " ".join(f"{person.track_id}:{person.best3d.xyz_m[0, 0]:g}" for person in item.people)
        self._file.append(f"{item.frame_index} {people}\n".encode())

    def close(self) -> None:
        self._file.close()


DUMMY = FileFormat("dummy", "dummy", ".txt", Lines)
PER_PERSON = FileFormat("each", "each", ".txt", Lines, per_person=True)
SMOOTHED = FileFormat("dummy", "dummy_smooth", ".txt", Lines, smoothed=True)
PREVIEWS = FileFormat("early", "early", ".txt", Lines, previews=True)


def lines(path: Path) -> list[str]:
    """Without the head."""
    return path.read_text().splitlines()[1:]
