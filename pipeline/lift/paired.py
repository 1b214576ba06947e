"""Two lifters in one: settled poses from one model, provisional ones from another that looks less far ahead.

A model that was trained for a frame near the end of its window gives better provisional poses of held-out people than
the full-sequence head of one that was trained for the middle (docs/live.md has both). Both see windows of the same
length, so the people's buffers are kept once.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import ConfigError
from pipeline.lift.onnx import OnnxLifter
from pipeline.types import Pose3D, Window


class PairedLifter:
    """A ``PreviewLifter`` of two models.

    Args:
        settled: gives the poses that files hold.
        early: gives the provisional ones.

    Attributes:
        window, lookahead, normalisation, card, provider, choice, refiner: of ``settled``.
        has_previews: True.

    Raises:
        ConfigError: they expect different windows.
    """

    has_previews = True

    def __init__(self, settled: OnnxLifter, early: OnnxLifter) -> None:
        if (settled.window, settled.normalisation) != (early.window, early.normalisation):
            raise ConfigError(
                f"models {settled.card.name} ({settled.window} frames, {settled.normalisation}) and {early.card.name} "
                f"({early.window} frames, {early.normalisation}) expect different windows; only alike ones make a pair"
            )
        self.settled, self.early = settled, early
        self.window, self.lookahead, self.normalisation = settled.window, settled.lookahead, settled.normalisation
        self.card, self.provider, self.choice = settled.card, settled.provider, settled.choice
        self.refiner = settled.refiner

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Settled poses, see ``OnnxLifter``."""
        return self.settled(windows)

    def lift_both(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled poses of ``windows``, provisional ones of ``newest``, see ``OnnxLifter.lift_both``.

        At the look-ahead that ``early`` was trained for they come from its single-frame head, below it from its
        full-sequence head.

        Raises:
            ModelError: as for ``OnnxLifter``.
        """
        if lookahead > self.early.lookahead:
            return self.settled.lift_both(windows, newest, lookahead)
        if lookahead == self.early.lookahead:
            shown = [replace(pose, settled=False) for pose in self.early(newest)]
        else:
            shown = self.early.lift_both([], newest, lookahead)[1]
        return self.settled(windows), shown
