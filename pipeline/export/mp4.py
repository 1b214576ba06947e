"""An MP4 with its index in front, made from encoded packets."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

from pipeline.export.sound import SoundRange, add_sound

if TYPE_CHECKING:
    AnyPacket = Packet[Any]

log = logging.getLogger(__name__)

TICKS_HZ = 90_000
_OPTIONS = {"movflags": "faststart", "video_track_timescale": str(TICKS_HZ)}


def write_fast_start(source: Path, target: Path, last_ticks: int, sound: SoundRange | None) -> None:
    """Copy the video of an MP4 into one whose index stands in front, and add sound.

    Packets pass one by one, so memory does not grow with the length of the video.

    Args:
        source: an MP4 with one video track without B-frames, whose first frame is at 0.
        target: the file to write.
        last_ticks: duration of the last frame, in 1 / ``TICKS_HZ`` s.
        sound: the sound to add; left out with a warning if it can't be read.

    Raises:
        OSError, av.error.FFmpegError: reading or writing failed.
    """
    with ExitStack() as stack:
        pictures = stack.enter_context(av.open(str(source)))
        output = stack.enter_context(av.open(str(target), "w", format="mp4", options=_OPTIONS))
        tracks = [_video(pictures, output, last_ticks)]
        if sound is not None:
            try:
                sound_file = stack.enter_context(av.open(str(sound.path)))
                tracks.append(add_sound(sound, sound_file, output))
            except (OSError, FFmpegError) as error:
                log.warning("the sound of %s can't be read (%s); the video has none", sound.path, error)
        # A header that fails inside mux() would leave the container in a state in which closing it crashes.
        output.start_encoding()
        for packet in heapq.merge(*tracks, key=_time):
            output.mux(packet)


def _video(source: InputContainer, output: OutputContainer, last_ticks: int) -> Iterator[AnyPacket]:
    track = source.streams.video[0]
    copy = output.add_stream_from_template(track)

    def copied() -> Iterator[AnyPacket]:
        waiting: AnyPacket | None = None
        for packet in source.demux(track):
            if packet.dts is None:
                continue
            if waiting is not None:
                yield waiting
            packet.stream = copy
            waiting = packet
        if waiting is not None:
            waiting.duration = round(Fraction(last_ticks, TICKS_HZ) / waiting.time_base)
            yield waiting

    return copied()


def _time(packet: AnyPacket) -> Fraction:
    if packet.dts is None or packet.time_base is None:
        raise ValueError("a packet without a time can't be put in order")
    return packet.dts * packet.time_base
