"""Pictures in memory that two processes share: one writes, one reads, neither waits for the other.

Three places take turns. The writer fills the next one and then says that it is complete; the reader copies a complete
one and looks afterwards whether the writer has come round to it meanwhile. So a reader that is slow, stopped or dead
costs the writer nothing, and a picture is never half old and half new.

The memory has no name: nothing is left behind whatever ends the processes. Pages that no picture has touched take no
memory.
"""

from __future__ import annotations

import mmap
import os
import tempfile

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import U8

_PLACES = 3
_HEAD_BYTES = 4096
_PLACE_BYTES = 64 << 20


class SharedPictures:
    """One process's view of the shared memory.

    Args:
        descriptor: descriptor of the memory, from the process that made it; None makes new memory.

    Attributes:
        descriptor: for the other process.

    Raises:
        OSError: the memory can't be allocated.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        size_bytes = _HEAD_BYTES + _PLACES * _PLACE_BYTES
        self.descriptor = _unnamed() if descriptor is None else descriptor
        try:
            if descriptor is None:
                os.ftruncate(self.descriptor, size_bytes)
            self._map = mmap.mmap(self.descriptor, size_bytes)
        except BaseException:
            os.close(self.descriptor)
            raise
        self._newest: NDArray[np.int64] = np.frombuffer(self._map, np.int64, 1)
        self._sizes: NDArray[np.int64] = np.frombuffer(self._map, np.int64, 2 * _PLACES, 8).reshape(_PLACES, 2)

    def put(self, picture: U8) -> int:
        """Write a picture; returns its number, counted from 1.

        Args:
            picture: uint8 [H, W, 3] BGR.

        Raises:
            ValueError: it is larger than a place (64 MiB).
        """
        if picture.nbytes > _PLACE_BYTES:
            raise ValueError(f"a picture of {picture.nbytes >> 20} MiB is too large, at most {_PLACE_BYTES >> 20} MiB")
        number = int(self._newest[0]) + 1
        self._sizes[number % _PLACES] = picture.shape[:2]
        np.copyto(self._pixels(number), picture)
        self._newest[0] = number
        return number

    def get(self, number: int) -> U8 | None:
        """A copy of a picture, uint8 [H, W, 3]; None if newer ones may have overwritten it by now.

        Args:
            number: from ``put``, received in a message, which orders memory access between the two processes.
        """
        copy = self._pixels(number).copy()
        return copy if int(self._newest[0]) <= number + 1 else None

    def _pixels(self, number: int) -> U8:
        place = number % _PLACES
        height, width = self._sizes[place].tolist()
        pixels = np.frombuffer(self._map, np.uint8, 3 * height * width, _HEAD_BYTES + place * _PLACE_BYTES)
        return pixels.reshape(height, width, 3)

    def close(self) -> None:
        """Let go of the memory. Calling it again does nothing."""
        if self.descriptor < 0:
            return
        self._newest = self._sizes = np.zeros((0, 2), np.int64)
        self._map.close()
        os.close(self.descriptor)
        self.descriptor = -1


def _unnamed() -> int:
    """Descriptor of a new file in memory, or of one that has been deleted already."""
    if hasattr(os, "memfd_create"):  # some Pythons are built for C libraries that do not have it
        return os.memfd_create("pictures")
    folder = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryFile(dir=folder) as file:
        return os.dup(file.fileno())
