"""H.264 MP4 that plays in browsers, with the true time of every frame: ``overlay.mp4``.

While it is written, the file is a fragmented MP4 under ``NAME.part``: if the process dies, all but the last second or
two can be played. ``close`` copies the encoded packets, without encoding again, into an ordinary MP4 whose index
stands in front ("fast start") and adds the sound of the source.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.error import FFmpegError
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream

from pipeline.arrays import U8
from pipeline.errors import ExportError
from pipeline.export.mp4 import TICKS_HZ, write_fast_start
from pipeline.export.part_file import ClosesItself, export_error, part_name, replace
from pipeline.export.sound import SoundRange

log = logging.getLogger(__name__)

# Chosen with benchmarks/bench_render.py --video on a sports clip: ultrafast takes a quarter less time but writes files
# half as large again; veryfast halves the file, is visibly softer and takes a third more time.
PRESET = "superfast"
QUALITY_CRF = 23
_KEY_INTERVAL_S = 2.0
_FRAGMENT_US = 1_000_000
_DEFAULT_HZ = 30.0
_OPTIONS = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": str(_FRAGMENT_US),
    "flush_packets": "1",
    "video_track_timescale": str(TICKS_HZ),
}


class VideoSink(ClosesItself):
    """Encodes pictures with their times.

    Args:
        path: the result; written as ``NAME.part`` and renamed by ``close``.
        width_px, height_px: size of the pictures; an odd size is padded by one pixel, a picture of another size is
            resized to this one.
        fps_hint: expected frames per second, for the distance of key frames and the length of the last frame. The
            file gets the frames' own times.
        audio_from: a media file whose first sound track is added, on the clock of the frames' ``time_s`` and limited to
            the written range. Sound that can't be read is left out with a warning.
        preset: speed of x264.

    Raises:
        ExportError: the file can't be opened or written.
    """

    def __init__(
        self,
        path: Path,
        width_px: int,
        height_px: int,
        fps_hint: float | None = None,
        audio_from: Path | None = None,
        preset: str = PRESET,
    ) -> None:
        if width_px < 1 or height_px < 1:
            raise ExportError(f"can't write {path}: a picture of {width_px} x {height_px} pixels has nothing to show")
        self._path = path
        self._part = part_name(path)
        self._size_px = (width_px, height_px)
        self._audio_from = audio_from
        self._rate_hz = fps_hint if fps_hint and math.isfinite(fps_hint) and 0.1 < fps_hint < 1000 else _DEFAULT_HZ
        self._first_s: float | None = None
        self._last_tick = -1
        self._closed = False
        self._failed = False
        try:
            self._container = av.open(str(self._part), "w", format="mp4", options=_OPTIONS)
            self._stream = self._encoder(preset)
            # Now, because a header that fails inside mux() leaves the container in a state in which using it crashes.
            self._container.start_encoding()
        except (OSError, FFmpegError) as error:
            raise _explain(path, error) from error

    def _encoder(self, preset: str) -> VideoStream:
        rate = Fraction(self._rate_hz).limit_denominator(1001)
        stream = self._container.add_stream("libx264", rate=rate)
        width_px, height_px = self._size_px
        stream.width, stream.height = width_px + width_px % 2, height_px + height_px % 2
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, TICKS_HZ)
        context = stream.codec_context
        context.time_base = Fraction(1, TICKS_HZ)
        context.gop_size = max(1, round(_KEY_INTERVAL_S * self._rate_hz))
        # OpenCV converts by BT.601; untagged, browsers would take HD for BT.709 and shift the colours.
        context.colorspace = Colorspace.ITU601
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        context.color_range = ColorRange.MPEG
        # Without B-frames decoding order is display order: the first frame is at 0 and every time is exact.
        stream.options = {"preset": preset, "crf": str(QUALITY_CRF), "bf": "0"}
        return stream

    def write(self, item: tuple[float, U8]) -> None:
        """Append a picture.

        Args:
            item: ``time_s``, and uint8 [H, W, 3] BGR. Times must increase; one that does not is moved to just after the
                one before it.

        Raises:
            ExportError: it can't be written.
        """
        time_s, image = item
        if self._first_s is None:
            self._first_s = time_s
        tick = max(round((time_s - self._first_s) * TICKS_HZ), self._last_tick + 1)
        frame = av.VideoFrame.from_ndarray(self._planes(image), format="yuv420p")
        frame.pts, frame.time_base = tick, Fraction(1, TICKS_HZ)
        try:
            self._container.mux(self._stream.encode(frame))
        except (OSError, FFmpegError) as error:
            self._failed = True
            raise _explain(self._path, error, "the video up to here is kept") from error
        self._last_tick = tick

    def _planes(self, image: U8) -> U8:
        """uint8 [3/2 H, W] planar YUV 4:2:0 of the even size."""
        width_px, height_px = self._size_px
        if image.shape[:2] != (height_px, width_px):
            image = np.asarray(cv2.resize(image, self._size_px, interpolation=cv2.INTER_LINEAR), np.uint8)
        if width_px % 2 or height_px % 2:
            padded = cv2.copyMakeBorder(image, 0, height_px % 2, 0, width_px % 2, cv2.BORDER_REPLICATE)
            image = np.asarray(padded, np.uint8)
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420), np.uint8)

    def close(self) -> None:
        """Complete the video, add the sound, give the file its name. Without any frame there is no file.

        Raises:
            ExportError: it can't be completed; what was written remains, playable, as far as the disk allows.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._first_s is not None and not self._failed:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except (OSError, FFmpegError) as error:
            replace(self._part, self._path)
            raise _explain(self._path, error, "the video up to here is kept") from error
        if self._first_s is None:
            self._part.unlink(missing_ok=True)
            log.warning("no frame came, so there is no %s", self._path)
        elif self._failed:
            replace(self._part, self._path)
        else:
            self._finish(self._first_s)

    def _finish(self, first_s: float) -> None:
        last_ticks = round(TICKS_HZ / self._rate_hz)
        sound = None
        if self._audio_from is not None:
            sound = SoundRange(self._audio_from, first_s, first_s + (self._last_tick + last_ticks) / TICKS_HZ)
        complete = part_name(self._path.with_name(self._path.name + ".complete"))
        try:
            write_fast_start(self._part, complete, last_ticks, sound)
        except (OSError, FFmpegError) as error:
            with suppress(OSError):
                complete.unlink()
            replace(self._part, self._path)
            raise _explain(self._path, error, "the video is kept, without sound and fast start") from error
        replace(complete, self._path)
        self._part.unlink(missing_ok=True)


def _explain(path: Path, error: OSError | FFmpegError, kept: str = "") -> ExportError:
    # Not every FFmpegError is an OSError, but all carry its two fields.
    return export_error(path, OSError(error.errno, error.strerror), kept)
