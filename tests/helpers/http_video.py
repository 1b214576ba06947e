"""A small HTTP server on loopback that sends video as cameras and file servers do, and breaks on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2

from tests.helpers.video import numbered_image

_LIMIT_S = 30.0  # no request lives longer, whatever a test does


@dataclass
class Plan:
    """What the server does; a test may change it while the server runs.

    Attributes:
        rate_hz: pictures per second of ``/mjpeg``.
        frames: after so many pictures of a connection its end comes; None = never.
        end: how a connection ends: 'finish' (the closing boundary), 'cut' (in the middle of a picture), 'stall' (open
            but silent).
        sizes_px: widths and heights of the pictures in turn, ``size_every`` pictures each.
        lengths: say how long each picture is (many cameras do).
        closing: say that the connection will be closed at the end, as HTTP/1.1 wants it.
        status: the HTTP status of every answer.
        fragments: for ``/live.mp4``: what is sent without a stated length, one item per ``1 / rate_hz``.
        file: for ``/clip.mp4``: a file with a stated length; parts of it can be asked for.
        cut_bytes: ``/clip.mp4`` breaks off after so many bytes of each answer.
    """

    rate_hz: float = 40.0
    frames: int | None = None
    end: str = "finish"
    sizes_px: tuple[tuple[int, int], ...] = ((128, 96),)
    size_every: int = 5
    lengths: bool = True
    closing: bool = True
    status: int = 200
    fragments: list[bytes] = field(default_factory=list)
    file: Path | None = None
    cut_bytes: int | None = None
    requests: list[str] = field(default_factory=list)
    sent: int = 0  # pictures since the server started; they are numbered so


@contextmanager
def http_video(plan: Plan, port: int = 0, path: str = "") -> Iterator[str]:
    """Serve until the block is left; gives the address, ``http://127.0.0.1:port`` and the path."""
    stop = threading.Event()

    class Handler(_Handler):
        pass

    Handler.plan, Handler.stop = plan, stop
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = False  # joined by server_close
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="test http server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{path}"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    plan: Plan
    stop: threading.Event
    timeout = _LIMIT_S

    def do_GET(self) -> None:
        self.plan.requests.append(self.path)
        try:
            if self.plan.status != 200:
                self.send_error(self.plan.status)
            elif self.path.startswith("/mjpeg"):
                self._send_mjpeg()
            elif self.path.startswith("/live.mp4"):
                self._send_fragments()
            elif self.path.startswith("/clip.mp4"):
                self._send_file()
            else:
                self.send_error(404)
        except OSError:
            pass  # the client left

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _head(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if self.plan.closing:
            self.send_header("Connection", "close")
        self.end_headers()

    def _send_mjpeg(self) -> None:
        self._head("multipart/x-mixed-replace; boundary=picture")
        plan, count = self.plan, 0
        while plan.frames is None or count < plan.frames:
            width, height = plan.sizes_px[count // plan.size_every % len(plan.sizes_px)]
            self._send(self._part(plan.sent, width, height))
            count += 1
            plan.sent += 1
            if self._wait(1 / plan.rate_hz):
                return
        if plan.end == "finish":
            self._send(b"--picture--\r\n")
        elif plan.end == "cut":
            part = self._part(0, *plan.sizes_px[0])
            self._send(part[: len(part) // 2])
        else:
            self._wait(_LIMIT_S)

    def _part(self, number: int, width_px: int, height_px: int) -> bytes:
        good, data = cv2.imencode(".jpg", numbered_image(number % 1024, width_px, height_px))
        assert good
        jpeg = data.tobytes()
        length = f"Content-Length: {len(jpeg)}\r\n" if self.plan.lengths else ""
        return f"--picture\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + jpeg + b"\r\n"

    def _send_fragments(self) -> None:
        self._head("video/mp4")
        for fragment in self.plan.fragments:
            self._send(fragment)
            if self._wait(1 / self.plan.rate_hz):
                return
        if self.plan.end == "stall":
            self._wait(_LIMIT_S)

    def _send_file(self) -> None:
        assert self.plan.file is not None
        data = self.plan.file.read_bytes()
        first = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        self.send_response(206)
        self.send_header("Content-Type", "video/mp4")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        last = None if self.plan.cut_bytes is None else first + self.plan.cut_bytes
        self._send(data[first:last])

    def _send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def _wait(self, seconds: float) -> bool:
        """Wait; True when the server ends."""
        return self.stop.wait(min(seconds, _LIMIT_S))
