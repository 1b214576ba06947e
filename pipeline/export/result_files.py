"""The files with a run's rows, opened together and completed together."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pipeline.export.base import Sink
from pipeline.export.formats import Clip, FileFormat
from pipeline.types import Person, Rows


class ResultFiles:
    """Writes rows to the files of the chosen formats. Use as a context manager.

    Args:
        folder: exists and can be written to.
        formats: the files to write.
        clip: the facts that every format is opened with.

    Raises:
        ExportError: a file can't be opened or written.
    """

    def __init__(self, folder: Path, formats: Iterable[FileFormat], clip: Clip) -> None:
        self._folder, self._clip = folder, clip
        self._names: list[str] = []
        self._common: list[tuple[FileFormat, Sink[Rows]]] = []
        self._per_person: list[tuple[FileFormat, dict[int, Sink[Rows]]]] = []
        with ExitStack() as opening:
            self._stack = opening
            for entry in formats:
                if entry.per_person:
                    self._per_person.append((entry, {}))
                else:
                    self._common.append((entry, self._open_file(entry)))
            self._stack = opening.pop_all()

    @property
    def names(self) -> list[str]:
        """Names of the files opened so far."""
        return list(self._names)

    def write(self, rows: Rows) -> None:
        """Write the rows of the next frame."""
        self._write(rows, previews=False)

    def write_previews(self, rows: Rows) -> None:
        """Write previews of a frame to the formats that take them."""
        self._write(rows, previews=True)

    def _write(self, rows: Rows, previews: bool) -> None:
        for entry, sink in self._common:
            if entry.previews or not previews:
                sink.write(rows)
        for entry, sinks in self._per_person:
            if entry.previews or not previews:
                for person in rows.people:
                    self._write_person(entry, sinks, rows, person)

    def _write_person(self, entry: FileFormat, sinks: dict[int, Sink[Rows]], rows: Rows, person: Person) -> None:
        if person.track_id not in sinks:
            if person.pose3d.is_missing:
                return
            sinks[person.track_id] = self._open_file(entry, person.track_id)
        sinks[person.track_id].write(Rows(rows.frame_index, rows.time_s, (person,)))

    def _open_file(self, entry: FileFormat, track_id: int = 0) -> Sink[Rows]:
        name = entry.file_name(track_id)
        sink = self._stack.enter_context(entry.open(self._folder / name, self._clip))
        self._names.append(name)
        return sink

    def __enter__(self) -> ResultFiles:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)
