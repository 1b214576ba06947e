"""Text on pictures: glyphs drawn once by matplotlib's own font, then copied by blending.

The letters are the same as those on the 3D panel's axes, on every machine and with every version of OpenCV.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font

from pipeline.arrays import U8
from pipeline.render.palette import Colour

_FAMILY = "DejaVu Sans"


class Font:
    """DejaVu Sans, which comes with matplotlib, in one size.

    Attributes:
        size_px: height of the em square; the baseline is this far below the top of a line.
        line_px: height of a line.
    """

    def __init__(self, size_px: int) -> None:
        self.size_px = max(6, size_px)
        self.line_px = math.ceil(self.size_px * 1.3)
        wanted = FontProperties(family=_FAMILY)
        self._font = FT2Font(fontManager.findfont(wanted))
        # At 72 dots per inch one point is one pixel.
        self._font.set_size(self.size_px, 72)
        self._glyphs: dict[str, tuple[U8, int, int, int]] = {}

    def _glyph(self, char: str) -> tuple[U8, int, int, int]:
        """Coverage of the inked box, its left and top in the line, and the step to the next character."""
        if char not in self._glyphs:
            drawn = " " if char.isspace() else char
            if not self._font.get_char_index(ord(drawn)):
                drawn = "?"
            metrics = self._font.load_char(ord(drawn))
            self._font.set_text(drawn, 0.0)
            self._font.draw_glyphs_to_bitmap(antialiased=True)
            top_px = max(self.size_px - round(metrics.horiBearingY / 64), 0)
            ink = np.array(self._font.get_image(), np.uint8)[: self.line_px - top_px]
            left_px = max(round(metrics.horiBearingX / 64), 0)
            # Not horiAdvance: matplotlib 3.10 gives it eight times as large as 3.11 does.
            self._glyphs[char] = ink, left_px, top_px, round(metrics.linearHoriAdvance / 65536)
        return self._glyphs[char]

    def _cover(self, text: str) -> U8:
        """uint8 [line_px, width] of a line: how much of each pixel the text covers."""
        cover = np.zeros((self.line_px, self.width_px(text)), np.uint8)
        x_px = 0
        for char in text:
            ink, left_px, top_px, step_px = self._glyph(char)
            box = cover[top_px : top_px + ink.shape[0], x_px + left_px : x_px + left_px + ink.shape[1]]
            np.maximum(box, ink[:, : box.shape[1]], out=box)
            x_px += step_px
        return cover

    def width_px(self, text: str) -> int:
        """Width of one line."""
        if not text:
            return 0
        ink, left_px, _, step_px = self._glyph(text[-1])
        overhang_px = max(left_px + ink.shape[1] - step_px, 0)
        return sum(self._glyph(char)[3] for char in text) + int(overhang_px)

    def fitted(self, text: str, width_px: int) -> str:
        """The text, or as much of its beginning as fits, with an ellipsis; nothing where not even that fits."""
        if self.width_px(text) <= width_px:
            return text
        while text and self.width_px(f"{text}…") > width_px:
            text = text[:-1].rstrip()
        return f"{text}…" if text else ""

    def draw(self, image: U8, text: str, x_px: int, y_px: int, colour: Colour) -> None:
        """Draw one line in place, its top left corner at (x, y); what is outside the picture is cut off.

        Characters that the font lacks become question marks.
        """
        cover = self._cover(text)
        height_px, width_px = cover.shape
        x0, y0 = max(x_px, 0), max(y_px, 0)
        x1, y1 = min(x_px + width_px, image.shape[1]), min(y_px + height_px, image.shape[0])
        if x0 >= x1 or y0 >= y1:
            return
        alpha = cover[y0 - y_px : y1 - y_px, x0 - x_px : x1 - x_px, None].astype(np.float32) / 255
        box = image[y0:y1, x0:x1]
        box[:] = (box + (np.array(colour, np.float32) - box) * alpha + 0.5).astype(np.uint8)
