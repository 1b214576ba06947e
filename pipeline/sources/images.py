"""A folder of pictures as a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.errors import ConfigError, SourceError
from pipeline.sources.base import Source, SourceInfo, check_span, fit_image
from pipeline.types import Frame

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
DEFAULT_FPS = 30.0

_TIE_S = 1e-9  # spans come from decimal text


class ImagesSource(Source):
    """The pictures of a folder in natural order (``2.png`` before ``10.png``), or one single picture.

    Pictures have no clock: picture number n of the folder is at n / fps seconds. EXIF orientation is
    applied. A picture that can't be read becomes a black frame, so that frame n stays picture n; one of
    another size is fitted into the size of the first. Both are noted in ``warnings``.

    Args:
        path: the folder, or a picture.
        fps: pictures per second.
        start_s, end_s: the pictures of [start, end) are delivered, their index counted from 0.

    Raises:
        SourceError: no folder, no picture in it or in the span, or none that can be read.
        ConfigError: the span or fps is not valid.
    """

    def __init__(
        self, path: Path, *, fps: float = DEFAULT_FPS, start_s: float | None = None, end_s: float | None = None
    ) -> None:
        if not 0 < fps < float("inf"):
            raise ConfigError("fps", fps, "is not valid for a folder of pictures; give a number above 0, such as 30")
        start, end = check_span(start_s, end_s)
        files = _list_images(path)
        numbered = [(number / fps, file) for number, file in enumerate(files)]
        self._files = [(time_s, file) for time_s, file in numbered if start - _TIE_S <= time_s < end - _TIE_S]
        if not self._files:
            raise SourceError(
                f"the span from {start:g} to {end:g} s holds no picture of {path} ({len(files)} pictures at {fps:g} "
                f"per second, {len(files) / fps:.2f} s); give a wider span"
            )
        first = next((image for _, file in self._files if (image := _read(file)) is not None), None)
        if first is None:
            raise SourceError(f"none of the {len(self._files)} picture(s) of {path} can be read; they are damaged")
        super().__init__()
        self._info = SourceInfo(
            name=path.resolve().name,
            kind="images",
            width_px=first.shape[1],
            height_px=first.shape[0],
            fps=fps,
            frame_count=len(self._files),
            live=False,
            audio_path=None,
            start_s=self._files[0][0],
        )

    def __iter__(self) -> Iterator[Frame]:
        """One frame for each picture, whether it can be read or not."""
        width, height = self._info.width_px, self._info.height_px
        for index, (time_s, file) in enumerate(self._files):
            if self._closed:
                return
            image = _read(file)
            if image is None:
                self._warnings.add(f"{file.name} can't be read as a picture; frame {index} is black")
                image = np.zeros((height, width, 3), np.uint8)
            elif image.shape[:2] != (height, width):
                self._warnings.add(
                    f"{file.name} is {image.shape[1]}x{image.shape[0]}, the first picture is {width}x{height}; "
                    f"frame {index} is fitted into that"
                )
                image = fit_image(image, width, height)
            yield Frame(index, time_s, image)


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts names as people count: runs of digits compare as numbers, letters without regard to case."""
    parts = re.split(r"(\d+)", name.casefold())
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part)


def _list_images(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"{path} is neither a folder nor a file; give a folder of pictures")
    try:
        entries = [entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")]
    except PermissionError:
        raise SourceError(f"can't list the folder {path}: permission denied; allow reading it (chmod +rx)") from None
    images = [entry for entry in entries if entry.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        names = sorted(entry.name for entry in entries)
        held = f"it holds {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else "it is empty"
        raise SourceError(
            f"the folder {path} holds no pictures (png, jpg, bmp, tif, webp); {held}; give another folder"
        )
    return sorted(images, key=lambda image: (natural_key(image.name), image.name))


def _read(file: Path) -> U8 | None:
    """The upright picture as BGR [H, W, 3]; None if it can't be read."""
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
        # imread can't open names outside the code page on Windows; imdecode gets bytes.
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, np.uint8)
