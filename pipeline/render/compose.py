"""The composed picture: the frame with its 2D skeletons and a line of text, and the 3D panel beside it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.render.layout import lay_out
from pipeline.render.overlay import draw_pose2d
from pipeline.render.palette import BACKGROUND, TEXT
from pipeline.render.panel import Panel
from pipeline.render.plate import darken, text_size_px
from pipeline.render.status import Status
from pipeline.render.text import Font
from pipeline.types import Frame, Pose2D, Shown

_GAP = "   "
_LEAST_PLATE = 18  # width of the plate under the text, in text sizes


class Composer:
    """Composes the frames of one source, in order: a person's height above the panel's floor depends on earlier frames.

    Args:
        width_px, height_px: size of the source's pictures, in whose pixels the 2D poses are.

    Attributes:
        mirror: show the picture and its 2D skeletons as a mirror does; text and 3D panel stay as they are, and so do
            the colours: the person's left is orange. May be changed at any time, by any thread; it holds from the next
            picture on.
    """

    def __init__(self, width_px: int, height_px: int) -> None:
        self.mirror = False
        self._layout = lay_out(max(width_px, 1), max(height_px, 1))
        self._scale = np.array(
            [self._layout.picture_width / width_px, self._layout.picture_height / height_px], np.float32
        )
        self._panel = Panel(self._layout.panel_width, self._layout.height)
        self._empty = np.full((self._layout.height, self._layout.width, 3), BACKGROUND, np.uint8)
        self._font = Font(text_size_px(self._layout.height))

    @property
    def output_size(self) -> tuple[int, int]:
        """Width and height of the composed picture in pixels, both even."""
        return self._layout.width, self._layout.height

    def draw(self, shown: Shown, status: Status) -> U8:
        """Compose one frame.

        Args:
            shown: its picture in the source's size or already made smaller by ``shrink``; 2D poses in pixels of the
                source. Missing poses draw nothing; smoothed 3D poses are drawn where there are any.
            status: words and figures for the text.

        Returns:
            uint8 [H, W, 3] BGR of ``output_size``, a new array.
        """
        layout = self._layout
        image = np.empty_like(self._empty)
        if layout.picture_height < layout.height:
            np.copyto(image, self._empty)
        top = layout.picture_top
        picture = image[top : top + layout.picture_height, : layout.picture_width]
        _fill_picture(picture, shown.frame.image)
        mirror = self.mirror
        if mirror:
            cv2.flip(picture, 1, dst=picture)
        for person in shown.people:
            draw_pose2d(picture, self._placed(person.pose2d, mirror))
        self._panel.draw(image[:, layout.picture_width :], [person.best3d for person in shown.people])
        self._write(image, [_frame_texts(shown.frame, status.fps), _status_texts(status)])
        return image

    def shrink(self, frame: Frame) -> Frame:
        """The frame as small as it will be drawn: frames that wait for their look-ahead need not be larger."""
        layout = self._layout
        height, width = frame.image.shape[:2]
        if height <= layout.picture_height and width <= layout.picture_width:
            return frame
        small = np.empty((layout.picture_height, layout.picture_width, 3), np.uint8)
        _fill_picture(small, frame.image)
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
            image: the composed picture.
            lines: each in several wordings, the longest first; the first one that fits is written.
        """
        font, pad = self._font, self._font.size_px // 2
        # At most half of the width, since people are in the picture, unless it is very narrow.
        width = self._layout.picture_width
        room = max(width // 2, min(width, _LEAST_PLATE * font.size_px)) - 4 * pad
        texts = [font.fitted(next((w for w in line if font.width_px(w) <= room), line[-1]), room) for line in lines]
        texts = [text for text in texts if text]
        if not texts:
            return
        # Widths in steps: a plate that fits exactly would change with every digit.
        step = 2 * font.size_px
        plate = min(-(-max(map(font.width_px, texts)) // step) * step, room) + 2 * pad
        darken(image, pad, pad, plate, font.line_px * len(texts) + pad)
        for row, text in enumerate(texts):
            font.draw(image, text, 2 * pad, pad + pad // 2 + row * font.line_px, TEXT)


def _frame_texts(frame: Frame, fps: float | None) -> list[str]:
    """Frame number, time and frames per second, in several wordings."""
    time = f"{frame.time_s:.2f} s"
    rate = [f"{fps:.1f} fps"] if fps is not None and np.isfinite(fps) else []
    return [_GAP.join([f"frame {frame.index}", time, *rate]), _GAP.join([time, *rate]), time]


def _status_texts(status: Status) -> list[str]:
    """Latency, dropped frames and note, in several wordings."""
    latency_ms, p95_ms, note = status.latency_ms, status.latency_p95_ms, status.note
    long, short = [], []
    if latency_ms is not None and np.isfinite(latency_ms):
        worst = f" (95 %: {p95_ms:.0f})" if p95_ms is not None and np.isfinite(p95_ms) else ""
        long, short = [f"latency {latency_ms:.0f} ms{worst}"], [f"{latency_ms:.0f} ms"]
    lost, notes = [f"{status.dropped} dropped"] if status.dropped else [], [note] if note else []
    return [_GAP.join(words) for words in (long + lost + notes, short + lost + notes, short + notes, notes or short)]


def _fill_picture(picture: U8, source: U8) -> None:
    """Copy the source into the picture, resized if need be."""
    height, width = picture.shape[:2]
    source_height, source_width = source.shape[:2]
    if (height, width) == (source_height, source_width):
        np.copyto(picture, source)
    else:
        smaller = width * height < source_width * source_height
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        cv2.resize(source, (width, height), dst=picture, interpolation=how)
