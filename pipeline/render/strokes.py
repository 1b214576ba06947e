"""Anti-aliased lines and discs at sub-pixel positions, safe for any coordinate."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.render.palette import Colour
from pipeline.types import U8

_SHIFT = 4
_ONE = 1 << _SHIFT
# Far outside any picture, yet small enough for OpenCV's fixed-point arithmetic.
_LIMIT_PX = 30_000.0


def _fixed(xy_px: NDArray[np.floating]) -> tuple[int, int]:
    x, y = np.clip(xy_px, -_LIMIT_PX, _LIMIT_PX)
    return round(float(x) * _ONE), round(float(y) * _ONE)


def line(
    image: U8, start_px: NDArray[np.floating], end_px: NDArray[np.floating], colour: Colour, width_px: float
) -> None:
    """Draw a line with round ends in place."""
    cv2.line(image, _fixed(start_px), _fixed(end_px), colour, max(1, round(width_px)), cv2.LINE_AA, _SHIFT)


def disc(image: U8, centre_px: NDArray[np.floating], radius_px: float, colour: Colour) -> None:
    """Draw a filled circle in place."""
    cv2.circle(image, _fixed(centre_px), round(max(radius_px, 0.5) * _ONE), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
