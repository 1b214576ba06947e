"""Single pictures: ``NAME_0001.png``, ``NAME_0002.png`` and so on."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path

import cv2

from pipeline.arrays import U8
from pipeline.errors import ExportError
from pipeline.export.part_file import export_error, part_name, replace


def save_snapshot(folder: Path, picture: U8, name: str = "snapshot") -> Path:
    """Write a picture under the next free number; nothing that exists is ever replaced.

    Args:
        folder: made with its parents if it does not exist.
        picture: uint8 [H, W, 3] BGR.
        name: the beginning of the file name.

    Returns:
        The file, complete.

    Raises:
        ExportError: the folder or the file can't be written, or the picture is empty.
    """
    data = _as_png(folder / name, picture)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _claim(folder, name)
    except (FileExistsError, NotADirectoryError) as error:
        raise ExportError(f"can't write into {folder}: a file is in the way; choose another folder") from error
    except OSError as error:
        raise export_error(folder / name, error) from error
    part = part_name(path)
    try:
        part.write_bytes(data)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise export_error(path, error) from error
    replace(part, path)
    return path


def _as_png(path: Path, picture: U8) -> bytes:
    try:
        good, data = cv2.imencode(".png", picture)
    except cv2.error as error:
        raise ExportError(f"can't write {path}: a picture of shape {picture.shape} can't be stored as PNG") from error
    if not good:
        raise ExportError(f"can't write {path}: OpenCV can't make a PNG of a picture of shape {picture.shape}")
    return data.tobytes()


def _claim(folder: Path, name: str) -> Path:
    """The name after the last one in the folder, reserved by creating its ``.part`` file."""
    pattern = re.compile(re.escape(name) + r"_(\d+)\.png(\.part)?")
    taken = [int(match[1]) for entry in folder.iterdir() if (match := pattern.fullmatch(entry.name))]
    for number in count(max(taken, default=0) + 1):
        path = folder / f"{name}_{number:04d}.png"
        try:
            part_name(path).open("xb").close()
        except FileExistsError:
            continue
        if not path.exists():
            return path
        part_name(path).unlink()
    raise AssertionError("unreachable: numbers do not end")
