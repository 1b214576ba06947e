"""The output folder: its name, the check before a run, the removal of old results."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import ConfigError, ExportError
from pipeline.export.part_file import export_error


def folder_name(source_name: str) -> str:
    """The name of the results folder for a source of this name: 'clip' for 'clip.mp4'."""
    name = "".join(char if char.isalnum() or char in "-_." else "_" for char in Path(source_name).stem)
    return name.strip("._") or "source"


def prepare_output(folder: Path, names: Iterable[str], overwrite: bool) -> None:
    """Make the folder and make sure that results of these names can be written there.

    A ``NAME.part`` holds the rows of a run that was killed, so it counts as a result too.

    Args:
        folder: made with its parents if it does not exist.
        names: file names of the results, or patterns ('poses3d_person*.bvh') where they depend on the people.
        overwrite: existing results may be replaced, which happens when the new ones are complete; left-over
            ``.part`` files are removed now.

    Raises:
        ConfigError: a result exists and ``overwrite`` is False.
        ExportError: the folder can't be made or written to, or a result's name is taken by a folder.
    """
    patterns = list(names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Only writing shows on every system whether a folder is writable.
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"\0" * 4096)
    except (FileExistsError, NotADirectoryError) as error:
        raise ExportError(f"can't write into {folder}: a file is in the way; choose another folder") from error
    except OSError as error:
        raise export_error(folder, error) from error
    results = _matching(folder, patterns)
    for result in results:
        if result.is_dir():
            raise ExportError(
                f"can't write {result}: a folder of this name is in the way; move it or choose another folder"
            )
    parts = _matching(folder, [f"{pattern}.part" for pattern in patterns])
    existing = [path.name for path in [*results, *parts]]
    if existing and not overwrite:
        raise ConfigError(
            "folder", folder, f"already holds {', '.join(existing)}; add `overwrite` to replace, or choose another"
        )
    _remove(parts)


def remove_results(folder: Path, names: Iterable[str]) -> None:
    """Remove results of an earlier run that this one will not replace, so that a folder never mixes two runs.

    Args:
        folder: the results folder.
        names: file names or patterns.

    Raises:
        ExportError: a file can't be removed.
    """
    _remove(_matching(folder, names))


def _matching(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern))]


def _remove(paths: list[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise export_error(path, error) from error
