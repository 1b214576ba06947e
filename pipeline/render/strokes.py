"""Anti-aliased lines and discs at sub-pixel positions, safe for any coordinate."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import U8
from pipeline.render.palette import Colour

_SHIFT = 4
_ONE = 1 << _SHIFT
# Far outside any picture, yet small enough for OpenCV's fixed-point arithmetic.
_LIMIT_PX = 30_000.0

Point = tuple[int, int]


def points(xy_px: NDArray[np.floating]) -> list[Point]:
    """Pixels [N, 2] as the fixed-point numbers that ``line`` and ``disc`` take; unknown (NaN) points become 0, 0."""
    limited = np.clip(np.nan_to_num(xy_px, posinf=_LIMIT_PX, neginf=-_LIMIT_PX), -_LIMIT_PX, _LIMIT_PX)
    return [(x, y) for x, y in np.rint(limited * _ONE).astype(int).tolist()]


def line(image: U8, start: Point, end: Point, colour: Colour, width_px: float) -> None:
    """Draw a line with round ends in place."""
    cv2.line(image, start, end, colour, max(1, round(width_px)), cv2.LINE_AA, _SHIFT)


def lines(mask: U8, ends: list[tuple[Point, Point]], value: int, width_px: float) -> None:
    """Draw lines into a mask in place, at once and without anti-aliasing."""
    if ends:
        cv2.polylines(mask, list(np.array(ends, np.int32)), False, value, max(1, round(width_px)), cv2.LINE_8, _SHIFT)


def disc(image: U8, centre: Point, radius_px: float, colour: Colour) -> None:
    """Draw a filled circle in place."""
    cv2.circle(image, centre, round(max(radius_px, 0.5) * _ONE), colour, cv2.FILLED, cv2.LINE_AA, _SHIFT)
