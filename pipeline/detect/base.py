"""The detector protocol. A new detector is one file beside this one and one line in ``pipeline/detect/__init__.py``."""

from __future__ import annotations

from typing import Protocol

from pipeline.types import Frame, Pose2D


class Detector(Protocol):
    """Finds the people of a frame. Called with the frames of one source in order."""

    def __call__(self, frame: Frame) -> list[Pose2D]:
        """The people in the frame (``track_id`` 0 where the detector follows one person); empty if none."""

    def close(self) -> None:
        """Release the models."""
