"""One picture of everything: the frame with the 2D skeletons, the 3D panel beside it, and what the frame is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.render.layout import lay_out
from pipeline.render.overlay import draw_pose2d
from pipeline.render.palette import BACKGROUND, TEXT
from pipeline.render.panel import Panel
from pipeline.render.text import Font
from pipeline.types import U8, Frame, Pose2D, Pose3D

# Share of the dark box behind the text: white text on it is readable over white snow, and the picture shines through.
_BOX_ALPHA = 0.75
_BOX_LEVEL = 20


class Composer:
    """Composes frames of one source. Call it in order: people stand on the panel's floor by their last frames too.

    Args:
        width_px, height_px: size of the source's pictures, in whose pixels the 2D poses are.
        with_panel: draw the 3D panel beside the picture.
    """

    def __init__(self, width_px: int, height_px: int, with_panel: bool = True) -> None:
        self._layout = lay_out(max(width_px, 1), max(height_px, 1), with_panel)
        self._scale = np.array(
            [self._layout.picture_width / width_px, self._layout.picture_height / height_px], np.float32
        )
        self._panel = Panel(self._layout.panel_width, self._layout.height) if with_panel else None
        self._empty = np.full((self._layout.height, self._layout.width, 3), BACKGROUND, np.uint8)
        self._font = Font(round(np.clip(self._layout.height / 38, 10, 26)))

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the composed picture in pixels, both even."""
        return self._layout.width, self._layout.height

    def compose(
        self, frame: Frame, poses2d: list[Pose2D], poses3d: list[Pose3D], fps: float | None = None, note: str = ""
    ) -> U8:
        """Compose one frame.

        Args:
            frame: the picture, in the source's size or already made smaller by ``shrink``; it is not changed.
            poses2d: in pixels of the source; missing ones draw nothing.
            poses3d: for the panel.
            fps: frames per second to show, if known.
            note: a word to show, such as 'provisional'.

        Returns:
            uint8 [H, W, 3] BGR of ``output_size``, a new array.
        """
        layout = self._layout
        image = np.empty_like(self._empty)
        if layout.picture_height < layout.height:
            np.copyto(image, self._empty)
        top = layout.picture_top
        picture = image[top : top + layout.picture_height, : layout.picture_width]
        _fill(picture, frame.image)
        for pose in poses2d:
            draw_pose2d(picture, replace(pose, xy_px=(pose.xy_px + 0.5) * self._scale - 0.5))
        if self._panel is not None:
            self._panel.draw(image[:, layout.picture_width :], poses3d)
        self._write_state(image, frame, fps, note)
        return image

    def shrink(self, frame: Frame) -> Frame:
        """The frame as small as it will be drawn: frames that wait for their look-ahead need not be larger."""
        layout = self._layout
        height, width = frame.image.shape[:2]
        if height <= layout.picture_height and width <= layout.picture_width:
            return frame
        small = np.empty((layout.picture_height, layout.picture_width, 3), np.uint8)
        _fill(small, frame.image)
        return Frame(frame.index, frame.time_s, small)

    def _write_state(self, image: U8, frame: Frame, fps: float | None, note: str) -> None:
        """Frame number, time, frames per second and note, in a dark box in the upper left corner."""
        words = [f"frame {frame.index}", f"{frame.time_s:.2f} s"]
        if fps is not None and np.isfinite(fps):
            words.append(f"{fps:.1f} fps")
        if note:
            words.append(note)
        font, pad, text = self._font, self._font.size_px // 2, "   ".join(words)
        # Widths in whole steps: a box that fits exactly would tremble with every digit.
        step = 2 * font.size_px
        width = -(-font.width_px(text) // step) * step + 2 * pad
        box = image[pad : pad + font.line_px + pad, pad : pad + width]
        if box.size:
            cv2.addWeighted(box, 1 - _BOX_ALPHA, box, 0, _BOX_ALPHA * _BOX_LEVEL, dst=box)
        font.draw(image, text, 2 * pad, pad + pad // 2, TEXT)


def _fill(picture: U8, source: U8) -> None:
    """Put the source into the picture, scaled if need be."""
    height, width = picture.shape[:2]
    source_height, source_width = source.shape[:2]
    if (height, width) == (source_height, source_width):
        np.copyto(picture, source)
    else:
        smaller = width * height < source_width * source_height
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        cv2.resize(source, (width, height), dst=picture, interpolation=how)
