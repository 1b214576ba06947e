"""The settings of live sources, and the state that they report."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from pipeline.errors import ConfigError

_LARGEST_PX = 16_384
_MAX_FPS = 1000.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before each new attempt: ``first_s``, then twice as long each time.

    Attributes:
        first_s, longest_s: the shortest and the longest wait, seconds.
        settled_s: a connection that lasted this long makes the waits start from the shortest again.
        give_up_s: no further attempt this long after the last picture.
    """

    first_s: float = 0.5
    longest_s: float = 30.0
    settled_s: float = 10.0
    give_up_s: float = 600.0

    def waits_s(self) -> Iterator[float]:
        """The waits in order, without end."""
        wait_s = self.first_s
        while True:
            yield wait_s
            wait_s = min(2 * wait_s, self.longest_s)


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """Settings for a camera or stream.

    Attributes:
        width_px, height_px: picture size of a camera; both or neither. The camera takes the nearest size it has.
        fps: pictures per second of a camera.
        fourcc: a camera's pixel format, four letters such as MJPG or YUYV. Pictures larger than 640x480 are
            requested as MJPG unless this says otherwise: uncompressed ones come at 5 to 10 per second over USB 2.
        mirror: exchange left and right of every picture before detection; for devices that deliver a mirror
            image. The person's left and right are exchanged with it.
        reconnect: whether to open the source again when it breaks.
        patience_s: longest wait for an answer, and then for each picture.
        backoff: the waits between attempts to open it again.

    Raises:
        ConfigError: a value makes no sense.
    """

    width_px: int | None = None
    height_px: int | None = None
    fps: float | None = None
    fourcc: str | None = None
    mirror: bool = False
    reconnect: bool = False
    patience_s: float = 10.0
    backoff: Backoff = Backoff()

    def __post_init__(self) -> None:
        sides = (self.width_px, self.height_px)
        if sides != (None, None) and not all(side is not None and 16 <= side <= _LARGEST_PX for side in sides):
            raise ConfigError("size", f"{sides[0]}x{sides[1]}", "is not valid for a camera; for example 1280x720")
        if self.fps is not None and not 0 < self.fps <= _MAX_FPS:
            raise ConfigError("fps", self.fps, "is not valid for a camera; for example 30")
        if self.fourcc is not None and not re.fullmatch(r"[!-~][ -~]{3}", self.fourcc):
            raise ConfigError("fourcc", self.fourcc, "is no pixel format; give four letters, for example MJPG or YUYV")
        if not 0 < self.patience_s < float("inf"):
            raise ConfigError("patience_s", self.patience_s, "is not valid; give seconds above 0, for example 10")

    @property
    def asks_camera(self) -> bool:
        """True if a setting is for cameras only."""
        return any(value is not None for value in (self.width_px, self.fps, self.fourcc))


def parse_size(text: str) -> tuple[int, int]:
    """Width and height in pixels from '1280x720'.

    Raises:
        ConfigError: the text is something else.
    """
    found = re.fullmatch(r"(\d{1,5})\s*[xX]\s*(\d{1,5})", text.strip())
    if not found:
        raise ConfigError("size", text, "is not valid; give width and height, for example 1280x720")
    return int(found[1]), int(found[2])


class LivePhase(Enum):
    """Phases of a live source."""

    CONNECTING = "connecting"
    STREAMING = "streaming"
    RECONNECTING = "reconnecting"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class LiveState:
    """The state of a live source at one moment, for display.

    Attributes:
        phase: connecting, streaming, reconnecting or ended.
        message: the reason, in one line; empty while pictures come.
        reconnects: how often the connection broke and came back.
    """

    phase: LivePhase
    message: str = ""
    reconnects: int = 0
