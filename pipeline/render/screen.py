"""The window on the screen."""

from __future__ import annotations

import os
import platform

import cv2

from pipeline.types import U8

_QUIT_KEYS = (27, ord("q"))


def display_problem() -> str | None:
    """Why no window can be opened here; None if one can.

    OpenCV ends the whole process when Qt finds no display server, so this is asked first.
    """
    if platform.system() == "Linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display server (DISPLAY is not set)"
    build = cv2.getBuildInformation()
    if "GUI:                           NONE" in build:
        return "this OpenCV was built without windows (opencv-python-headless?)"
    return None


class Screen:
    """A window that shows pictures as they come. Use as a context manager."""

    def __init__(self, title: str) -> None:
        self._title = title
        cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
        self._sized = False

    def show(self, picture: U8) -> bool:
        """Show a picture; False when the user wants to quit (q, Esc, or the window closed)."""
        if not self._sized:
            cv2.resizeWindow(self._title, picture.shape[1], picture.shape[0])
            self._sized = True
        cv2.imshow(self._title, picture)
        key = cv2.waitKey(1) & 0xFF
        return key not in _QUIT_KEYS and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        cv2.destroyWindow(self._title)
