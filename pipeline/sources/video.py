"""Video files, by PyAV: the container's own times, upright pictures, exact start and end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from pipeline.errors import SourceError
from pipeline.sources.address import public_name
from pipeline.sources.base import Source, SourceInfo, check_span, fit_image
from pipeline.sources.clock import MediaClock
from pipeline.sources.decode import (
    Damage,
    choose_stream,
    decode,
    nominal_fps,
    open_container,
    seconds,
    stated_length,
    to_bgr,
)
from pipeline.sources.orient import orientation_of
from pipeline.types import Frame

# Half a microsecond: times are ratios of integers, spans come from decimal text.
_TIE_S = 5e-7
# A last frame may be shown longer than others; only a larger gap at the end is worth a warning.
_EARLY_S = 0.5


class VideoSource(Source):
    """A video file, here or on a web server. It can be iterated more than once; each time it is opened anew.

    ``time_s`` is the container's presentation time, its start offset included. A damaged file gives the
    frames that can be decoded; ``warnings`` names the damage.

    Args:
        path: the file, or an address (a password in it is never shown).
        start_s, end_s: seconds from the first picture of the file; the frames of [start, end) are
            delivered. The search is exact: decoding starts at the key frame before.
        timeout_s, network: for an address: longest silence, and FFmpeg's options for the protocol.

    Raises:
        SourceError: there is no such file, it may not be read, is no video, or no frame of it decodes; while frames
            are read: the connection to an address broke.
        ConfigError: the span is not valid.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
        timeout_s: float | None = None,
        network: dict[str, str] | None = None,
    ) -> None:
        self._url, self._network, self._timeout_s = str(path), network, timeout_s
        self._file = path if isinstance(path, Path) else None
        self._where = str(path) if self._file else public_name(self._url)
        self._name = self._file.name if self._file else self._where
        self._start_s, self._end_s = check_span(start_s, end_s)
        super().__init__()
        self._due_s: float | None = None  # when the pictures should end
        if self._file:
            _check_file(self._file)
        self._seek_s = self._find_seek_point() if self._start_s > 0 else None
        self._info = self._probe()

    def __iter__(self) -> Iterator[Frame]:
        """Frames of the span; index from 0."""
        damage = Damage()
        clock = MediaClock(1.0 / self._info.fps)
        index, time_s = 0, self._info.start_s
        for index, (time_s, frame) in enumerate(self._timed(damage, clock)):
            if self._closed:
                return
            image = orientation_of(frame).apply(to_bgr(frame))
            height, width = image.shape[:2]
            if (width, height) != (self._info.width_px, self._info.height_px):
                damage.resized.add((width, height))
                image = fit_image(image, self._info.width_px, self._info.height_px)
            yield Frame(index, time_s, image)
        self._check_end(index, time_s)
        if clock.repaired:
            self._warnings.add(
                f"{self._name}: {clock.repaired} of {damage.frames} time stamps were missing or did not increase "
                "and were repaired"
            )
        broken = "" if self._file else damage.ended_early
        damage.report(self._name, self._warnings)
        if broken:
            raise SourceError(f"{self._name} broke off after {damage.frames} frames ({broken}); run it again")

    def _open(self) -> InputContainer:
        return open_container(self._url, self._where, timeout_s=self._timeout_s, options=self._network)

    def _probe(self) -> SourceInfo:
        """Open the file and decode the first frame of the span: only then are size and time certain."""
        container = self._open()
        with container:
            stream = choose_stream(container, self._where)
            fps = nominal_fps(stream)
            duration_s, about_pictures = stated_length(container, stream)
            begin_s = seconds(stream.start_time, stream.time_base) or 0.0
            audio = bool(container.streams.audio)
            missing = _pictures_beyond_end(stream, container.size)
        if missing:
            self._warnings.add(f"{self._name}: the file is cut short, about {missing} frames at its end are lost")
        elif duration_s and about_pictures:
            self._due_s = begin_s + min(duration_s, self._end_s)
        first = next(self._timed(Damage(), MediaClock(1.0 / fps)), None)
        if first is None:
            raise SourceError(self._why_no_frame(duration_s))
        time_s, frame = first
        image = orientation_of(frame).apply(to_bgr(frame))
        span_s = min(self._end_s, duration_s or self._end_s) - self._start_s
        return SourceInfo(
            name=self._name,
            kind="video",
            width_px=image.shape[1],
            height_px=image.shape[0],
            fps=fps,
            frame_count=max(1, round(span_s * fps)) if duration_s else None,
            live=False,
            audio_path=self._file if audio else None,
            start_s=time_s,
        )

    def _check_end(self, index: int, last_s: float) -> None:
        """Warn when the pictures end well before the container said they would."""
        if self._due_s is None or self._due_s - last_s < _EARLY_S + 2.0 / self._info.fps:
            return
        self._warnings.add(
            f"{self._name}: the pictures end after {index + 1} frames, {self._due_s - last_s:.1f} s too early; "
            "the file is cut short"
        )

    def _why_no_frame(self, duration_s: float | None) -> str:
        if duration_s and 0 < duration_s <= self._start_s + _TIE_S:
            return f"the start, {self._start_s:g} s, lies after the end of {self._where} ({duration_s:.2f} s)"
        if self._start_s > 0 or self._end_s < float("inf"):
            return f"no frame of {self._where} lies between {self._start_s:g} and {self._end_s:g} s; give a wider span"
        return f"no frame of {self._where} can be decoded; the file is damaged: record or download it again"

    def _timed(self, damage: Damage, clock: MediaClock) -> Iterator[tuple[float, av.VideoFrame]]:
        """The span's frames with their times, pictures not yet upright."""
        with self._open() as container:
            stream = choose_stream(container, self._where)
            begin_s = seconds(stream.start_time, stream.time_base) or 0.0
            if self._seek_s is not None:
                _seek(container, stream, self._seek_s)
            for frame in decode(container, stream, damage):
                time_s = clock.stamp(seconds(frame.pts, frame.time_base))
                if time_s >= begin_s + self._end_s - _TIE_S:
                    return
                if time_s >= begin_s + self._start_s - _TIE_S:
                    yield time_s, frame

    def _find_seek_point(self) -> float | None:
        """A media time from which decoding reaches the start of the span; None = the file's beginning.

        Containers without an index land somewhere near the asked time, some after it, so the result
        is checked.
        """
        for back_s in (0.0, 2.0, 10.0):
            with self._open() as container:
                stream = choose_stream(container, self._where)
                begin_s = seconds(stream.start_time, stream.time_base)
                if begin_s is None or self._start_s <= back_s:
                    return None
                target_s = begin_s + self._start_s
                try:
                    _seek(container, stream, target_s - back_s)
                except (av.error.FFmpegError, OSError):
                    return None
                frame = next(decode(container, stream, Damage()), None)
                found_s = seconds(frame.pts, frame.time_base) if frame else None
                if found_s is not None and found_s <= target_s:
                    return target_s - back_s
        return None


def _seek(container: InputContainer, stream: VideoStream, time_s: float) -> None:
    assert stream.time_base is not None
    container.seek(int(time_s / stream.time_base), stream=stream)


def _check_file(path: Path) -> None:
    """Raise ``SourceError`` unless the path is a readable file that is not empty."""
    if not path.is_file():
        raise SourceError(f"{path} is not a file; give a video file")
    if not os.access(path, os.R_OK):
        raise SourceError(f"can't read {path}: permission denied; allow reading it (chmod +r) or copy it")
    if path.stat().st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes); record or download it again")


def _pictures_beyond_end(stream: VideoStream, size_bytes: int) -> int:
    """How many pictures the container's index places behind the end of the file; 0 where that is not known."""
    if size_bytes <= 0:  # playlists have no size
        return 0
    return sum(entry.pos + entry.size > size_bytes for entry in stream.index_entries)
