"""A display without a screen (Xvfb), whose picture tests can look at."""

from __future__ import annotations

import ctypes
import os
import select
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

_LIMIT_S = 30.0

# The window is the main use: where the checks before a landing run, its tests fail rather than be skipped.
_REQUIRED = bool(os.environ.get("POSESTRIDE_REQUIRE_DISPLAY"))


def _needs(program: str, package: str) -> pytest.MarkDecorator:
    missing = shutil.which(program) is None and not _REQUIRED
    return pytest.mark.skipif(missing, reason=f"needs {program} (Debian: apt-get install {package})")


needs_xvfb = _needs("Xvfb", "xvfb")
needs_xdotool = _needs("xdotool", "xdotool")


@dataclass(frozen=True)
class Display:
    """A running display.

    Attributes:
        name: for the environment variable DISPLAY.
        frame_buffer: the file of its picture, always up to date.
    """

    name: str
    frame_buffer: Path

    def picture(self) -> NDArray[np.uint8]:
        """uint8 [H, W, 3] BGR: what the screen would show now."""
        return parse_xwd(self.frame_buffer.read_bytes())

    def type(self, window: str, *keys: str) -> None:
        """Press and release keys, named as in X11, with the window of this title in focus (needs xdotool)."""
        command = ["xdotool", "search", "--sync", "--name", f"^{window}$", "windowfocus", "--sync", "key", *keys]
        subprocess.run(
            command, env={**os.environ, "DISPLAY": self.name}, check=True, timeout=_LIMIT_S, capture_output=True
        )

    def close_window(self, window: str) -> None:
        """Ask the window of this title to close, as the button of its frame does (needs xdotool)."""
        command = ["xdotool", "search", "--sync", "--name", f"^{window}$"]
        found = subprocess.run(
            command, env={**os.environ, "DISPLAY": self.name}, check=True, timeout=_LIMIT_S, capture_output=True
        )
        x11 = ctypes.CDLL("libX11.so.6")
        x11.XOpenDisplay.restype = ctypes.c_void_p
        display = ctypes.c_void_p(x11.XOpenDisplay(self.name.encode()))
        assert display, f"no connection to {self.name}"
        protocols, delete = (x11.XInternAtom(display, name, False) for name in (b"WM_PROTOCOLS", b"WM_DELETE_WINDOW"))
        event = _ClientMessage(33, 0, True, None, int(found.stdout.split()[0]), protocols, 32, (delete, 0, 0, 0, 0))
        x11.XSendEvent(display, ctypes.c_ulong(event.window), False, ctypes.c_long(0), ctypes.byref(event))
        x11.XCloseDisplay(display)


class _ClientMessage(ctypes.Structure):
    """XClientMessageEvent of Xlib.h, as long as an XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("rest", ctypes.c_long * 12),
    )


@contextmanager
def xvfb(folder: Path, width_px: int = 1280, height_px: int = 720) -> Iterator[Display]:
    """Start Xvfb on a display that it finds free itself, and end it."""
    read, write = os.pipe()
    size = f"{width_px}x{height_px}x24"
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-nolisten", "tcp", "-fbdir", str(folder)]
    with (
        (folder / "xvfb.log").open("wb") as log,
        subprocess.Popen(command, pass_fds=(write,), stdin=subprocess.DEVNULL, stdout=log, stderr=log) as server,
    ):
        os.close(write)
        try:
            # The number comes when the server is ready; if it ends before, so does the pipe.
            ready, _, _ = select.select([read], [], [], _LIMIT_S)
            number = os.read(read, 16).decode().strip() if ready else ""
            assert number, f"Xvfb did not start: {(folder / 'xvfb.log').read_text(errors='replace')}"
            yield Display(f":{number}", folder / "Xvfb_screen0")
        finally:
            os.close(read)
            server.terminate()
            try:
                server.wait(_LIMIT_S)
            except subprocess.TimeoutExpired:
                server.kill()


def parse_xwd(data: bytes) -> NDArray[np.uint8]:
    """uint8 [H, W, 3] BGR of an X window dump of 32 bits per pixel: header, colour map, rows (X11/XWDFile.h)."""
    head = np.frombuffer(data, ">u4", 25).astype(int)
    size_bytes, version, width, height, little, bits = head[0], head[1], head[4], head[5], head[7] == 0, head[11]
    row_bytes, red_mask, colours = head[12], head[14], head[19]
    assert (version, bits, little, red_mask) == (7, 32, True, 0xFF0000), f"another kind of window dump: {head}"
    rows = np.frombuffer(data, np.uint8, height * row_bytes, size_bytes + 12 * colours)
    return rows.reshape(height, row_bytes)[:, : 4 * width].reshape(height, width, 4)[..., :3].copy()
