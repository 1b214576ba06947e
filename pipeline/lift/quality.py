"""The qualities: ways to lift that trade accuracy for time, by name."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import ConfigError, unknown

STANDARD, BEST = "standard", "best"


@dataclass(frozen=True, slots=True)
class Quality:
    """A way to lift.

    Attributes:
        overlap: run every n-th window only and read the other frames from its full-sequence output; clips only.
        mirror: average with the mirrored window.
    """

    overlap: bool
    mirror: bool


QUALITIES: dict[str, Quality] = {
    "fast": Quality(overlap=True, mirror=False),
    STANDARD: Quality(overlap=False, mirror=False),
    BEST: Quality(overlap=False, mirror=True),
}
"""Qualities by name."""


def find_quality(name: str, live: bool = False) -> Quality:
    """A way to lift by name.

    Args:
        name: one of ``QUALITIES``.
        live: whether the source is a camera or stream.

    Raises:
        ConfigError: there is no quality of this name, or it is for clips only.
    """
    if name not in QUALITIES:
        raise unknown("quality", name, QUALITIES)
    quality = QUALITIES[name]
    if live and quality.overlap:
        raise ConfigError(
            "quality",
            name,
            "is for clips: it lifts many frames in one pass, but a live source gives one at a time; leave it out, and "
            "choose the delay with `latency`",
        )
    return quality
