"""The full-sequence head of a lifter, read at one place of the window, to judge it at any look-ahead."""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import ConfigError
from pipeline.lift.base import LifterSpec
from pipeline.lift.windows import WindowLifter, pose_of
from pipeline.runtime import LoadedModel
from pipeline.types import Pose3D, Window


class SequenceHead:
    """A ``Lifter`` whose poses come from the full-sequence head.

    Args:
        lifter: a lifter of the network.
        lookahead: frames after the target; the head is read at ``window - 1 - lookahead``.

    Raises:
        ConfigError: the look-ahead is not inside the window.
    """

    def __init__(self, lifter: WindowLifter, lookahead: int) -> None:
        window = lifter.spec.window
        if not 0 <= lookahead < window:
            raise ConfigError(
                "lookahead", lookahead, f"is not inside the window of {window} frames; use 0 to {window - 1}"
            )
        self._lifter, self._spec = lifter, replace(lifter.spec, lookahead=lookahead, previews=False)

    @property
    def spec(self) -> LifterSpec:
        """The lifter's spec, with this look-ahead."""
        return self._spec

    @property
    def models(self) -> dict[str, LoadedModel]:
        """The lifter's models."""
        return self._lifter.models

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """One pose per window, of its target frame.

        Raises:
            ModelError: the network has no full-sequence head, or gave values that are not finite.
        """
        at = self._spec.window - 1 - self._spec.lookahead
        joints = self._lifter.sequences(windows)[:, at]
        return [pose_of(window, points, settled=True) for window, points in zip(windows, joints, strict=True)]
