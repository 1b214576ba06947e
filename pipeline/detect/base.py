"""What every detector is, and how one is configured.

A new detector is one file beside this one with a ``Detector`` and the frozen dataclass that is its ``DetectorConfig``,
and a line in ``pipeline.detect.create.DETECTORS``. Outside of this repository the config is given in place of a name.
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
        """The models that it runs, by what they do: 'detector', 'search'; none if it has no cards for them."""
        return {}

    @abstractmethod
    def __call__(self, frame: Frame) -> list[Pose2D]:
        """The people in the frame (``track_id`` 0 where the detector follows one person); empty if none."""

    @abstractmethod
    def reset(self) -> None:
        """Forget the clip before; the models stay loaded."""

    def close(self) -> None:
        """Release what is held. A closed detector is not used again."""
        self.reset()

    def __enter__(self: Self) -> Self:
        """The detector itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


class DetectorConfig(Protocol):
    """How a detector is loaded; a small frozen dataclass with what its kind can be told."""

    def load(self, device: Device, threads: int) -> Detector:
        """Load it.

        Args:
            device: where its models run.
            threads: CPU threads per model; 0 = one per core.

        Raises:
            ModelError: a weight file or its card is missing or damaged.
            DeviceError: the device can't run the models.
        """
