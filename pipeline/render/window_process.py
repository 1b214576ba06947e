"""The window of Linux: in a process of its own, which imports OpenCV and never PyAV.

If PyAV is imported before OpenCV, its own copy of libxcb is loaded into the process; the xcb plug-in of OpenCV's Qt
then resolves into it and waits for ever in ``xcb_shm_query_version`` when the first window opens (PyAV issues 978,
1024 and 1050; OpenCV issue 29195). A library can't dictate the order of imports to its users. In a process of its own
the order is always right. And when Qt aborts, hangs or waits for a slow X server, the run is not affected.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from pipeline.arrays import U8
from pipeline.errors import DisplayError
from pipeline.render.keys import CLOSED
from pipeline.render.shared_pictures import SharedPictures
from pipeline.render.window_messages import Channel, Ended, Kind, Message

log = logging.getLogger(__name__)

OPEN_LIMIT_S = 10.0
"""How long a window may take to open, and how long an open one may show no picture before the log says so."""

_END_LIMIT_S = 1.0
_LOOK_S = 0.1
_KEYS = 64  # most keys that wait for ``key``
_DELAYS = 64  # most delays that wait for ``delays_s``
_STDERR_BYTES = 4096  # the last bytes kept of the process's stderr
_ROOT = Path(__file__).parents[2]


class WindowProcess:
    """A window in a process of its own, as ``pipeline.render.screen.Window`` describes it.

    Only the constructor waits for the window. If it crashes or hangs, the log says so once and the run goes on.

    Args:
        title: of the window.
        limit_s: how long it may take to open.

    Raises:
        DisplayError: it can't be opened.
    """

    def __init__(self, title: str, limit_s: float = OPEN_LIMIT_S) -> None:
        self._keys: list[int] = []
        self._delays_s: list[float] = []
        self._opened = self._closed = self._lost = self._told = False
        self._number, self._handed_over_s = 0, 0.0  # number and time of the newest picture
        self._announced = True  # whether the window was told of the newest picture
        self._waiting_since_s: float | None = None  # since when a picture is on its way to the screen
        self._said = b""  # its last stderr
        with ExitStack() as opening:
            try:
                self._pictures = opening.enter_context(closing(SharedPictures()))
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._channel = opening.enter_context(closing(Channel(ours)))
                    self._process = self._start(title, theirs.fileno())
                opening.callback(self._end_process)
            except OSError as error:
                raise DisplayError(
                    f"{_window_name()} can't be opened: its process can't be started ({error})"
                ) from error
            self._wait_until_open(limit_s)
            self._open = opening.pop_all()

    def _start(self, title: str, end: int) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.render.window_main", str(end), str(self._pictures.descriptor), title],
            cwd=_ROOT,  # the user's folder may hold files named like modules
            env={**os.environ, "PYTHONPATH": path},
            pass_fds=(end, self._pictures.descriptor),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in the terminal is for the run, which then closes the window
        )
        assert process.stderr is not None
        os.set_blocking(process.stderr.fileno(), False)
        return process

    def _wait_until_open(self, limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while not self._opened:
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                raise DisplayError(f"{_window_name()} did not open within {limit_s:g} s")
            self._channel.wait(min(left_s, _LOOK_S))
            self._read_messages()
            if self._lost:
                raise DisplayError(f"{_window_name()} can't be opened: {self._last_words()}")

    def show(self, picture: U8) -> None:
        """Hand over uint8 [H, W, 3] BGR, which is copied; nothing once the window is closed or lost."""
        if self._closed or self._lost:
            return
        self._number, self._handed_over_s = self._pictures.put(picture), time.monotonic()
        if self._waiting_since_s is None:
            self._waiting_since_s = self._handed_over_s
        self._announced = False
        self._announce_picture()

    def key(self, wait_ms: int) -> int:
        """Wait ``wait_ms`` at most for a key; its code for ``keys.command_of``, -1 for none, or ``CLOSED``."""
        if not (self._keys or self._closed or self._lost):
            if wait_ms:
                self._channel.wait(wait_ms / 1000)
            self._read_messages()
        if self._keys:
            return self._keys.pop(0)
        if self._lost:
            time.sleep(wait_ms / 1000)
        return CLOSED if self._closed else -1

    def delays_s(self) -> list[float]:
        """Delays from ``show`` to the screen, of the pictures that arrived since the last call."""
        delays_s, self._delays_s = self._delays_s, []
        return delays_s

    def _announce_picture(self) -> None:
        """Tell the window of the newest picture; if its queue is full, a later call does."""
        if self._announced or self._closed or self._lost:
            return
        try:
            self._announced = self._channel.send(Message(Kind.PICTURE, self._number, self._handed_over_s))
        except Ended:
            self._read_messages()  # read its last messages, then the end

    def _read_messages(self) -> None:
        if self._closed or self._lost:
            return
        try:
            for message in self._channel.messages():
                self._handle_message(message)
        except Ended:
            self._note_loss()
        self._read_stderr()
        self._announce_picture()
        self._warn_if_hung()

    def _handle_message(self, message: Message) -> None:
        if message.kind is Kind.KEY:
            if len(self._keys) < _KEYS:
                self._keys.append(message.number)
        elif message.kind is Kind.SHOWN:
            self._delays_s = [*self._delays_s[-_DELAYS:], message.seconds]
            self._waiting_since_s = None if message.number == self._number else time.monotonic()
            self._told = False
        elif message.kind is Kind.OPENED:
            self._opened = True
        elif message.kind is Kind.CLOSED:
            self._closed = True

    def _warn_if_hung(self) -> None:
        """Log once that the window hangs."""
        since_s = self._waiting_since_s
        if since_s is not None and time.monotonic() - since_s > OPEN_LIMIT_S and not (self._told or self._lost):
            self._told = True
            log.warning("the window has shown no picture for %.0f s; the run goes on without it", OPEN_LIMIT_S)

    def _note_loss(self) -> None:
        """Note that the process is gone, with a warning unless the user closed the window."""
        if self._closed or self._lost:
            return
        self._lost = True
        if self._opened:
            log.warning("the window is gone (%s); the run goes on without it, Ctrl-C ends it", self._last_words())

    def _last_words(self) -> str:
        """Why the process ended, as far as it said so."""
        try:
            ended = f"its process ended with code {self._process.wait(_END_LIMIT_S)}"
        except subprocess.TimeoutExpired:
            ended = "its process does not answer"
        self._read_stderr()
        lines = [line.strip() for line in self._said.decode(errors="replace").splitlines()]
        lines = [line for line in lines if line and "font" not in line]
        if not lines:
            return ended
        return lines[-1] if lines[0].startswith("Traceback") else lines[0]

    def _read_stderr(self) -> None:
        """Keep the last bytes of the process's stderr; a full pipe would stop it."""
        assert self._process.stderr is not None
        with suppress(BlockingIOError):
            while data := os.read(self._process.stderr.fileno(), _STDERR_BYTES):
                self._said = (self._said + data)[-_STDERR_BYTES:]

    def _end_process(self) -> None:
        """Hang up, which tells the process to end, and make sure that it does."""
        self._channel.close()
        for _ in range(2):
            try:
                self._process.wait(_END_LIMIT_S)
                break
            except subprocess.TimeoutExpired:
                self._process.kill()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def close(self) -> None:
        """Close the window; takes two seconds at most. Calling it again does nothing."""
        self._closed = True
        self._open.close()


def _window_name() -> str:
    return f"a window on DISPLAY={os.environ.get('DISPLAY', '')}"
