"""Square crops of a picture, upright or rotated: one warp to cut, one formula to go back.

A crop's own coordinates are (u, v) in 0..1, u to its right and v down its side; (0.5, 0.5) is its centre. A point goes
from crop to picture by ``centre + R(angle) @ ((u, v) - 0.5) * side``. The convention of MoveNet and MediaPipe is
kept: pixel i of a crop of N pixels lies at u = i / N.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, U8

_SMALLEST_SIDE_PX = 2.0


@dataclass(frozen=True, slots=True)
class Crop:
    """A square of the picture; it may reach beyond the picture's border.

    Attributes:
        x_px, y_px: its centre in the picture.
        side_px: length of its side in pixels of the picture, at least 2.
        angle_rad: how far it is turned, clockwise as seen on the screen; 0 = upright.
    """

    x_px: float
    y_px: float
    side_px: float
    angle_rad: float = 0.0

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.x_px, self.y_px, self.side_px, self.angle_rad))):
            raise ValueError(f"a crop needs finite numbers, found {self}")
        if self.side_px < _SMALLEST_SIDE_PX:
            object.__setattr__(self, "side_px", _SMALLEST_SIDE_PX)

    def _axes(self) -> NDArray[np.float64]:
        """[2, 2], columns: the crop's right and down side in the picture, pixels."""
        cos, sin = math.cos(self.angle_rad) * self.side_px, math.sin(self.angle_rad) * self.side_px
        return np.array([[cos, -sin], [sin, cos]])

    def to_picture(self, uv: NDArray[np.floating]) -> F32:
        """Points [..., 2] of the crop, 0..1, as pixels of the picture."""
        centre = np.array([self.x_px, self.y_px])
        picture: F32 = ((uv - 0.5) @ self._axes().T + centre).astype(np.float32)
        return picture

    def cut(self, image: U8, size_px: int, *, repeat_border: bool = False) -> U8:
        """The crop as an RGB picture for a network.

        Args:
            image: uint8 [H, W, 3] BGR.
            size_px: side of the result.
            repeat_border: fill what lies outside the picture with its nearest pixel instead of black.

        Returns:
            uint8 [size_px, size_px, 3] RGB.
        """
        axes = self._axes() / size_px
        offset = np.array([self.x_px, self.y_px]) - axes @ np.full(2, size_px / 2)
        border = cv2.BORDER_REPLICATE if repeat_border else cv2.BORDER_CONSTANT
        small = cv2.warpAffine(
            image,
            np.column_stack([axes, offset]),
            (size_px, size_px),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=border,
        )
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2RGB), np.uint8)


def whole_picture(width_px: int, height_px: int) -> Crop:
    """The smallest upright square around the whole picture."""
    return Crop(width_px / 2, height_px / 2, float(max(width_px, height_px)))
