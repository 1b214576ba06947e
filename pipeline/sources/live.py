"""The base class of cameras and streams: frames of one size with strictly increasing times, read once, and a state."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Literal

import cv2
import numpy as np

from pipeline.arrays import U8
from pipeline.errors import SourceError
from pipeline.sources.base import Source, SourceInfo, check_span, fit_image
from pipeline.sources.link import Connection, Link, Shot
from pipeline.sources.live_clock import LiveClock
from pipeline.sources.live_options import LiveOptions, LiveState
from pipeline.types import Frame

_DEFAULT_FPS = 30.0
_RATE_PICTURES = 9
_RATE_LIMIT_S = 2.0
_BURST_S = 0.002  # pictures that arrive closer together were buffered
_BLACK_S = 2.0
_BLACK_LEVEL = 16  # brightest channel of a pixel in a black picture
_MOST_SIZES = 8  # most changes of size that are reported


class LiveSource(Source):
    """A device that delivers at its own pace. ``time_s`` is seconds since the first frame.

    Frames come in order, and none is dropped once the iteration has begun: later stages drop frames if they can't keep
    up. If much time passes between opening and iterating, frames from that time are dropped, so that a run begins with
    a fresh one.

    Args:
        name: for display and messages.
        kind: 'camera' or 'stream'.
        connect: opens the device; called in a thread.
        hint: what to check when no picture comes.
        end_s: stop this many seconds after the first frame.
        options: settings of the device.
        clock: seconds that never run back; the clock of ``connect``'s times.

    Raises:
        SourceError: it can't be opened, or no picture comes within the patience; with ``reconnect`` only after the
            time to give up.
        ConfigError: the end is not valid.
    """

    def __init__(
        self,
        name: str,
        kind: Literal["camera", "stream"],
        connect: Callable[[], Connection],
        hint: str,
        end_s: float | None,
        options: LiveOptions,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _, self._end_s = check_span(None, end_s)
        self._name, self._options, self._now_s = name, options, clock
        super().__init__()
        self._used = False
        self._age_s = 0.0
        self._black_since_s: float | None = None
        self._sizes: set[tuple[int, int]] = set()
        self._link = Link(name, connect, hint, options, self._warnings)
        self._media = LiveClock(1.0 / _DEFAULT_FPS)
        self._waiting: deque[tuple[float, Shot]] = deque()
        try:
            first = self._receive()
            if first is None:
                raise SourceError(f"no picture came from {name} ({self._link.state.message}); {hint}")
            self._waiting.append(first)
            fps = self._link.fps or self._measure_rate()
        except BaseException:
            self._link.close()
            raise
        self._media.step_s = 1.0 / fps
        height, width = first[1].image.shape[:2]
        self._info = SourceInfo(
            name=name,
            kind=kind,
            width_px=width,
            height_px=height,
            fps=fps,
            frame_count=None,
            live=True,
            audio_path=None,
            start_s=0.0,
        )
        self._link.pause()

    @property
    def state(self) -> LiveState:
        """The current state; may be read from any thread."""
        return self._link.state

    @property
    def age_s(self) -> float:
        """Seconds between the capture (for streams: the arrival) of the last delivered frame and its delivery."""
        return self._age_s

    def close(self) -> None:
        """End an iteration that is under way, and release the device."""
        self._closed = True
        self._link.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames as they come, once.

        Raises:
            SourceError: it was iterated before, or the device broke and did not come back.
        """
        if self._used or self._closed:
            raise SourceError(f"{self._name} was read already; open it again")
        self._used = True
        if self._link.idle:  # for example, while the models were loaded
            self._waiting.clear()
        self._link.resume()
        index, begin_s = 0, 0.0
        try:
            while not self._closed:
                received = self._waiting.popleft() if self._waiting else self._receive()
                if received is None:
                    return
                if index == 0:
                    begin_s = received[0]
                time_s, shot = received[0] - begin_s, received[1]
                if time_s >= self._end_s:
                    return
                image = self._fit(shot.image)
                self._watch_black(time_s, image)
                self._age_s = max(0.0, self._now_s() - shot.captured_s)
                yield Frame(index, time_s, image)
                index += 1
        finally:
            self._link.close()
            self._report()

    def _report(self) -> None:
        """Add the warnings that need the whole run."""
        if self._media.repaired:
            self._warnings.add(
                f"{self._name}: {self._media.repaired} time stamps jumped or did not increase and were repaired"
            )

    def _receive(self) -> tuple[float, Shot] | None:
        shot = self._link.next()
        return None if shot is None else (self._media.stamp(shot.pts_s, shot.captured_s, shot.first), shot)

    def _measure_rate(self) -> float:
        """Pictures per second from the times of the first few, which are kept for the iteration."""
        began_s = time.monotonic()
        while len(self._waiting) < _RATE_PICTURES and time.monotonic() - began_s < _RATE_LIMIT_S:
            received = self._receive()
            if received is None:
                break
            self._waiting.append(received)
        steps_s = np.diff([time_s for time_s, _ in self._waiting])
        steps_s = steps_s[steps_s > _BURST_S]
        return round(float(1.0 / np.median(steps_s)), 2) if len(steps_s) else _DEFAULT_FPS

    def _fit(self, image: U8) -> U8:
        """The picture in the first one's size, mirrored if the options say so."""
        size = (image.shape[1], image.shape[0])
        if size != (self._info.width_px, self._info.height_px):
            if size not in self._sizes and len(self._sizes) < _MOST_SIZES:
                self._sizes.add(size)
                self._warnings.add(
                    f"{self._name} changed the size of its picture to {size[0]}x{size[1]}; it is fitted into the "
                    f"first size, {self._info.width_px}x{self._info.height_px}"
                )
            image = fit_image(image, self._info.width_px, self._info.height_px)
        return np.asarray(cv2.flip(image, 1), np.uint8) if self._options.mirror else image

    def _watch_black(self, time_s: float, image: U8) -> None:
        """Warn about a camera that shows black; a stream may well show the night."""
        if self._info.kind != "camera":
            return
        if image[::16, ::16].max() > _BLACK_LEVEL:
            self._black_since_s = None
        elif self._black_since_s is None:
            self._black_since_s = time_s
        elif time_s - self._black_since_s >= _BLACK_S:
            self._warnings.add(
                f"{self._name} delivers black pictures; check whether its lens is covered, its shutter closed, the "
                "room dark, or the camera not allowed for this program"
            )
