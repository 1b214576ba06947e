"""Badges, messages and the help that the window shows over the picture; recordings do not contain them."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import U8
from pipeline.render import strokes
from pipeline.render.keys import HELP_LINES
from pipeline.render.palette import RECORDING, TEXT, Colour
from pipeline.render.plate import darken, text_size_px
from pipeline.render.text import Font


class Hints:
    """Draws hints on pictures of one height.

    Args:
        height_px: height of the pictures.
    """

    def __init__(self, height_px: int) -> None:
        self._font = Font(text_size_px(height_px))
        self._pad_px = self._font.size_px // 2

    def draw_badges(self, image: U8, recording: bool, paused: bool) -> None:
        """Draw the window's state in the upper right corner, in place: 'recording' with a red dot, 'paused'."""
        right_px = image.shape[1] - self._pad_px
        if recording:
            right_px = self._badge(image, "recording", right_px, RECORDING)
        if paused:
            self._badge(image, "paused", right_px, None)

    def _badge(self, image: U8, words: str, right_px: int, dot: Colour | None) -> int:
        """Draw one badge that ends at ``right_px``; returns where the next one to its left ends."""
        font, pad_px = self._font, self._pad_px
        dot_px = round(1.15 * font.size_px) if dot else 0
        width_px = font.width_px(words) + dot_px + 2 * pad_px
        left_px = right_px - width_px
        darken(image, left_px, pad_px, width_px, font.line_px + pad_px)
        top_px = pad_px + pad_px // 2
        font.draw(image, words, left_px + pad_px + dot_px, top_px, TEXT)
        if dot:
            at = np.array([[left_px + pad_px + 0.35 * font.size_px, top_px + 0.66 * font.size_px]])
            strokes.disc(image, strokes.points(at)[0], 0.35 * font.size_px, dot)
        return left_px - pad_px

    def draw_message(self, image: U8, words: str) -> None:
        """Draw one line in the lower left corner, in place; its end is left out where there is no room."""
        font, pad_px = self._font, self._pad_px
        words = font.fitted(words, image.shape[1] - 4 * pad_px)
        height_px = font.line_px + pad_px
        top_px = image.shape[0] - pad_px - height_px
        darken(image, pad_px, top_px, font.width_px(words) + 2 * pad_px, height_px)
        font.draw(image, words, 2 * pad_px, top_px + pad_px // 2, TEXT)

    def draw_help(self, image: U8) -> None:
        """Draw the keys and their meanings at the right edge, where the 3D panel is and the person is not, in place."""
        font, pad_px = self._font, 2 * self._pad_px
        keys_px = max(font.width_px(key) for key, _ in HELP_LINES) + 2 * pad_px
        width_px = keys_px + max(font.width_px(words) for _, words in HELP_LINES) + 2 * pad_px
        step_px = font.line_px + self._pad_px // 2
        height_px = step_px * len(HELP_LINES) + 2 * pad_px
        left_px, top_px = max(0, image.shape[1] - width_px - self._pad_px), (image.shape[0] - height_px) // 2
        darken(image, left_px, top_px, width_px, height_px)
        for row, (key, words) in enumerate(HELP_LINES):
            y_px = top_px + pad_px + row * step_px
            font.draw(image, key, left_px + pad_px, y_px, TEXT)
            font.draw(image, words, left_px + pad_px + keys_px, y_px, TEXT)
