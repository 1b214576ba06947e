"""A camera of this machine by OpenCV."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.errors import SourceError
from pipeline.sources.base import SourceInfo, Warnings, check_span, fit_image
from pipeline.sources.clock import MediaClock
from pipeline.types import U8, Frame

_DEFAULT_FPS = 30.0
_MAX_FPS = 1000.0
_PATIENCE_S = 5.0
_RETRY_S = 0.01


class CameraSource:
    """A camera by its number. ``time_s`` is the capture clock, seconds since the first frame.

    Frames are read in order as the driver gives them; a reader that is slower than the camera sees the
    driver's own drops as longer steps of time.

    Args:
        number: 0 for the first camera.
        end_s: stop this many seconds after the first frame.
        open_capture: makes the capture device from the number; ``cv2.VideoCapture`` or a stand-in.
        clock: seconds that never run backwards.

    Raises:
        SourceError: it can't be opened, or delivers no picture within five seconds.
        ConfigError: the end is not valid.
    """

    def __init__(
        self,
        number: int,
        *,
        end_s: float | None = None,
        open_capture: Callable[[int], Any] = cv2.VideoCapture,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _, self._end_s = check_span(None, end_s)
        self._number = number
        self._now_s = clock
        self._closed = False
        self._used = False
        self._warnings = Warnings()
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._capture = open_capture(number)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(_cannot_open(number))
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # an old picture is of no use to anybody
        try:
            self._first = self._read()
        except SourceError:
            self._capture.release()
            raise
        stated_fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._info = SourceInfo(
            name=f"camera {number}",
            kind="camera",
            width_px=self._first[1].shape[1],
            height_px=self._first[1].shape[0],
            fps=stated_fps if 0 < stated_fps <= _MAX_FPS else _DEFAULT_FPS,
            frame_count=None,
            live=True,
            audio_path=None,
            start_s=0.0,
        )

    @property
    def info(self) -> SourceInfo:
        """What the camera delivers."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Pictures that did not have the size of the first."""
        return self._warnings

    def close(self) -> None:
        """End the iteration at its next frame, or release the camera where none is under way."""
        self._closed = True
        if not self._used:
            self._capture.release()

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they are captured, once.

        Raises:
            SourceError: it was iterated before, or the camera delivered nothing for five seconds.
        """
        if self._used or self._closed:
            raise SourceError(f"camera {self._number} was read already; open it again")
        self._used = True
        begin_s, image = self._first
        now_s = begin_s
        # Two pictures can fall into one tick of a coarse clock.
        media = MediaClock(1.0 / self._info.fps)
        index = 0
        try:
            while not self._closed and now_s - begin_s < self._end_s:
                if image.shape[:2] != (self._info.height_px, self._info.width_px):
                    self._warnings.add(f"{self._info.name} changed its size to {image.shape[1]}x{image.shape[0]}")
                    image = fit_image(image, self._info.width_px, self._info.height_px)
                yield Frame(index, media.stamp(now_s - begin_s), image)
                index += 1
                if not self._closed:
                    now_s, image = self._read()
        finally:
            self._capture.release()

    def _read(self) -> tuple[float, U8]:
        """The next picture with its time on the clock; waits at most five seconds for one."""
        asked_s = self._now_s()
        while True:
            good, image = self._capture.read()
            now_s = self._now_s()
            if good and image is not None and image.size:
                return now_s, _as_bgr(image)
            if now_s - asked_s > _PATIENCE_S:
                raise SourceError(
                    f"camera {self._number} stopped delivering pictures (none for {_PATIENCE_S:g} s); "
                    "look whether it is unplugged or used by another program"
                )
            time.sleep(_RETRY_S)


def _as_bgr(image: Any) -> U8:
    image = np.asarray(image, np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:  # infrared cameras
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image[:, :, :3])


def _cannot_open(number: int) -> str:
    message = f"can't open camera {number}"
    if not sys.platform.startswith("linux"):
        return f"{message}; look whether it is plugged in, allowed for this program and not in use"
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    if not devices:
        return f"{message}: this machine has no camera (no /dev/video*); plug one in, or give a file or 'synthetic'"
    return (
        f"{message}: there are {', '.join(devices)}; give another number, close the program that uses it, "
        "or join the group 'video'"
    )
