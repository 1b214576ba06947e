"""Network streams (RTSP, MJPEG or MP4 over HTTP, and others that FFmpeg knows), by PyAV.

RTSP goes over TCP unless the server has UDP only. Live or clip: a video over HTTP whose length the server
states (in bytes; for HLS and DASH, in the playlist) is a clip and is read like a file: every frame, in order,
from any time on, again if asked for. Everything else comes at the sender's pace and is live: all of RTSP, MJPEG, and
MP4 without a stated length.

Measures that keep the delay small, with their gain on loopback at 20 pictures per second (delay in frames behind the
sender):

- one thread per picture instead of one picture per thread: 2 frames less;
- H.264 over RTSP without FFmpeg's parser, which waits for the next picture to know that one is complete: 1 frame less;
- a small probe: playing begins with the newest picture instead of 0.4 to 1.5 s of stored ones;
- ``nobuffer`` only discards the pictures up to the next key frame and ``low_delay`` changed nothing: both are left
  out.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Callable, Iterator

import av
import av.error
from av.codec.context import Flags2
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from pipeline.errors import ConfigError
from pipeline.sources.address import is_http, public_name
from pipeline.sources.base import Source
from pipeline.sources.decode import (
    NETWORK_HINT,
    Damage,
    choose_stream,
    decode_packet,
    open_container,
    reason,
    seconds,
    to_bgr,
)
from pipeline.sources.link import ConnectionLost, EndOfStream, Shot
from pipeline.sources.live import LiveSource
from pipeline.sources.live_options import LiveOptions
from pipeline.sources.orient import orientation_of
from pipeline.sources.video import VideoSource

# The length of MJPEG that some cameras state is made up, and its time stamps are FFmpeg's: always 25 per second.
_NO_TIMES = ("mpjpeg",)
_PLAYLISTS = ("hls", "dash")  # the length of the list is not that of the video
_RTSP = {"rtsp_flags": "prefer_tcp", "allowed_media_types": "video"}
_RTSP_UNPARSED = {**_RTSP, "fflags": "noparse+nofillin", "probesize": "32"}
# Decoders that can do without the parser: H.264 in pieces, MJPEG because RTP brings whole pictures.
_UNPARSED_CODECS = ("h264", "mjpeg")
_WEB_RECONNECT = {"reconnect": "1", "reconnect_on_network_error": "1", "reconnect_delay_max": "8"}


def open_address(
    url: str, *, start_s: float | None = None, end_s: float | None = None, options: LiveOptions | None = None
) -> Source:
    """Open a network address: a clip as ``VideoSource``, all else as ``StreamSource``.

    Raises:
        SourceError: as for these two.
        ConfigError: a start was given for a stream, a mirror image for a clip, or the span is not valid.
    """
    asked = options or LiveOptions()
    name = public_name(url)
    if start_s and not is_http(url):
        raise no_start(start_s, name)
    try:
        source = StreamSource(url, end_s=end_s, options=asked, clips=False)
    except _ClipError:
        if asked.mirror:
            raise ConfigError(
                "mirror", None, f"was asked of {name}, which is a clip; it is for cameras and streams only"
            ) from None
        return VideoSource(
            url,
            start_s=start_s,
            end_s=end_s,
            timeout_s=asked.patience_s,
            network=_WEB_RECONNECT if asked.reconnect else {},
        )
    if start_s:
        source.close()
        raise no_start(start_s, name)
    return source


class StreamSource(LiveSource):
    """A video that comes over the network at the sender's pace. ``time_s`` is the sender's time, from zero.

    Pictures of an MJPEG stream have no times of their own; theirs are those of their arrival. When the sender ends
    the stream or closes the connection the iteration ends, with a warning; when it falls silent or the network breaks,
    that is an error. With ``reconnect`` the stream is opened again in both cases.

    Args:
        url: its address; a password in it is never shown.
        end_s: stop this many seconds after the first frame.
        options: patience, reconnection, mirror image.
        clips: whether to play a clip like a stream, too.
        clock: seconds that never run back.

    Raises:
        SourceError: no connection or no picture in time, or no video in it.
        ConfigError: the end is not valid.
    """

    def __init__(
        self,
        url: str,
        *,
        end_s: float | None = None,
        options: LiveOptions | None = None,
        clips: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        asked = options or LiveOptions()
        name = public_name(url)
        self._damage = Damage()
        opened = False

        def connect() -> _StreamConnection:
            nonlocal opened
            connection = _StreamConnection(url, name, asked.patience_s, self._damage, clock)
            if not (clips or opened) and is_http(url) and connection.is_clip:
                connection.close()
                raise _ClipError
            opened = True
            return connection

        super().__init__(name, "stream", connect, NETWORK_HINT, end_s, asked, clock)

    def _report(self) -> None:
        super()._report()
        self._damage.report(self.info.name, self._warnings)


class _ClipError(Exception):
    """The address is that of a clip."""


class _StreamConnection:
    """An open stream."""

    fps: float | None = None  # stated rates are often wrong: RTSP states the encoder's setting, MJPEG has none

    def __init__(self, url: str, name: str, patience_s: float, damage: Damage, clock: Callable[[], float]) -> None:
        self._name, self._damage, self._now_s = name, damage, clock
        self._container, self._stream = _open_stream(url, name, patience_s)
        self._is_http = is_http(url)
        self._has_times = self._container.format.name not in _NO_TIMES
        self._packets: Iterator[Packet[VideoStream]] = self._container.demux(self._stream)
        self._ready: deque[Shot] = deque()

    @property
    def is_clip(self) -> bool:
        """True where the server states a length, or a playlist that is complete."""
        form = self._container.format.name
        if form.startswith(_PLAYLISTS):
            return bool(self._container.duration)
        return form not in _NO_TIMES and self._container.size > 0

    def read(self) -> Shot | None:
        """The next picture; None where a packet held none."""
        if not self._ready:
            try:
                packet = next(self._packets)
            except (StopIteration, av.error.EOFError):
                raise EndOfStream(f"{self._name} was ended by its sender") from None
            except (av.error.FFmpegError, OSError, ValueError) as error:
                # The end of an HTTP answer that states neither its length nor that the connection will be closed.
                if self._is_http and getattr(error, "errno", None) == errno.EIO:
                    raise EndOfStream(f"{self._name} was ended by its sender") from None
                raise ConnectionLost(f"{self._name} broke off ({reason(error)})") from None
            arrived_s = self._now_s()
            for frame in decode_packet(self._stream, packet, self._damage):
                pts_s = seconds(frame.pts, frame.time_base) if self._has_times else None
                self._ready.append(Shot(orientation_of(frame).apply(to_bgr(frame)), arrived_s, pts_s))
        return self._ready.popleft() if self._ready else None

    def close(self) -> None:
        """Close the connection."""
        self._container.close()


def _open_stream(url: str, name: str, patience_s: float) -> tuple[InputContainer, VideoStream]:
    """Open the address with as little delay as its codec allows."""
    is_rtsp = url.lower().startswith("rtsp")
    container = open_container(url, name, timeout_s=patience_s, options=_RTSP_UNPARSED if is_rtsp else {})
    if is_rtsp and container.streams.video and container.streams.video[0].codec_context.name not in _UNPARSED_CODECS:
        container.close()
        container = open_container(url, name, timeout_s=patience_s, options=_RTSP)
        is_rtsp = False
    try:
        stream = choose_stream(container, name)
        stream.thread_type = "SLICE"
        if is_rtsp and stream.codec_context.name == "h264":
            stream.codec_context.flags2 |= Flags2.chunks
    except BaseException:
        container.close()
        raise
    return container, stream


def no_start(start_s: float, name: str) -> ConfigError:
    """The error for a start time with a live source."""
    return ConfigError("start_s", start_s, f"was given with the live source {name}; it is for clips only")
