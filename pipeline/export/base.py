"""The protocol of sinks, which every output format follows."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, TypeVar

Item = TypeVar("Item", contravariant=True)
Self = TypeVar("Self")


class Sink(Protocol[Item]):
    """Takes the results of a run one by one and leaves one file.

    While it is written, the file is called ``NAME.part``; ``close`` gives it its own name. ``close`` is
    called after an interruption too, so that the finished items are kept. Calling it again does nothing.
    """

    def write(self, item: Item) -> None:
        """Append one item.

        Raises:
            ExportError: the file can't be written (disk full, folder gone).
        """

    def close(self) -> None:
        """Complete the file and give it its name.

        Raises:
            ExportError: the file can't be completed.
        """

    def __enter__(self: Self) -> Self:
        """The sink itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; an error of closing never hides the error that ended the block."""
