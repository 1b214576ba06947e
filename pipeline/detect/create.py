"""Detectors by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipeline.detect.base import Detector, DetectorConfig
from pipeline.errors import unknown
from pipeline.runtime import Device, parse_device


@dataclass(frozen=True, slots=True)
class DetectorEntry:
    """Where the config of a detector is found; its module is imported only when it is used.

    Attributes:
        module, config: the module, and the name of the dataclass in it.
        values: values of fields that differ from the defaults.
    """

    module: str
    config: str
    values: Mapping[str, object] = field(default_factory=dict)

    def load_config(self) -> DetectorConfig:
        """The config of the detector."""
        made: DetectorConfig = getattr(importlib.import_module(self.module), self.config)(**self.values)
        return made


DETECTORS: dict[str, DetectorEntry] = {
    "fast": DetectorEntry("pipeline.detect.movenet", "MoveNetConfig", {"follow": "movenet-lightning"}),
    "default": DetectorEntry("pipeline.detect.movenet", "MoveNetConfig"),
    "accurate": DetectorEntry("pipeline.detect.blazepose", "BlazePoseConfig"),
}
"""Detectors by name."""


def create_detector(
    detector: str | DetectorConfig = "default", *, device: Device | str = "auto", threads: int = 0
) -> Detector:
    """A loaded detector.

    Args:
        detector: a key of ``DETECTORS``, or a config.
        device: where its models run, as a device or its name.
        threads: CPU threads per model; 0 = one per core.

    Raises:
        ConfigError: there is no detector or device of this name.
        ModelError: a weight file or its card is missing or damaged.
        DeviceError: the device can't run the models.
    """
    where = parse_device(device) if isinstance(device, str) else device
    return find_detector(detector).load(where, threads) if isinstance(detector, str) else detector.load(where, threads)


def find_detector(name: str) -> DetectorConfig:
    """The config of a detector by name.

    Raises:
        ConfigError: there is no detector of this name.
    """
    if name not in DETECTORS:
        raise unknown("detector", name, DETECTORS)
    return DETECTORS[name].load_config()
