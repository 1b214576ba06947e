"""The sound of the source for the result: copied where MP4 and browsers take its codec, else encoded as AAC."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet

if TYPE_CHECKING:
    AnyPacket = Packet[Any]

log = logging.getLogger(__name__)

Item = TypeVar("Item")

# Codecs that MP4 may hold and browsers can play.
_COPIED = frozenset({"aac", "mp3", "opus", "flac"})
_AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_AAC_BITS_PER_S = 128_000
# A packet that begins this little before the range belongs to it: picture and sound have different rounding of times.
_TIE_S = 0.001


@dataclass(frozen=True)
class SoundRange:
    """A range of a file's first sound track, from ``start_s`` to ``end_s`` on the container's clock."""

    path: Path
    start_s: float
    end_s: float


def add_sound(sound: SoundRange, source: InputContainer, output: OutputContainer) -> Iterator[AnyPacket]:
    """Set up the sound track of the output and return its packets, the first one at about 0 s.

    There is no track if the source has none, or none in the range. Sound that can't be read ends early with a warning.

    Args:
        sound: the range to add.
        source: the file, open for reading.
        output: open for writing, nothing written yet.
    """
    if not source.streams.audio:
        return iter(())
    track = source.streams.audio[0]
    if sound.start_s > 1:
        # Half a second early: decoders need a run-up, and seeking lands on a packet of any stream.
        source.seek(int((sound.start_s - 0.5) * av.time_base))
    if track.codec_context.codec.canonical_name in _COPIED:
        return _copy(sound, source, track, output)
    return _encode(sound, source, track, output)


def _copy(
    sound: SoundRange, source: InputContainer, track: AudioStream, output: OutputContainer
) -> Iterator[AnyPacket]:
    packets = _until_damage(sound, _in_range(sound, source.demux(track)))
    first = next(packets, None)
    if first is None:
        return iter(())
    copy = output.add_stream_from_template(track)

    def shifted() -> Iterator[AnyPacket]:
        for packet in itertools.chain([first], packets):
            packet.pts = packet.dts = max(round((_start_s(packet) - sound.start_s) / packet.time_base), 0)
            packet.stream = copy
            yield packet

    return shifted()


def _in_range(sound: SoundRange, packets: Iterator[AnyPacket]) -> Iterator[AnyPacket]:
    for packet in packets:
        # The last packet of a demuxer is an empty one without a time.
        if packet.pts is None:
            continue
        if _start_s(packet) >= sound.end_s:
            return
        if _start_s(packet) >= sound.start_s - _TIE_S:
            yield packet


def _encode(
    sound: SoundRange, source: InputContainer, track: AudioStream, output: OutputContainer
) -> Iterator[AnyPacket]:
    rate_hz = min(_AAC_RATES_HZ, key=lambda rate: abs(rate - track.rate))
    layout = "mono" if track.channels == 1 else "stereo"
    frames = _until_damage(sound, _frames_in_range(sound, source, track))
    first = next(frames, None)
    if first is None:
        return iter(())
    encoder = output.add_stream("aac", rate=rate_hz, layout=layout)
    encoder.bit_rate = _AAC_BITS_PER_S
    resampler = AudioResampler("fltp", layout, rate_hz)
    late = round((_start_s(first) - sound.start_s) * rate_hz)

    def encoded() -> Iterator[AnyPacket]:
        count = max(late, 0)
        for frame in itertools.chain([first], frames, (None,)):
            for part in resampler.resample(frame):
                # Counting samples keeps the track without holes, whatever the decoder's time stamps are rounded to.
                part.pts, part.time_base = count, Fraction(1, rate_hz)
                count += part.samples
                yield from encoder.encode(part)
        yield from encoder.encode(None)

    return encoded()


def _frames_in_range(sound: SoundRange, source: InputContainer, track: AudioStream) -> Iterator[AudioFrame]:
    for frame in source.decode(track):
        if frame.pts is None:
            continue
        if _start_s(frame) >= sound.end_s:
            return
        if _start_s(frame) >= sound.start_s - _TIE_S:
            yield frame


def _start_s(item: AnyPacket | AudioFrame) -> float:
    return float((item.pts or 0) * (item.time_base or 0))


def _until_damage(sound: SoundRange, items: Iterator[Item]) -> Iterator[Item]:
    try:
        yield from items
    except (OSError, FFmpegError) as error:
        log.warning("the sound of %s is damaged (%s); the video has the sound up to there", sound.path, error)
