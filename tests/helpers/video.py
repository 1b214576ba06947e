"""Writes small test videos with PyAV, and numbers their frames so that a reader can tell them apart.

The number of a frame is drawn as a row of black and white blocks that survives lossy coding.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]

BITS = 10
_TIME_BASE = Fraction(1, 30_000)


def numbered_image(number: int, width_px: int = 128, height_px: int = 96) -> U8:
    """A BGR picture [H, W, 3] with the number as blocks in its upper quarter, red at the left, green at the right."""
    image = np.full((height_px, width_px, 3), 96, np.uint8)
    image[height_px // 2 :, : width_px // 4] = (0, 0, 220)
    image[height_px // 2 :, -(width_px // 4) :] = (0, 200, 0)
    edges = np.linspace(0, width_px, BITS + 1).astype(int)
    for bit in range(BITS):
        image[: height_px // 4, edges[bit] : edges[bit + 1]] = 255 if number >> bit & 1 else 0
    return image


def read_number(image: U8) -> int:
    """The number of a picture of ``numbered_image``, also after lossy coding."""
    height, width = image.shape[:2]
    edges = np.linspace(0, width, BITS + 1).astype(int)
    centres = (edges[:-1] + edges[1:]) // 2
    row = image[height // 8, centres].mean(axis=-1)
    return int(sum(1 << bit for bit in range(BITS) if row[bit] > 127))


def write_video(
    path: Path,
    times_s: Sequence[float],
    *,
    images: Sequence[U8] | None = None,
    size_px: tuple[int, int] = (128, 96),
    fps: int = 30,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation_deg: int = 0,
    mirrored: bool = False,
    audio_s: float = 0.0,
    key_every: int = 12,
    cover: bool = False,
    faststart: bool = False,
    b_frames: int = 0,
) -> Path:
    """Write a video whose frame n is shown at ``times_s[n]``; returns the path.

    Args:
        path: the suffix chooses the container.
        times_s: presentation times, seconds; their number is the number of frames.
        images: BGR pictures as stored (before rotation); numbered pictures unless given.
        size_px: width and height of the numbered pictures.
        fps: nominal rate written into the container.
        codec, pixel_format: as FFmpeg names them.
        rotation_deg, mirrored: display matrix: counter-clockwise rotation, then mirrored left to right.
        audio_s: length of a sound track (a 440 Hz tone); 0 = none.
        key_every: distance of key frames.
        cover: add a second, attached picture (MP4 cover art); needs an .mp4 or .m4a path.
        faststart: index before the pictures, as for streaming.
        b_frames: how many reordered frames the coder may use in a row.
    """
    pictures = images if images is not None else [numbered_image(n, *size_px) for n in range(len(times_s))]
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        height, width = pictures[0].shape[:2]
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.time_base = stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.gop_size = key_every
        stream.codec_context.max_b_frames = b_frames
        if codec == "libx264":
            stream.options = {"crf": "12", "preset": "ultrafast" if not b_frames else "veryfast"}
        if rotation_deg or mirrored:
            stream.set_display_rotation(rotation_deg, hflip=mirrored)
        sound = container.add_stream("aac", rate=16_000, layout="mono") if audio_s else None
        art = _add_cover(container, pictures[0]) if cover else None
        for time_s, picture in zip(times_s, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")
            frame.pts, frame.time_base = round(time_s / _TIME_BASE), _TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if art is not None:
            _write_cover(container, art, pictures[0])
        if sound is not None:
            _write_tone(container, sound, audio_s)
    return path


def _write_tone(container: av.container.OutputContainer, stream: av.AudioStream, length_s: float) -> None:
    wave = np.sin(np.arange(round(length_s * 16_000)) * 2 * np.pi * 440 / 16_000).astype(np.float32)
    for begin in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, begin : begin + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16_000, begin, Fraction(1, 16_000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def _add_cover(container: av.container.OutputContainer, image: U8) -> av.VideoStream:
    stream = container.add_stream("mjpeg", rate=1)
    stream.height, stream.width = image.shape[:2]
    stream.pix_fmt = "yuvj420p"
    stream.disposition = av.stream.Disposition.attached_pic
    return stream


def _write_cover(container: av.container.OutputContainer, stream: av.VideoStream, image: U8) -> None:
    good, data = cv2.imencode(".jpg", np.full_like(image, 255))
    assert good
    packet = av.Packet(data.tobytes())
    packet.stream, packet.pts, packet.dts = stream, 0, 0
    packet.is_keyframe = True
    container.mux(packet)


def write_audio_only(path: Path, length_s: float = 0.5) -> Path:
    """Write a file with a tone and no picture."""
    with av.open(str(path), "w") as container:
        _write_tone(container, container.add_stream("aac", rate=16_000, layout="mono"), length_s)
    return path


def truncate(path: Path, fraction: float) -> Path:
    """Cut the file down to this fraction of its bytes."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * fraction)])
    return path


def damage_packets(path: Path, which: slice) -> Path:
    """Overwrite the data of these packets of the video stream, in the order of the container's index."""
    with av.open(str(path)) as container:
        # An entry must not be touched after its container was closed.
        places = [(entry.pos, entry.size) for entry in container.streams.video[0].index_entries]
    data = bytearray(path.read_bytes())
    for position, size in places[which]:
        data[position : position + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def regular_times(count: int, fps: float = 30.0, start_s: float = 0.0) -> list[float]:
    """Times of ``count`` frames at a constant rate."""
    return [start_s + n / fps for n in range(count)]
