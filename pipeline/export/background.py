"""A sink that writes in a thread of its own, so that recording does not slow a live run."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

from pipeline.errors import ExportError
from pipeline.export.base import Sink
from pipeline.export.part_file import ClosesItself

Item = TypeVar("Item")

_CLOSE_S = 600.0
_ROOM_S = 30.0


class BackgroundSink(ClosesItself, Generic[Item]):
    """Hands items to another sink from a thread.

    Args:
        sink: takes the items; opened by the caller, closed by this.
        most_waiting: items that may wait; further ones are dropped and counted.

    Attributes:
        dropped: number of items dropped.
    """

    def __init__(self, sink: Sink[Item], most_waiting: int) -> None:
        self._sink, self._most = sink, max(1, most_waiting)
        self._items: deque[Item] = deque()
        self._changed = threading.Condition()
        self._ending = self._stuck = False
        self._error: Exception | None = None
        self.dropped = 0
        self._thread = threading.Thread(target=self._write_items, name="record", daemon=True)
        self._thread.start()

    def write(self, item: Item, wait: bool = False) -> None:
        """Hand an item to the thread.

        Args:
            item: as the sink takes it.
            wait: wait for room, at most ``_ROOM_S``, before the item is dropped. After one such wait in vain the
                sink counts as stuck, and later calls do not wait.

        Raises:
            ExportError: the sink could not write an earlier item.
        """
        with self._changed:
            if wait and not self._stuck:
                self._stuck = not self._changed.wait_for(self._need_not_wait, _ROOM_S)
            self._raise_error()
            if self._ending:
                return
            if len(self._items) >= self._most:
                self.dropped += 1
                return
            self._items.append(item)
            self._changed.notify_all()

    def _need_not_wait(self) -> bool:
        return len(self._items) < self._most or self._ending or self._error is not None

    def end(self) -> None:
        """Take no more items; the file is completed in the background. ``close`` it later."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()

    def close(self) -> None:
        """Write the waiting items and complete the file. Calling it again does nothing.

        Raises:
            ExportError: the sink could not write or be completed, or takes longer than ``_CLOSE_S``.
        """
        self.end()
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            raise ExportError(
                f"a recording was not complete after {_CLOSE_S:.0f} s and was given up; what was written of it can be "
                "played: it is the .part file in the output folder"
            )
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _write_items(self) -> None:
        try:
            try:
                while (item := self._next_item()) is not None:
                    self._sink.write(item)
            finally:
                self._sink.close()
        except Exception as error:  # raised by the next ``write`` or by ``close``
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _next_item(self) -> Item | None:
        with self._changed:
            while not self._items:
                if self._ending:
                    return None
                self._changed.wait()
            self._changed.notify_all()
            return self._items.popleft()
