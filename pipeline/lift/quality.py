"""Accuracy against time: the ways to lift that ``--quality`` names."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from pipeline.errors import ConfigError
from pipeline.lift.onnx import OnnxLifter
from pipeline.lift.overlap import OverlapLifter
from pipeline.lift.refine import Refiner
from pipeline.runtime import Device
from pipeline.runtime.cards import Card

STANDARD, BEST = "standard", "best"


@dataclass(frozen=True, slots=True)
class Quality:
    """A way to lift.

    Attributes:
        overlap: run every n-th window only and read the frames between from its full-sequence output; recordings only.
        flip: average with the mirrored window.
    """

    overlap: bool
    flip: bool


QUALITIES: dict[str, Quality] = {
    "fast": Quality(overlap=True, flip=False),
    STANDARD: Quality(overlap=False, flip=False),
    BEST: Quality(overlap=False, flip=True),
}
"""By the names that ``--quality`` takes."""


def find_quality(name: str, live: bool = False) -> Quality:
    """A way to lift by name.

    Args:
        name: one of ``QUALITIES``.
        live: whether it is for a camera or stream.

    Raises:
        ConfigError: there is none of this name, or a live source can't be lifted so.
    """
    if name not in QUALITIES:
        near = difflib.get_close_matches(name.lower(), QUALITIES, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"--quality {name!r} is not known; {hint}there are: {', '.join(QUALITIES)}")
    quality = QUALITIES[name]
    if live and quality.overlap:
        raise ConfigError(
            f"--quality {name} is for recordings: it lifts many frames in one pass, but a live source gives one at a "
            "time; leave it out, and choose the delay with --latency"
        )
    return quality


def create_lifter(
    card: Card, device: Device, threads: int = 0, quality: str = STANDARD, refiner: Refiner | None = None
) -> OnnxLifter:
    """A lifter of this quality, its poses refined if a module is given.

    Raises:
        ConfigError: there is no such quality.
        ModelError, DeviceError: as for ``OnnxLifter``.
    """
    chosen = find_quality(quality)
    kind = OverlapLifter if chosen.overlap else OnnxLifter
    return kind(card, device, threads, chosen.flip, refiner=refiner)
