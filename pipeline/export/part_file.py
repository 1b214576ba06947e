"""Files that are called ``NAME.part`` until they are complete, and clear messages when they can't be written."""

from __future__ import annotations

import errno
import logging
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from pipeline.errors import ExportError

log = logging.getLogger(__name__)

_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EDQUOT: "your disk quota is used up: free some space or choose another folder",
    errno.EACCES: "permission denied: choose a folder that you may write to",
    errno.EPERM: "permission denied: choose a folder that you may write to",
    errno.EROFS: "the file system is read-only: choose another folder",
    errno.ENOENT: "its folder does not exist (any more): create it or choose another",
}


def export_error(path: Path, error: OSError, kept: str = "") -> ExportError:
    """The ``ExportError`` for a failure of the operating system.

    Args:
        path: the result's own name (not the ``.part`` name).
        error: the failure.
        kept: what remains of the result, if anything.
    """
    found = _ADVICE.get(error.errno or 0)
    if found is None:
        found = f"{error.strerror or error}: check the folder or choose another"
    return ExportError(f"can't write {path}: {found}" + (f" ({kept})" if kept else ""))


def part_name(path: Path) -> Path:
    """``poses3d.csv`` -> ``poses3d.csv.part``, in the same folder."""
    return path.with_name(path.name + ".part")


def replace(part: Path, path: Path) -> None:
    """Give a complete file its name; an old file of that name is replaced in the same step.

    Raises:
        ExportError: it can't be renamed.
    """
    try:
        part.replace(path)
    except OSError as error:
        raise export_error(path, error, f"the complete result is {part}") from error


class PartFile:
    """Appends whole blocks of bytes to ``NAME.part`` and renames it to ``NAME`` when closed.

    Each block is handed to the operating system at once, so a killed process loses nothing that was written.
    A block that does not fit on the disk is removed again, so the file always ends with a whole block.

    Args:
        path: the result's own name.
        head: its first block.

    Raises:
        ExportError: the file can't be opened or its head can't be written.
    """

    def __init__(self, path: Path, head: bytes = b"") -> None:
        self.path = path
        self._part = part_name(path)
        self._size_bytes = 0
        try:
            # Unbuffered: one system call per block is cheap, and no buffered data can be lost or fail later.
            self._file = self._part.open("wb", buffering=0)
        except OSError as error:
            raise export_error(path, error) from error
        try:
            self.append(head)
        except ExportError:
            self.discard()
            raise

    def append(self, block: bytes) -> None:
        """Write one block, whole or not at all.

        Raises:
            ExportError: it can't be written.
        """
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._take_back()
            raise export_error(self.path, error, "the rows written so far are kept") from error
        self._size_bytes += len(block)

    def _take_back(self) -> None:
        try:
            self._file.truncate(self._size_bytes)
            self._file.seek(self._size_bytes)
        except OSError as error:
            log.warning("%s may end with half a row: %s", self._part, error)

    def close(self) -> None:
        """Give the file its name. Calling it again does nothing.

        Raises:
            ExportError: it can't be completed or renamed.
        """
        if not self._file.closed:
            replace(self.finish(), self.path)

    def discard(self) -> None:
        """Close and remove the file."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink()

    def finish(self) -> Path:
        """Close the file but leave it under its ``.part`` name, which is returned.

        Raises:
            ExportError: it can't be completed.
        """
        try:
            self._file.close()
        except OSError as error:
            raise export_error(self.path, error, f"what was written is in {self._part}") from error
        return self._part


class _Closable(Protocol):
    def close(self) -> None: ...


Self = TypeVar("Self")


class ClosesItself:
    """The context manager of a sink: closes it, and never hides the error that ended the block."""

    def __enter__(self: Self) -> Self:
        """The sink itself."""
        return self

    def __exit__(
        self: _Closable, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the sink."""
        try:
            self.close()
        except ExportError as failure:
            if error is None:
                raise
            log.error("%s", failure)
