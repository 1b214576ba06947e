"""A small RTSP 1.0 server on loopback (RFC 2326): one H.264 stream (RFC 6184), RTP interleaved in the TCP connection.

It answers OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER and TEARDOWN as cameras do, and breaks on demand.
"""

from __future__ import annotations

import base64
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction

import av

from tests.helpers.video import numbered_image

_CLOCK_HZ = 90_000
_PAYLOAD = 96
_LARGEST = 1200  # bytes of an RTP payload
_LIMIT_S = 30.0  # no connection lives longer, whatever a test does
_SSRC = 0x1234


@dataclass
class RtspPlan:
    """What the server does; a test may change it while the server runs.

    Attributes:
        rate_hz: pictures per second.
        frames: after so many pictures of a connection its end comes; None = never.
        end: how it ends: 'bye' (RTCP BYE), 'close' (the connection), 'stall' (open but silent).
        size_px, later_size_px: width and height, and those after ``resize_after`` pictures of a connection.
        key_every: distance of key frames; a connection begins with one.
        back_after, back_s: after so many pictures of a connection the time stamps step back by so much.
        silent: accept connections, answer nothing.
        password: ask for it ('name:password').
    """

    rate_hz: float = 40.0
    frames: int | None = None
    end: str = "bye"
    size_px: tuple[int, int] = (128, 96)
    later_size_px: tuple[int, int] = (128, 96)
    resize_after: int = 1_000_000
    key_every: int = 10
    back_after: int = 1_000_000
    back_s: float = 0.0
    silent: bool = False
    password: str = ""
    requests: list[str] = field(default_factory=list)
    sent: int = 0  # pictures since the server started; they are numbered so


@contextmanager
def rtsp_video(plan: RtspPlan) -> Iterator[str]:
    """Serve until the block is left; gives the address, ``rtsp://127.0.0.1:port/live``."""
    stop = threading.Event()

    class Handler(_Handler):
        pass

    Handler.plan, Handler.stop = plan, stop
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # joined by server_close
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="test rtsp server")
    thread.start()
    try:
        yield f"rtsp://127.0.0.1:{server.server_address[1]}/live"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Encoder:
    """Numbered pictures to H.264, without delay; a picture at once gives its NAL units."""

    def __init__(self, size_px: tuple[int, int], key_every: int) -> None:
        self._size_px = size_px
        self._context = av.CodecContext.create("libx264", "w")
        self._context.width, self._context.height = size_px
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = Fraction(1, _CLOCK_HZ)
        self._context.framerate = Fraction(30)
        self._context.gop_size = key_every
        self._context.options = {"preset": "ultrafast", "tune": "zerolatency", "crf": "12"}

    def encode(self, number: int, ticks: int) -> list[bytes]:
        frame = av.VideoFrame.from_ndarray(numbered_image(number % 1024, *self._size_px), format="bgr24")
        frame.pts, frame.time_base = ticks, Fraction(1, _CLOCK_HZ)
        data = b"".join(bytes(packet) for packet in self._context.encode(frame))
        units = data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
        return [unit for unit in units if unit]


