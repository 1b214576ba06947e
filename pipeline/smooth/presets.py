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


# Chosen with benchmarks/bench_smooth.py. The figures are those of live poses at 30 and 60 Hz.
PRESETS: dict[str, Preset | None] = {
    "off": None,
    # For everything that moves: flicker at rest falls by 69 and 81 %; a limb that swings over 0.5 m lags by 4 to 7 ms,
    # over 0.1 m by 28 to 35 ms. Error in a walk: at most 0.4 mm more.
    "light": Preset(still_hz=1.0, opening_per_m=12.0, speed_hz=2.0),
    # For a calm picture of slow motion (balance, yoga, physiotherapy): flicker falls by 88 and 93 %; the same limbs lag
    # by 33 to 40 and by 93 to 101 ms, and a fifth of the small swing is lost. Error in a walk: 5 mm more.
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
