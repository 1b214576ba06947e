"""Whether a window can be opened here, found out without harm."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import cv2

_LIMIT_S = 15.0
_OPEN = "import cv2; cv2.namedWindow('PoseStride')"


def display_problem() -> str | None:
    """Why no window can be opened here; None if one can.

    OpenCV ends the whole process (abort) when Qt can't reach the display server: after ``ssh -X`` broke off, in a
    container that got ``DISPLAY`` but no libGL, under Wayland without XWayland. So a window is first opened and closed
    in a process of its own, which takes less than a second.
    """
    if "GUI:                           NONE" in cv2.getBuildInformation():
        return "this OpenCV was built without windows (opencv-python-headless?)"
    if platform.system() != "Linux":
        return None
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "no display server (DISPLAY is not set)"
    return _try_window()


def _try_window() -> str | None:
    asked = f"a window on DISPLAY={os.environ.get('DISPLAY', '')}"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _OPEN],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"{asked} did not open within {_LIMIT_S:g} s"
    except OSError as error:
        return f"{asked} could not be tried: {error}"
    if done.returncode == 0:
        return None
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip() and "font" not in line]
    found = lines[0] if lines else f"the attempt ended with code {done.returncode}"
    return f"{asked} can't be opened: {found}"
