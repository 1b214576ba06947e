"""Network streams (rtsp, http and the like) by PyAV, read in order; one pass."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

import av

from pipeline.errors import SourceError
from pipeline.sources.base import SourceInfo, Warnings, check_span, fit_image
from pipeline.sources.clock import MediaClock
from pipeline.sources.decode import Damage, choose_stream, decode, nominal_fps, open_container, seconds, to_bgr
from pipeline.sources.orient import orientation_of
from pipeline.types import Frame

STREAM_SCHEMES = ("rtsp://", "rtsps://", "rtmp://", "http://", "https://", "udp://", "srt://")

_TIMEOUT_S = 10.0


class StreamSource:
    """A video that comes over the network. ``time_s`` is the stream's own time, made strictly increasing.

    Args:
        url: its address; a password in it is never shown.
        end_s: stop this many seconds after the first frame.

    Raises:
        SourceError: no connection within ten seconds, no video in it, or no frame decodes.
        ConfigError: the end is not valid.
    """

    def __init__(self, url: str, *, end_s: float | None = None) -> None:
        _, self._end_s = check_span(None, end_s)
        self._closed = False
        self._warnings = Warnings()
        self._damage = Damage()
        self._used = False
        name = re.sub(r"//[^/@]*@", "//", url)
        self._container = open_container(url, name, timeout_s=_TIMEOUT_S)
        try:
            stream = choose_stream(self._container, name)
            fps = nominal_fps(stream)
            frames = decode(self._container, stream, self._damage)
            first = next(frames, None)
            if first is None:
                why = self._damage.ended_early or "the stream ended"
                raise SourceError(f"no frame arrived from {name} ({why}); look whether it plays elsewhere")
        except BaseException:
            self._container.close()
            raise
        self._frames: Iterator[av.VideoFrame] = chain([first], frames)
        self._clock = MediaClock(1.0 / fps)
        upright = orientation_of(first).apply(to_bgr(first))
        self._info = SourceInfo(
            name=name,
            kind="stream",
            width_px=upright.shape[1],
            height_px=upright.shape[0],
            fps=fps,
            frame_count=None,
            live=True,
            audio_path=None,
            start_s=seconds(first.pts, first.time_base) or 0.0,
        )

    @property
    def info(self) -> SourceInfo:
        """What the stream is."""
        return self._info

    @property
    def warnings(self) -> list[str]:
        """Damage and repairs found so far."""
        return self._warnings

    def close(self) -> None:
        """End the iteration at its next frame, or close the connection where none is under way."""
        self._closed = True
        if not self._used:
            self._container.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they come, once.

        Raises:
            SourceError: it was iterated before, or the connection broke.
        """
        if self._used or self._closed:
            raise SourceError(f"{self._info.name} was read already; open the stream again")
        self._used = True
        with self._container:
            for index, frame in enumerate(self._frames):
                if self._closed:
                    return
                time_s = self._clock.stamp(seconds(frame.pts, frame.time_base))
                if time_s >= self._info.start_s + self._end_s:
                    return
                image = orientation_of(frame).apply(to_bgr(frame))
                if image.shape[:2] != (self._info.height_px, self._info.width_px):
                    self._damage.resized.add((image.shape[1], image.shape[0]))
                yield Frame(index, time_s, fit_image(image, self._info.width_px, self._info.height_px))
        ended, self._damage.ended_early = self._damage.ended_early, ""
        self._damage.report(self._info.name, self._warnings)
        if ended:
            raise SourceError(f"{self._info.name} stopped after {self._damage.frames} frames: {ended}; open it again")
