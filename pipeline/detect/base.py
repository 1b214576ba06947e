"""The base class of detectors, and the protocol of their configs.

A new detector is one file beside this one with a ``Detector`` and the frozen dataclass that is its ``DetectorConfig``,
and a line in ``pipeline.detect.create.DETECTORS``. A detector from elsewhere is chosen by its config, not a name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Protocol, TypeVar

from pipeline.runtime import Device, LoadedModel
from pipeline.types import Frame, Pose2D

Self = TypeVar("Self", bound="Detector")


class Detector(ABC):
    """Finds the people of a frame. Called with the frames of one clip in order; ``reset`` comes between two clips.

    A context manager: leaving it closes the detector.
    """

    @property
    def models(self) -> dict[str, LoadedModel]:
        """Role ('detector', 'search') -> loaded model; empty for a detector without model cards."""
        return {}

    @abstractmethod
    def __call__(self, frame: Frame) -> list[Pose2D]:
        """The people in the frame (``track_id`` 0 where the detector follows one person); empty if none."""

    @abstractmethod
    def reset(self) -> None:
        """Forget the previous clip; the models stay loaded."""

    def close(self) -> None:
        """Release the models. A closed detector is not used again."""
        self.reset()

    def __enter__(self: Self) -> Self:
        """The detector itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class DetectorConfig(Protocol):
    """The settings of one kind of detector, and how it is loaded: a small frozen dataclass."""

    def load(self, device: Device, threads: int) -> Detector:
        """Load the detector.

        Args:
            device: where its models run.
            threads: CPU threads per model; 0 = one per core.

        Raises:
            ModelError: a weight file or its card is missing or damaged.
            DeviceError: the device can't run the models.
        """
