"""Opening and decoding with PyAV, for video files and network streams: frames as BGR pictures.

PyAV's log level stays as it is (silent) in the whole program: with any other, decoder threads call back into
Python while closing a container waits for them with the interpreter's lock held, and both wait for ever.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.arrays import U8
from pipeline.errors import SourceError
from pipeline.sources.base import Warnings

log = logging.getLogger(__name__)

# FFmpeg draws any text file as a terminal; a README given by mistake is not a video.
_TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
_DEFAULT_FPS = 30.0
_MAX_FPS = 1000.0
NETWORK_HINT = "check that the address is right, the sender is running, and no firewall blocks it"


@dataclass
class Damage:
    """Counts of what could not be decoded."""

    lost_packets: int = 0
    corrupt_frames: int = 0
    ended_early: str = ""
    frames: int = 0
    resized: set[tuple[int, int]] = field(default_factory=set)

    def report(self, name: str, warnings: Warnings) -> None:
        """Add one line for each kind of damage."""
        if self.lost_packets:
            warnings.add(
                f"{name}: {self.lost_packets} damaged packet(s) could not be decoded and were skipped; "
                "frame numbers count the decoded frames, times are the container's"
            )
        if self.corrupt_frames:
            warnings.add(f"{name}: {self.corrupt_frames} frame(s) are damaged but were decoded")
        if self.ended_early:
            warnings.add(f"{name}: reading stopped after {self.frames} frames ({self.ended_early})")
        for width, height in sorted(self.resized):
            warnings.add(f"{name}: the picture changes its size to {width}x{height}; it is fitted into the first size")


def open_container(
    url: str, name: str, *, timeout_s: float | None = None, options: dict[str, str] | None = None
) -> InputContainer:
    """Open a file or address for reading.

    Args:
        url: path or address.
        name: what to call it in messages.
        timeout_s: give up a network connection after this much silence; None for files.
        options: FFmpeg's options.

    Raises:
        SourceError: it does not exist, may not be read, does not answer, or is no container that FFmpeg knows.
    """
    asked_s = time.monotonic()
    try:
        container = av.open(url, options=options or {}, metadata_errors="replace", timeout=timeout_s)
    except PermissionError:
        raise SourceError(f"can't read {name}: permission denied; allow reading it (chmod +r) or copy it") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if timeout_s is not None and time.monotonic() - asked_s >= timeout_s:
            # FFmpeg reports an interruption as various errors.
            raise SourceError(f"can't open {name}: no answer for {timeout_s:g} s; {NETWORK_HINT}") from None
        if timeout_s is not None:  # FFmpeg's errors hold the address with its password
            raise SourceError(f"can't open {name} as a video: {reason(error)}; {_advice(error)}") from None
        raise SourceError(f"can't open {name} as a video: {reason(error)}") from error
    if container.format.name in _TEXT_FORMATS:
        container.close()
        raise SourceError(f"can't open {name} as a video: it is a text file; give a video file")
    return container


def reason(error: BaseException) -> str:
    """The text of an FFmpeg error, in one line."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, av.error.InvalidDataError):
        text = "no video container, or one cut off before its index"
    if isinstance(error, av.error.ExitError):  # the interruption that a time limit causes
        text = "nothing came in time"
    return " ".join(str(text).split())


def _advice(error: BaseException) -> str:
    """Advice about a network error."""
    if isinstance(error, (av.error.HTTPUnauthorizedError, av.error.HTTPForbiddenError)):
        return "give name and password, as in rtsp://name:password@address"
    if isinstance(error, av.error.HTTPClientError):
        return "look at the path of the address"
    return NETWORK_HINT


def choose_stream(container: InputContainer, name: str) -> VideoStream:
    """The video stream to read: the default one, else the first; pictures attached as a cover don't count.

    Raises:
        SourceError: there is none.
    """
    attached = Disposition.attached_pic | Disposition.timed_thumbnails
    streams = [stream for stream in container.streams.video if not stream.disposition & attached]
    if not streams:
        if container.streams.audio:
            raise SourceError(f"{name} has sound but no video stream; give a video file")
        raise SourceError(f"{name} has no video stream; give a video file")
    stream = next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])
    try:
        stream.thread_type = "AUTO"
    except AttributeError:
        raise SourceError(f"{name}: no decoder for its video ({stream.codec_context!r}); convert it to H.264") from None
    return stream


def nominal_fps(stream: VideoStream) -> float:
    """Frames per second as the container states or as FFmpeg guesses; 30 where neither is sensible."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate is not None and 0 < float(rate) <= _MAX_FPS:
            return float(rate)
    return _DEFAULT_FPS


def seconds(ticks: int | None, time_base: Fraction | None) -> float | None:
    """Ticks of a time base in seconds; None where either is unknown."""
    return None if ticks is None or time_base is None else float(ticks * time_base)


def decode(container: InputContainer, stream: VideoStream, damage: Damage) -> Iterator[av.VideoFrame]:
    """The stream's frames in the order of display, from where the container stands.

    What can't be decoded is skipped and counted in ``damage``. The generator never raises for bad data.
    """
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError, ValueError) as error:
            damage.ended_early = reason(error)
            packet = None
        yield from decode_packet(stream, packet, damage)
        if packet is None:
            return


def decode_packet(stream: VideoStream, packet: Packet[VideoStream] | None, damage: Damage) -> list[av.VideoFrame]:
    """The frames that a packet completes; None for those that the decoder still holds at the end."""
    try:
        frames = stream.decode(packet)
    except av.error.EOFError:
        return []
    except (av.error.FFmpegError, ValueError):
        damage.lost_packets += 1
        return []
    damage.corrupt_frames += sum(frame.is_corrupt for frame in frames)
    damage.frames += len(frames)
    return frames


def to_bgr(frame: av.VideoFrame) -> U8:
    """The frame's picture as stored, uint8 [H, W, 3] BGR; alpha is dropped, deep colours are rounded to 8 bit."""
    return np.ascontiguousarray(frame.to_ndarray(format="bgr24"), np.uint8)


def stated_length(container: InputContainer, stream: VideoStream) -> tuple[float | None, bool]:
    """The length of the pictures as the container states it.

    Returns:
        Seconds from the first picture, None where nothing is stated; and whether that is the length of
        the pictures (True) or may be that of a longer sound track (False).
    """
    own_s = seconds(stream.duration, stream.time_base)
    if own_s:
        return own_s, True
    begin_s = seconds(stream.start_time, stream.time_base) or 0.0
    # Matroska states the time at which a track ends, not how long it is.
    tag = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", stream.metadata.get("DURATION", ""))
    if tag:
        return int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3]) - begin_s, True
    if not container.duration:
        return None, False
    whole_s = container.duration / av.time_base
    if "matroska" in container.format.name:
        whole_s -= begin_s
    return whole_s, not container.streams.audio
