"""The base class of sources, and helpers that they share.

A new kind of source is one file beside this one and one line in ``open_source``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.errors import ConfigError
from pipeline.sources.live_options import LiveState
from pipeline.types import Frame

log = logging.getLogger(__name__)

Self = TypeVar("Self", bound="Source")

Kind = Literal["video", "images", "camera", "synthetic", "stream"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """Facts about a source, known before its first frame.

    Attributes:
        name: for display: a file name, 'camera 0', an address without its password.
        kind: 'video', 'images', 'camera', 'synthetic' or 'stream'.
        width_px, height_px: of every frame, upright (rotation metadata applied).
        fps: nominal frames per second; the true times are those of the frames.
        frame_count: how many frames there will be: exact for images and synthetic, an estimate for videos
            (for progress only), None where it is not known.
        live: True when frames come at their own pace and can't be asked for again.
        audio_path: a file whose audio stream belongs to the pictures and may be copied to the result.
        start_s: ``time_s`` of the first frame.
    """

    name: str
    kind: Kind
    width_px: int
    height_px: int
    fps: float
    frame_count: int | None
    live: bool
    audio_path: Path | None
    start_s: float


class Warnings(list[str]):
    """A list of one-line warnings; each is logged once."""

    def add(self, message: str) -> None:
        """Record and log the message unless it is already there."""
        if message not in self:
            self.append(message)
            log.warning("%s", message)


class Source(ABC):
    """Frames in order. ``Frame.index`` counts the delivered frames from 0, also if the span begins later.

    Clips (``info.live`` False) can be iterated again from their beginning; live sources once. A context manager:
    leaving it closes the source. A new kind of source sets ``_info`` and writes ``__iter__``.
    """

    _info: SourceInfo

    def __init__(self) -> None:
        self._warnings = Warnings()
        self._closed = False

    @property
    def info(self) -> SourceInfo:
        """Facts about the source."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Problems that did not stop the source, one line each; grows while frames are read."""
        return self._warnings

    @property
    def state(self) -> LiveState | None:
        """Current state of a camera or stream, from any thread; None for all other sources."""
        return None

    @property
    def age_s(self) -> float:
        """Seconds between the capture of the last delivered frame and its delivery, as far as the source knows."""
        return 0.0

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Frames with strictly increasing times, all of the size that ``info`` gives.

        Raises:
            SourceError: the source broke off.
        """

    def close(self) -> None:
        """Release the device or file; an iteration that is under way ends at its next frame."""
        self._closed = True

    def __enter__(self: Self) -> Self:
        """The source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def check_span(start_s: float | None, end_s: float | None) -> tuple[float, float]:
    """The requested span as (start, end) in seconds from the source's beginning; end may be infinite.

    Raises:
        ConfigError: a negative or undefined start, or an end that is not after the start.
    """
    start = 0.0 if start_s is None else float(start_s)
    end = float("inf") if end_s is None else float(end_s)
    if not 0 <= start < float("inf"):
        raise ConfigError("start_s", start_s, "is not valid; give seconds from the beginning, 0 or more")
    if not end > start:
        raise ConfigError("end_s", end_s, f"is not valid; it must lie after `start_s` ({start:g} s)")
    return start, end


def fit_image(image: U8, width_px: int, height_px: int) -> U8:
    """The image [H, W, 3] fitted into width x height: proportions kept, black bars at the sides."""
    height, width = image.shape[:2]
    if (width, height) == (width_px, height_px):
        return image
    scale = min(width_px / width, height_px / height)
    inner_w, inner_h = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (width_px - inner_w) // 2, (height_px - inner_h) // 2
    out = np.zeros((height_px, width_px, 3), np.uint8)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out[y : y + inner_h, x : x + inner_w] = cv2.resize(image, (inner_w, inner_h), interpolation=how)
    return out
