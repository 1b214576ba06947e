"""The protocols of lifters, and the spec that a run needs to prepare a lifter's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pipeline.runtime import LoadedModel
from pipeline.types import Normalisation, Pose3D, Window

BATCH_FRAMES = 16
"""Frames of a clip that are lifted in one call, unless the lifter asks for more."""


@dataclass(frozen=True, slots=True)
class LifterSpec:
    """Window, input and batch size of a lifter.

    Attributes:
        window, lookahead: T, and how many of its frames lie after the target.
        normalisation: how the keypoints of its windows are normalised.
        batch_frames: how many frames of a clip to hand over in one call.
        previews: whether it is a ``PreviewLifter`` whose network gives previews.
    """

    window: int
    lookahead: int
    normalisation: Normalisation = "person-view"
    batch_frames: int = BATCH_FRAMES
    previews: bool = False


class Lifter(Protocol):
    """Lifts windows."""

    @property
    def spec(self) -> LifterSpec:
        """Window, input and batch size."""

    @property
    def models(self) -> dict[str, LoadedModel]:
        """Role ('lifter', 'preview_lifter', 'refiner') -> loaded model."""

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """One settled pose per window, of its target frame, in the same order.

        Root-relative metres of a 1.70 m body in camera axes, see ``Pose3D``.

        Raises:
            ModelError: the network gave values that are not finite.
            DeviceError: the GPU failed.
        """


@runtime_checkable
class PreviewLifter(Lifter, Protocol):
    """A lifter that can also give previews: poses of frames that lack a part of their look-ahead."""

    def lift_with_previews(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled poses of ``windows``, and previews of ``newest``.

        Args:
            windows: windows with this lifter's look-ahead.
            newest: windows of the same length, with ``lookahead`` frames after their target.
            lookahead: frames after the target of ``newest``; fewer than this lifter's own.

        Raises:
            ModelError: the network has no full-sequence head, or gave values that are not finite.
        """
