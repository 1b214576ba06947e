"""2D detectors: Frame -> list of Pose2D. A new one is a file here and a line in ``DETECTORS``."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from pipeline.detect import blazepose, movenet
from pipeline.detect.base import Detector
from pipeline.errors import ConfigError
from pipeline.runtime import Device

DETECTORS: dict[str, Callable[[Device, int], Detector]] = {
    "fast": movenet.create_fast,
    "default": movenet.create_default,
    "accurate": blazepose.create_accurate,
}

__all__ = ["DETECTORS", "Detector", "create_detector"]


def create_detector(name: str, device: Device, threads: int = 0) -> Detector:
    """A detector by name.

    Args:
        name: a key of ``DETECTORS``.
        device: where its models run.
        threads: CPU threads per model; 0 = one per core.

    Raises:
        ConfigError: there is no detector of this name.
        ModelError: a weight file or its card is missing or damaged.
        DeviceError: the device can't run the models.
    """
    if name not in DETECTORS:
        near = difflib.get_close_matches(name.lower(), DETECTORS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"--detector {name!r} is not known; {hint}there are: {', '.join(DETECTORS)}")
    return DETECTORS[name](device, threads)
