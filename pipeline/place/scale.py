"""Body size: from the lifter's 1.70 m body to the person's own height."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import ConfigError
from pipeline.types import Pose3D

MODEL_STATURE_M = 1.70
"""Stature of the bodies that lifters are trained on."""


def height_scale(height_m: float) -> float:
    """Factor from the lifter's body to a person of this height.

    Raises:
        ConfigError: it is not a person's height in metres.
    """
    if not 0.4 <= height_m <= 2.8:
        raise ConfigError("height_m", height_m, "is not a person's height in metres (0.4 to 2.8), for example 1.75")
    return height_m / MODEL_STATURE_M


def scaled(pose: Pose3D, factor: float) -> Pose3D:
    """The pose with all coordinates multiplied by ``factor``."""
    return pose if factor == 1 else replace(pose, xyz_m=(pose.xyz_m * factor).astype("float32"))
