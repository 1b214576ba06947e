"""One picture of everything: the frame with the 2D skeletons, the 3D panel beside it, and what the frame is."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.render.layout import lay_out
from pipeline.render.overlay import draw_pose2d
from pipeline.render.palette import BACKGROUND, TEXT
from pipeline.render.panel import Panel
from pipeline.render.plate import darken, text_size_px
from pipeline.render.text import Font
from pipeline.types import U8, Frame, Pose2D, Pose3D

_GAP = "   "
_LEAST_PLATE = 18  # width of the plate under the text, in sizes of the text


class Composer:
    """Composes frames of one source. Call it in order: people stand on the panel's floor by their last frames too.

    Args:
        width_px, height_px: size of the source's pictures, in whose pixels the 2D poses are.
        with_panel: draw the 3D panel beside the picture.

    Attributes:
        mirror: show the picture and its 2D skeletons as a mirror does; text and 3D panel stay as they are, and so do
            the colours: the person's left is orange. May be changed at any time, by any thread; it holds from the next
            picture on.
    """

    def __init__(self, width_px: int, height_px: int, with_panel: bool = True) -> None:
        self.mirror = False
        self._layout = lay_out(max(width_px, 1), max(height_px, 1), with_panel)
        self._scale = np.array(
            [self._layout.picture_width / width_px, self._layout.picture_height / height_px], np.float32
        )
        self._panel = Panel(self._layout.panel_width, self._layout.height) if with_panel else None
        self._empty = np.full((self._layout.height, self._layout.width, 3), BACKGROUND, np.uint8)
        self._font = Font(text_size_px(self._layout.height))

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the composed picture in pixels, both even."""
        return self._layout.width, self._layout.height

    def compose(
        self,
        frame: Frame,
        poses2d: list[Pose2D],
        poses3d: list[Pose3D],
        fps: float | None = None,
        note: str = "",
        *,
        latency_ms: float | None = None,
        latency_p95_ms: float | None = None,
        dropped: int = 0,
    ) -> U8:
        """Compose one frame.

        Args:
            frame: the picture, in the source's size or already made smaller by ``shrink``; it is not changed.
            poses2d: in pixels of the source; missing ones draw nothing.
            poses3d: for the panel; of this frame or of an earlier one whose look-ahead has passed.
            fps: frames per second to show, if known.
            note: a word or two to show, such as 'provisional' or 'reconnecting'.
            latency_ms, latency_p95_ms: from the capture of a frame to the screen, median and 95th percentile of the
                last frames, to show, if known.
            dropped: how many frames were left out so far; shown if there are any.

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
        mirror = self.mirror
        if mirror:
            cv2.flip(picture, 1, dst=picture)
        for pose in poses2d:
            draw_pose2d(picture, self._placed(pose, mirror))
        if self._panel is not None:
            self._panel.draw(image[:, layout.picture_width :], poses3d)
        self._write(image, [_what(frame, fps), _how(latency_ms, latency_p95_ms, dropped, note)])
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

    def _placed(self, pose: Pose2D, mirror: bool) -> Pose2D:
        """The pose in pixels of the drawn picture. Pixel centres are whole numbers."""
        xy_px = (pose.xy_px + 0.5) * self._scale - 0.5
        if mirror:
            xy_px[:, 0] = self._layout.picture_width - 1 - xy_px[:, 0]
        return replace(pose, xy_px=xy_px)

    def _write(self, image: U8, lines: list[list[str]]) -> None:
        """Write lines on a dark plate in the upper left corner of the picture.

        Args:
            image: the whole.
            lines: each in several wordings, the longest first; the first one that fits is written.
        """
        font, pad = self._font, self._font.size_px // 2
        # No more than half of the picture, where people are, but for very narrow ones.
        width = self._layout.picture_width
        room = max(width // 2, min(width, _LEAST_PLATE * font.size_px)) - 4 * pad
        texts = [font.fitted(next((w for w in line if font.width_px(w) <= room), line[-1]), room) for line in lines]
        texts = [text for text in texts if text]
        if not texts:
            return
        # Widths in whole steps: a plate that fits exactly would tremble with every digit.
        step = 2 * font.size_px
        plate = min(-(-max(map(font.width_px, texts)) // step) * step, room) + 2 * pad
        darken(image, pad, pad, plate, font.line_px * len(texts) + pad)
        for row, text in enumerate(texts):
            font.draw(image, text, 2 * pad, pad + pad // 2 + row * font.line_px, TEXT)


def _what(frame: Frame, fps: float | None) -> list[str]:
    """What is shown: frame number, time, frames per second."""
    time = f"{frame.time_s:.2f} s"
    rate = [f"{fps:.1f} fps"] if fps is not None and np.isfinite(fps) else []
    return [_GAP.join([f"frame {frame.index}", time, *rate]), _GAP.join([time, *rate]), time]


def _how(latency_ms: float | None, p95_ms: float | None, dropped: int, note: str) -> list[str]:
    """How it goes: latency, dropped frames, note."""
    long, short = [], []
    if latency_ms is not None and np.isfinite(latency_ms):
        worst = f" (95 %: {p95_ms:.0f})" if p95_ms is not None and np.isfinite(p95_ms) else ""
        long, short = [f"latency {latency_ms:.0f} ms{worst}"], [f"{latency_ms:.0f} ms"]
    lost, notes = [f"{dropped} dropped"] if dropped else [], [note] if note else []
    return [_GAP.join(words) for words in (long + lost + notes, short + lost + notes, short + notes, notes or short)]


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