class _Handler(socketserver.StreamRequestHandler):
    plan: RtspPlan
    stop: threading.Event
    timeout = 0.05

    def handle(self) -> None:
        self._playing: threading.Thread | None = None
        self._lock = threading.Lock()
        self._left = threading.Event()
        try:
            while (request := self._read_request()) is not None:
                self._answer(*request)
        except OSError:
            pass  # the client left
        finally:
            self._left.set()
            if self._playing is not None:
                self._playing.join()

    def _read_request(self) -> tuple[str, dict[str, str]] | None:
        """The request's first line and its headers; None at the end."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            if self.stop.is_set() or self._left.is_set():
                return None
            try:
                byte = self.connection.recv(1)
            except TimeoutError:
                continue
            if not byte:
                return None
            data += byte
            if data[0] == 0x24 and len(data) == 4:  # RTCP of the client, interleaved
                length = struct.unpack(">H", data[2:])[0]
                while length:
                    length -= len(self.connection.recv(length))
                data = b""
        first, *rest = data.decode().strip().split("\r\n")
        return first, {key.lower(): value for key, _, value in (line.partition(": ") for line in rest)}

    def _answer(self, first: str, headers: dict[str, str]) -> None:
        method, url = first.split(" ")[:2]
        self.plan.requests.append(f"{method} {headers.get('transport', '')}".strip())
        if self.plan.silent:
            return
        status, lines, body = "200 OK", [], ""
        wanted = "Basic " + base64.b64encode(self.plan.password.encode()).decode()
        if self.plan.password and headers.get("authorization") != wanted:
            status, lines = "401 Unauthorized", ['WWW-Authenticate: Basic realm="camera"']
        elif method == "OPTIONS":
            lines = ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"]
        elif method == "DESCRIBE":
            body = self._description()
            lines = [f"Content-Base: {url}/", "Content-Type: application/sdp", f"Content-Length: {len(body)}"]
        elif method == "SETUP" and "TCP" not in headers["transport"]:
            status = "461 Unsupported Transport"
        elif method == "SETUP":
            lines = ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"]
        text = "\r\n".join([f"RTSP/1.0 {status}", f"CSeq: {headers['cseq']}", *lines, "", body])
        self._send(text.encode())
        if status == "200 OK" and method == "PLAY":
            self._playing = threading.Thread(target=self._play, name="test rtsp stream")
            self._playing.start()

    def _description(self) -> str:
        units = _Encoder(self.plan.size_px, 10).encode(0, 0)
        sets = ",".join(base64.b64encode(unit).decode() for unit in units if unit[0] & 31 in (7, 8))
        return "\r\n".join(
            [
                "v=0",
                "o=- 0 0 IN IP4 127.0.0.1",
                "s=test",
                "c=IN IP4 127.0.0.1",
                "t=0 0",
                f"m=video 0 RTP/AVP {_PAYLOAD}",
                f"a=rtpmap:{_PAYLOAD} H264/{_CLOCK_HZ}",
                f"a=fmtp:{_PAYLOAD} packetization-mode=1;sprop-parameter-sets={sets}",
                "a=control:track1",
                "",
            ]
        )

    def _play(self) -> None:
        plan, sequence, count, back = self.plan, 0, 0, 0
        encoder = _Encoder(plan.size_px, plan.key_every)
        try:
            while plan.frames is None or count < plan.frames:
                if count == plan.resize_after:
                    encoder = _Encoder(plan.later_size_px, plan.key_every)
                if count == plan.back_after:
                    back = round(plan.back_s * _CLOCK_HZ)
                ticks = round(count / plan.rate_hz * _CLOCK_HZ)
                payloads = [part for unit in encoder.encode(plan.sent, ticks) for part in _payloads(unit)]
                for place, payload in enumerate(payloads):
                    marker = (place == len(payloads) - 1) << 7
                    stamp = (ticks - back + 1_000_000_000) % 2**32
                    header = struct.pack(">BBHII", 0x80, marker | _PAYLOAD, sequence % 2**16, stamp, _SSRC)
                    self._send_channel(0, header + payload)
                    sequence += 1
                count += 1
                plan.sent += 1
                if self._left.wait(1 / plan.rate_hz) or self.stop.is_set():
                    return
            if plan.end == "bye":
                report = struct.pack(">BBHIIIIII", 0x80, 200, 6, _SSRC, 0, 0, 0, count, 0)
                self._send_channel(1, report + struct.pack(">BBHI", 0x81, 203, 1, _SSRC))
            elif plan.end == "close":
                self._left.set()
        except OSError:
            pass  # the client left

    def _send_channel(self, channel: int, data: bytes) -> None:
        self._send(struct.pack(">BBH", 0x24, channel, len(data)) + data)

    def _send(self, data: bytes) -> None:
        with self._lock:
            view = memoryview(data)
            while view and not self.stop.is_set():
                try:
                    view = view[self.connection.send(view) :]
                except TimeoutError:
                    continue


def _payloads(unit: bytes) -> list[bytes]:
    """A NAL unit as it is, or in fragments (FU-A)."""
    if len(unit) <= _LARGEST:
        return [unit]
    indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    pieces = [unit[at : at + _LARGEST] for at in range(1, len(unit), _LARGEST)]
    last = len(pieces) - 1
    return [
        bytes([indicator, kind | (number == 0) << 7 | (number == last) << 6]) + piece
        for number, piece in enumerate(pieces)
    ]
