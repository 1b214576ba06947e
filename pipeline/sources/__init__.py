"""Sources: camera, video file, folder of pictures, network stream, synthetic walker -> Frame.

``open_source`` opens the source that a user names on the command line.
"""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

from pipeline.errors import ConfigError, SourceError
from pipeline.sources.address import STREAM_SCHEMES, is_address, public_name
from pipeline.sources.base import Source, SourceInfo
from pipeline.sources.camera import CameraSource
from pipeline.sources.images import DEFAULT_FPS, IMAGE_SUFFIXES, ImagesSource
from pipeline.sources.live import LiveSource
from pipeline.sources.live_options import Backoff, LiveOptions, LivePhase, LiveState, parse_size
from pipeline.sources.stream import StreamSource, no_start, open_address
from pipeline.sources.synthetic import SyntheticSource, parse_options
from pipeline.sources.video import VideoSource

__all__ = [
    "Backoff",
    "CameraSource",
    "ImagesSource",
    "LiveOptions",
    "LivePhase",
    "LiveSource",
    "LiveState",
    "Source",
    "SourceInfo",
    "StreamSource",
    "SyntheticSource",
    "VideoSource",
    "open_source",
    "parse_size",
]

_SHOWN = 200  # characters of a name in a message


def open_source(
    source: str | int | Path | Source,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float | None = None,
    live: LiveOptions | None = None,
) -> Source:
    """Open a source by its name.

    Args:
        source: ``0``, ``1`` ... or ``/dev/video0`` a camera; ``synthetic`` or ``synthetic:frames=90,fps=25`` the
            synthetic walker (options in ``parse_options``); an ``rtsp://`` or ``http://`` address; a folder of
            pictures; one picture; a video file. A file that is really named ``0`` is ``./0``. A source that is
            already open is returned unchanged; then no other argument may be given.
        start_s, end_s: seconds from the beginning; the frames of [start, end) are delivered. A live source
            can't be searched, so only ``end_s`` is allowed there.
        fps: pictures per second: of a folder of pictures, 30 by default; or to request from a camera. Not allowed for
            other sources.
        live: settings for a camera or stream.

    Raises:
        SourceError: there is no source of this name, or it can't be opened or read.
        ConfigError: an option is not valid or does not fit the kind of source.
    """
    if isinstance(source, Source):
        if (start_s, end_s, fps, live) != (None, None, None, None):
            raise ConfigError("source", source.info.name, "is open already; open it with the span that you want")
        return source
    text = str(source).strip()
    named = public_name(text)
    path = Path(text).expanduser()
    is_url = is_address(text)
    is_synthetic = text.split(":", 1)[0] == "synthetic"
    is_number = text.isdecimal() and text.isascii()
    is_camera = is_number or text.startswith("/dev/")
    is_path = not (is_camera or is_url or is_synthetic)
    if is_path and (not text or not _exists(path)):
        raise SourceError(_not_found(text, path))
    is_images = is_path and (path.is_dir() or path.suffix.lower() in IMAGE_SUFFIXES)
    if fps is not None and not (is_images or is_camera):
        raise ConfigError("fps", fps, f"was given with {named!r}; it is for folders of pictures and cameras only")
    asked = live or LiveOptions()
    if asked.asks_camera and not is_camera:
        what = "size" if asked.width_px is not None else "fourcc" if asked.fourcc is not None else "fps"
        raise ConfigError(what, None, f"was asked of {named!r}; it is for cameras only, leave it out")
    if is_camera:
        if start_s:
            raise no_start(start_s, named)
        return CameraSource(
            int(text) if is_number else text, end_s=end_s, options=asked if fps is None else replace(asked, fps=fps)
        )
    if is_url:
        return open_address(text, start_s=start_s, end_s=end_s, options=asked)
    if asked.mirror or asked.reconnect:
        what = "mirror" if asked.mirror else "reconnect"
        raise ConfigError(what, None, f"was asked of {named!r}; it is for cameras and streams only, leave it out")
    if is_synthetic:
        return SyntheticSource(parse_options(text), start_s=start_s, end_s=end_s)
    if is_images:
        return ImagesSource(path, fps=DEFAULT_FPS if fps is None else fps, start_s=start_s, end_s=end_s)
    return VideoSource(path, start_s=start_s, end_s=end_s)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # too long a name, a null character, a folder that may not be entered
        return False


def _not_found(text: str, path: Path) -> str:
    kinds = "give a video file, a folder of pictures, a camera number, an rtsp:// or http:// address, or 'synthetic'"
    text = public_name(text)
    text = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    if "://" in text:
        return f"no source {text!r}: addresses of this kind are not known; use {', '.join(STREAM_SCHEMES[:5])}"
    near = _near_misses(path)
    if near:
        return f"no source {text!r}: there is no such file or folder; did you mean {' or '.join(near)}?"
    if difflib.get_close_matches(text.lower().split(":", 1)[0], ["synthetic"], cutoff=0.75):
        return f"no source {text!r}: there is no such file or folder; did you mean synthetic?"
    return f"no source {text!r}: there is no such file or folder; {kinds}"


def _near_misses(path: Path) -> list[str]:
    """Up to three names in the same folder that look like the asked one."""
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except (OSError, ValueError):
        return []
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(path.name.lower(), list(lowered), n=3, cutoff=0.6)
    return [str(path.parent / lowered[name]) for name in close]
