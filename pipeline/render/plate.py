"""Dark plates under text, so that it can be read over any picture."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.arrays import U8

# White text on it can be read over snow, and the picture still shows through.
_ALPHA = 0.75
_LEVEL = 20


LEAST_TEXT_PX = 15
"""Size of the smallest text: capital letters of 11 pixels, which can be read at arm's length."""


def text_size_px(height_px: int) -> int:
    """Size of the text on a picture of this height."""
    return round(float(np.clip(height_px / 38, LEAST_TEXT_PX, 26)))


def darken(image: U8, x_px: int, y_px: int, width_px: int, height_px: int) -> None:
    """Darken a box in place; what is outside the picture is cut off."""
    box = image[max(y_px, 0) : max(y_px + height_px, 0), max(x_px, 0) : max(x_px + width_px, 0)]
    if box.size:
        cv2.addWeighted(box, 1 - _ALPHA, box, 0, _ALPHA * _LEVEL, dst=box)
