"""The choice of a window, or the reason why there can be none."""

from __future__ import annotations

import os
import platform

import cv2

from pipeline.errors import DisplayError
from pipeline.render.cv_window import CvWindow
from pipeline.render.screen import Window, waiting_picture
from pipeline.render.window_process import OPEN_LIMIT_S, WindowProcess


def open_window(title: str, limit_s: float = OPEN_LIMIT_S) -> Window:
    """A window: on Linux in a process of its own, see ``window_process``; elsewhere in this one, by the main thread.

    Args:
        title: title of the window.
        limit_s: Linux: how long it may take to open.

    Raises:
        DisplayError: no window can be opened here; the message says why.
    """
    if "GUI:                           NONE" in cv2.getBuildInformation():
        raise DisplayError("this OpenCV was built without windows (opencv-python-headless?)")
    if platform.system() != "Linux":
        return CvWindow(title)
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise DisplayError("no display server (DISPLAY is not set)")
    window = WindowProcess(title, limit_s)
    window.show(waiting_picture())
    return window
