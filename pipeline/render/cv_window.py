"""One window of OpenCV, in this process."""

from __future__ import annotations

import ctypes
import platform
from contextlib import suppress

import cv2

from pipeline.arrays import U8
from pipeline.render.keys import CLOSED

# The window begins no larger than fits on most screens; the user may make it larger.
_MAX_WIDTH_PX = 1600
_MAX_HEIGHT_PX = 840


class CvWindow:
    """A window that can be resized, as ``pipeline.render.screen.Window`` describes it.

    On Linux it must not be used where PyAV may have been imported before OpenCV, see ``window_process``. On other
    systems all calls must come from the main thread.

    Args:
        title: its title, and its name for OpenCV.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._opened = self._closed = False
        self._size_px = (0, 0)

    def open(self) -> None:
        """Open it, if ``show`` has not done so."""
        if self._opened:
            return
        _load_system_x11_xcb()
        # Without WINDOW_GUI_NORMAL Qt adds a tool bar, and complains about fonts that it does not have.
        cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        self._opened = True

    def show(self, picture: U8) -> None:
        """Show uint8 [H, W, 3] BGR; nothing once the window is closed."""
        self.open()
        if not self._is_open():
            return
        height_px, width_px = picture.shape[:2]
        if (width_px, height_px) != self._size_px:  # otherwise the size that the user chose stays
            self._size_px = width_px, height_px
            scale = min(1.0, _MAX_WIDTH_PX / width_px, _MAX_HEIGHT_PX / height_px)
            cv2.resizeWindow(self._title, max(1, round(width_px * scale)), max(1, round(height_px * scale)))
        cv2.imshow(self._title, picture)

    def key(self, wait_ms: int) -> int:
        """Let the window work for ``wait_ms`` (1 at least), or until a key; its code, -1, or ``CLOSED``."""
        code = int(cv2.waitKeyEx(max(1, wait_ms)))
        return code if code >= 0 or self._is_open() else CLOSED

    def delays_s(self) -> list[float]:
        """An empty list: pictures are on the screen when ``show`` and ``key`` have returned."""
        return []

    def _is_open(self) -> bool:
        """False once the user has closed it: then ``show`` must not open another."""
        if self._opened and not self._closed:
            try:
                self._closed = cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1
            except cv2.error:  # Qt, when the last window is gone
                self._closed = True
        return not self._closed

    def close(self) -> None:
        """Close it. Calling it again does nothing."""
        if self._opened:
            with suppress(cv2.error):  # Qt, when the last window is gone
                cv2.destroyWindow(self._title)
        self._opened = self._closed = True


def _load_system_x11_xcb() -> None:
    """Let Qt find the libX11-xcb that belongs to this system's libX11.

    The wheels of OpenCV bring a copy of their own, but not libX11. Through that copy Qt tells libX11 to leave all
    events to it, by writing into a private structure, which in the libX11 of Debian 12 is the wrong place. Then libX11
    takes some of the first events away: 10 of 64 windows stayed black on a busy machine, and 0 of 64 with the system's
    own library. A library that is loaded globally is found first.
    """
    if platform.system() == "Linux":
        with suppress(OSError):  # not installed: as before
            ctypes.CDLL("libX11-xcb.so.1", mode=ctypes.RTLD_GLOBAL)
