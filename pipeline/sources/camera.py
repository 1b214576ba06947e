"""Cameras of this machine, by OpenCV."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.errors import SourceError
from pipeline.sources.link import ConnectionLost, Shot
from pipeline.sources.live import LiveSource
from pipeline.sources.live_options import LiveOptions

_MAX_FPS = 1000.0
_RETRY_S = 0.01
_LARGE_PX = 640
_DRIVER_DELAY_S = 1.0  # a driver's time further back than this is on another clock
_LINUX = sys.platform.startswith("linux")
_HINT = "check whether its cable is loose or another program uses it"


class CameraSource(LiveSource):
    """A camera by its number or, on Linux, its device path. ``time_s`` is the capture clock.

    The time of a picture is the driver's time of capture where it gives one (Video4Linux), else the time of arrival.

    Args:
        device: 0 for the first camera, or ``/dev/video0``, or a link to it such as those in ``/dev/v4l/by-id``, which
            keep their names whatever the order of plugging in.
        end_s: stop this many seconds after the first frame.
        options: size, rate, pixel format and the rest; what the camera can't do becomes a warning.
        open_capture: makes the capture device from the number; OpenCV's or a stand-in.
        clock: seconds that never run back.

    Raises:
        SourceError: it is not there, not allowed, used by another program, or delivers no picture in time.
        ConfigError: the end is not valid.
    """

    def __init__(
        self,
        device: int | str,
        *,
        end_s: float | None = None,
        options: LiveOptions | None = None,
        open_capture: Callable[[int], Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        asked = options or LiveOptions()
        name = f"camera {device}"

        def connect() -> _CameraConnection:
            return _CameraConnection(device, name, asked, open_capture or _open_capture, clock)

        super().__init__(name, "camera", connect, _HINT, end_s, asked, clock)
        self._compare(asked)

    def _compare(self, asked: LiveOptions) -> None:
        """Warn where the camera's pictures differ from the requested ones."""
        info = self.info
        if asked.width_px is not None and (asked.width_px, asked.height_px) != (info.width_px, info.height_px):
            self._warnings.add(
                f"{info.name} gives {info.width_px}x{info.height_px} instead of the {asked.width_px}x{asked.height_px} "
                "that were asked for"
            )
        if asked.fps is not None and abs(info.fps - asked.fps) > 0.1 * asked.fps:
            self._warnings.add(f"{info.name} gives {info.fps:g} pictures per second instead of {asked.fps:g}")


class _CameraConnection:
    """An open capture device."""

    def __init__(
        self,
        device: int | str,
        name: str,
        options: LiveOptions,
        open_capture: Callable[[int], Any],
        clock: Callable[[], float],
    ) -> None:
        self._name, self._now_s = name, clock
        number = _device_number(device)
        self._path = Path(f"/dev/video{number}") if _LINUX else None
        if self._path is not None and not self._path.exists():
            self._path = None  # a stand-in, or a backend without device files
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        try:
            self._capture = open_capture(number)
        finally:
            cv2.utils.logging.setLogLevel(level)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(_cannot_open(name, number))
        self._configure(options)
        stated_fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps: float | None = stated_fps if 0 < stated_fps <= _MAX_FPS else None

    def _configure(self, options: LiveOptions) -> None:
        # The pixel format comes first: it decides which sizes and rates there are.
        fourcc = options.fourcc or ("MJPG" if (options.width_px or 0) > _LARGE_PX else None)
        wanted = (
            (cv2.CAP_PROP_FOURCC, None if fourcc is None else cv2.VideoWriter.fourcc(*fourcc)),
            (cv2.CAP_PROP_FRAME_WIDTH, options.width_px),
            (cv2.CAP_PROP_FRAME_HEIGHT, options.height_px),
            (cv2.CAP_PROP_FPS, options.fps),
            (cv2.CAP_PROP_BUFFERSIZE, 1),  # old pictures are useless
        )
        for key, value in wanted:
            if value is not None:
                self._capture.set(key, value)

    def read(self) -> Shot | None:
        """The next picture with the time of its capture, None if the driver has none."""
        try:
            good, image = self._capture.read()
        except cv2.error as error:
            raise ConnectionLost(f"{self._name} can't be read ({' '.join(str(error).split())})") from error
        now_s = self._now_s()
        if good and image is not None and image.size:
            return Shot(_as_bgr(image), self._captured_s(now_s))
        if self._path is not None and not self._path.exists():
            raise ConnectionLost(f"{self._name} was unplugged ({self._path} is gone)")
        time.sleep(_RETRY_S)
        return None

    def close(self) -> None:
        """Release the camera."""
        self._capture.release()

    def _captured_s(self, now_s: float) -> float:
        """The driver's time of the picture where it is on our clock, else now."""
        driver_s = float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000
        return driver_s if 0 <= now_s - driver_s < _DRIVER_DELAY_S else now_s


def _open_capture(number: int) -> cv2.VideoCapture:
    return cv2.VideoCapture(number, cv2.CAP_V4L2 if _LINUX else cv2.CAP_ANY)


def _device_number(device: int | str) -> int:
    """The number of a camera by its number or path."""
    if isinstance(device, int):
        return device
    path = Path(device)
    found = re.fullmatch(r"/dev/video(\d+)", str(path.resolve()))
    if not path.exists():
        raise SourceError(f"there is no camera {device}; {_cameras_here()}")
    if found is None:
        raise SourceError(f"{device} is no camera; {_cameras_here()}")
    return int(found[1])


def _as_bgr(image: Any) -> U8:
    image = np.asarray(image, np.uint8)
    if image.ndim == 2 or image.shape[2] == 1:  # infrared cameras
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image[:, :, :3])


def _cannot_open(name: str, number: int) -> str:
    """The message for a camera that does not open, with the reason if it can be found."""
    if not _LINUX:
        return f"can't open {name}; check that it is plugged in, allowed for this program and not in use"
    path = Path(f"/dev/video{number}")
    if not path.exists():
        return f"can't open {name}; {_cameras_here()}"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"can't open {name}: {path} may not be read; join the group 'video' and log in again"
    users = _users_of(path)
    if users:
        return f"can't open {name}: it is used by {', '.join(users)}; close that program"
    return f"can't open {name}: {path} gives no pictures, or another program uses it; {_cameras_here()}"


def _cameras_here() -> str:
    devices = sorted(str(path) for path in Path("/dev").glob("video*"))
    if not devices:
        return "this machine has no camera (no /dev/video*): plug one in, or give a file or 'synthetic'"
    return f"there are {', '.join(devices)}"


def _users_of(path: Path) -> list[str]:
    """The programs that hold a device open, as far as this user may see: 'name (process 12)'."""
    users = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if any(link.readlink() == path for link in (folder / "fd").iterdir()):
                users.append(f"{(folder / 'comm').read_text().strip()} (process {folder.name})")
        except OSError:  # another user's, or it just ended
            continue
    return users
