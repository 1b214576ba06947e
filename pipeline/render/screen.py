"""The screen of a run: pictures, keys, and hints over the picture, which no recording contains."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from pipeline.arrays import U8
from pipeline.render.hints import Hints
from pipeline.render.keys import CLOSED, Command, command_of
from pipeline.render.palette import BACKGROUND, TEXT_FAINT
from pipeline.render.text import Font

_WAIT_MS = 10
_FIRST_MESSAGE = "h: help"
_FIRST_MESSAGE_S = 5.0


class Window(Protocol):
    """A window on the screen. All calls must come from one thread."""

    def show(self, picture: U8) -> None:
        """Show uint8 [H, W, 3] BGR; nothing once the window is closed."""

    def key(self, wait_ms: int) -> int:
        """Let the window work for at most this long; a key's code as in ``keys.command_of``, -1, or ``keys.CLOSED``."""

    def delays_s(self) -> list[float]:
        """Delays of pictures that came to the screen since the last call, after ``show`` and ``key`` had returned."""

    def close(self) -> None:
        """Close it. Calling it again does nothing."""


class Screen:
    """Shows pictures as they come and returns the user's commands. Use as a context manager, in one thread.

    ``show`` each picture; while none comes (a camera that is reconnecting, a clip that is paused) call ``wait``,
    so that the window still answers. Both return a command or None:

    - QUIT: also when the window was closed, and then at every call.
    - PAUSE, HELP: the screen has carried it out already. While paused, ``show`` keeps the old picture; whether the work
      behind it goes on (live) or stands still (a clip) is the caller's choice.
    - RECORD, SNAPSHOT, MIRROR: for the caller to carry out; it sets ``recording`` and reports by ``say``.

    Args:
        window: where to show, see ``pipeline.render.display.open_window``.
        clock: seconds that only increase.

    Attributes:
        recording: set it to show the badge.
        paused: whether the picture stands still.
        picture: the current picture, without hints; None before the first one.
    """

    def __init__(self, window: Window, clock: Callable[[], float] = time.monotonic) -> None:
        self.recording = False
        self.paused = False
        self.picture: U8 | None = None
        self._window = window
        self._clock = clock
        self._help = False
        self._message, self._message_end_s = "", 0.0
        self._hints: Hints | None = None
        self._canvas: U8 = np.empty((0, 0, 3), np.uint8)
        self._drawn: tuple[object, ...] = ()
        self.say(_FIRST_MESSAGE, _FIRST_MESSAGE_S)

    def delays_s(self) -> list[float]:
        """See ``Window.delays_s``."""
        return self._window.delays_s()

    def say(self, words: str, duration_s: float = 3.0) -> None:
        """Show a line at the lower edge for some seconds; the next one replaces it."""
        self._message, self._message_end_s = words, self._clock() + duration_s

    def show(self, picture: U8) -> Command | None:
        """Show a picture and look once for a key.

        Args:
            picture: uint8 [H, W, 3] BGR; not changed, and must not be changed later by the caller.
        """
        if self.picture is None or not self.paused:
            self.picture = picture
        self._draw()
        return self._run_key(self._window.key(0))

    def wait(self, limit_s: float) -> Command | None:
        """Keep the window alive for ``limit_s`` (0: look once), or until a command, without a new picture."""
        end_s = self._clock() + limit_s
        while True:
            self._draw()
            left_ms = round(1000 * (end_s - self._clock()))
            command = self._run_key(self._window.key(max(0, min(left_ms, _WAIT_MS))))
            if command is not None or self._clock() >= end_s:
                return command

    def _run_key(self, code: int) -> Command | None:
        command = Command.QUIT if code == CLOSED else command_of(code)
        if command is Command.PAUSE:
            self.paused = not self.paused
        elif command is Command.HELP:
            self._help = not self._help
        return command

    def _draw(self) -> None:
        message = self._message if self._clock() < self._message_end_s else ""
        hints = (self.recording, self.paused, self._help, message)
        if self._drawn and self._drawn[0] is self.picture and self._drawn[1:] == hints:
            return
        self._drawn = (self.picture, *hints)
        picture = waiting_picture() if self.picture is None else self.picture
        self._window.show(self._with_hints(picture, message) if any(hints) else picture)

    def _with_hints(self, picture: U8, message: str) -> U8:
        """A copy with badges, message and help: the picture itself may still be written to a file."""
        if self._hints is None or self._canvas.shape != picture.shape:
            self._canvas, self._hints = np.empty_like(picture), Hints(picture.shape[0])
        np.copyto(self._canvas, picture)
        if message:
            self._hints.draw_message(self._canvas, message)
        self._hints.draw_badges(self._canvas, self.recording, self.paused)
        if self._help:
            self._hints.draw_help(self._canvas)
        return self._canvas

    def close(self) -> None:
        """Close the window. Calling it again does nothing."""
        self._window.close()

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def waiting_picture() -> U8:
    """The placeholder before the first picture: uint8 [360, 640, 3]."""
    image = np.full((360, 640, 3), BACKGROUND, np.uint8)
    font, words = Font(16), "waiting for the first picture"
    font.draw(image, words, (640 - font.width_px(words)) // 2, (360 - font.line_px) // 2, TEXT_FAINT)
    return image
