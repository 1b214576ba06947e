"""Rotation metadata: the display matrix of a video, applied to its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import av
import cv2
import numpy as np
from av.sidedata.sidedata import SideData

from pipeline.arrays import U8


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture becomes upright: exchange rows and columns, then mirror along x and y."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def apply(self, image: U8) -> U8:
        """The upright picture, contiguous; the same array if it is upright already."""
        if self.transpose:
            image = np.asarray(cv2.transpose(image), np.uint8)
        if self.flip_x or self.flip_y:
            code = -1 if self.flip_x and self.flip_y else 1 if self.flip_x else 0
            image = np.asarray(cv2.flip(image, code), np.uint8)
        return image


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The orientation that a decoded frame's display matrix asks for.

    The matrix holds nine 32-bit integers (a, b, u, c, d, v, x, y, w); a stored point (p, q) is shown at
    x' = a p + c q, y' = b p + d q, with y down (FFmpeg, libavutil/display.h). Angles that are no multiple
    of 90 degrees are taken to the nearest one.
    """
    data = cast("SideData | None", frame.side_data.get("DISPLAYMATRIX"))
    if data is None:
        return Orientation()
    a, b, _, c, d = (int(value) for value in np.frombuffer(memoryview(data), np.int32)[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
