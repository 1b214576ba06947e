"""Sizes: where the picture and the panel go, decided once from the size of the source."""

from __future__ import annotations

from dataclasses import dataclass

MAX_HEIGHT_PX = 1080
MAX_PICTURE_WIDTH_PX = 1920
MIN_HEIGHT_PX = 240
# The panel is as wide as it is high, but never more than this share of the whole.
_MAX_PANEL_SHARE = 0.6


@dataclass(frozen=True)
class Layout:
    """Pixels of the composition: the picture on the left, centred in height, the panel on the right.

    Attributes:
        picture_width, picture_height: size of the scaled picture.
        picture_top: rows above it.
        panel_width: as high as the whole.
        width, height: of the whole, even numbers.
    """

    picture_width: int
    picture_height: int
    picture_top: int
    panel_width: int
    width: int
    height: int


def lay_out(source_width_px: int, source_height_px: int) -> Layout:
    """The layout for a source.

    Large sources are scaled down to at most 1920 x 1080, tiny ones up to a height at which text can be read; very flat
    ones get empty space above and below, very tall ones a panel of at least the minimal width.
    """
    fit = min(MAX_HEIGHT_PX / source_height_px, MAX_PICTURE_WIDTH_PX / source_width_px)
    scale = min(fit, max(1.0, MIN_HEIGHT_PX / source_height_px))
    width = _even(source_width_px * scale)
    height = _even(source_height_px * scale)
    whole = max(height, MIN_HEIGHT_PX)
    widest = _MAX_PANEL_SHARE / (1 - _MAX_PANEL_SHARE) * width
    panel = _even(max(min(whole, widest), MIN_HEIGHT_PX))
    return Layout(width, height, (whole - height) // 2, panel, width + panel, whole)


def _even(size_px: float) -> int:
    return max(2, round(size_px / 2) * 2)
