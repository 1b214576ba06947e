"""The presets of smoothing: how strongly poses are smoothed."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.errors import unknown

RESTART_S = 0.25
"""A joint that was missing for longer than this restarts: nothing is carried over the gap."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Parameters in physical units; speeds are those of a joint relative to the pelvis.

    The cutoff is ``still_hz + opening_per_m * speed``: a joint at rest is smoothed most, a fast one very little. So in
    steady motion, however fast, the One Euro filter trails by less than ``1 / (2 pi opening_per_m)`` metres.

    Attributes:
        still_hz: cutoff at rest.
        opening_per_m: how fast the cutoff rises with the speed, Hz per (m/s).
        speed_hz: cutoff of the speed itself.
    """

    still_hz: float
    opening_per_m: float
    speed_hz: float


# Chosen with benchmarks/bench_smooth.py; docs/live.md has its figures.
PRESETS: dict[str, Preset | None] = {
    "off": None,
    # For everything that moves: flicker at rest falls to a third or less, limbs hardly lag.
    "light": Preset(still_hz=1.0, opening_per_m=12.0, speed_hz=2.0),
    # For a calm picture of slow motion (balance, yoga, physiotherapy): far less flicker, but fast limbs lag visibly and
    # small swings lose a part of their width.
    "strong": Preset(still_hz=0.5, opening_per_m=4.0, speed_hz=1.0),
}
"""Presets by name; ``None``: no smoothing."""


def find_preset(name: str) -> Preset | None:
    """A preset by name.

    Raises:
        ConfigError: there is no preset of this name.
    """
    if name not in PRESETS:
        raise unknown("smooth", name, PRESETS)
    return PRESETS[name]
