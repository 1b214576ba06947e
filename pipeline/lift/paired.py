"""A lifter of two models: settled poses from one, previews from another that looks less far ahead.

A model that was trained for a frame near the end of its window gives better previews of held-out people than the
full-sequence head of one that was trained for the middle (docs/live.md has both). Both take windows of the same length,
so they share the people's buffers.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.errors import ConfigError
from pipeline.lift.base import LifterSpec, PreviewLifter
from pipeline.runtime import LoadedModel
from pipeline.types import Pose3D, Window


class PairedLifter:
    """A ``PreviewLifter`` of two models.

    Args:
        settled: lifter of the settled poses.
        preview: lifter of the previews. At the look-ahead that it was trained for, a preview is its own settled pose.

    Raises:
        ConfigError: they expect different windows.
    """

    def __init__(self, settled: PreviewLifter, preview: PreviewLifter) -> None:
        one, other = settled.spec, preview.spec
        if (one.window, one.normalisation) != (other.window, other.normalisation):
            raise ConfigError(
                "lifter",
                settled.models["lifter"].name,
                f"({one.window} frames, {one.normalisation}) and {preview.models['lifter'].name} ({other.window} "
                f"frames, {other.normalisation}) expect different windows; only alike ones make a pair",
            )
        self._settled, self._preview = settled, preview
        self._spec = replace(one, previews=True)

    @property
    def spec(self) -> LifterSpec:
        """The spec of the settled lifter, with previews."""
        return self._spec

    @property
    def models(self) -> dict[str, LoadedModel]:
        """The models of the settled lifter, and that of the previews as 'preview_lifter'."""
        return {**self._settled.models, "preview_lifter": self._preview.models["lifter"]}

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Settled poses, see ``Lifter``."""
        return self._settled(windows)

    def lift_with_previews(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled poses and previews, see ``PreviewLifter``.

        At the look-ahead that the preview model was trained for they come from its single-frame head, below it from its
        full-sequence head.
        """
        trained = self._preview.spec.lookahead
        if lookahead > trained:
            return self._settled.lift_with_previews(windows, newest, lookahead)
        if lookahead == trained:
            previews = [replace(pose, settled=False) for pose in self._preview(newest)]
        else:
            previews = self._preview.lift_with_previews([], newest, lookahead)[1]
        return self._settled(windows), previews
