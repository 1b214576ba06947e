"""Stand-ins for models whose answers are known."""

from __future__ import annotations

import numpy as np

from pipeline.sources import SyntheticSource
from pipeline.types import Frame, Origin, Pose2D, Pose3D, Window


def pose2d(index: int, time_s: float, xy_px: np.ndarray, score: float = 0.9, track_id: int = 0) -> Pose2D:
    """A measured pose; NaN joints are missing."""
    seen = np.isfinite(xy_px).all(-1)
    box = np.concatenate([np.nanmin(xy_px, 0), np.nanmax(xy_px, 0)]) if seen.any() else np.full(4, np.nan)
    return Pose2D(
        index,
        time_s,
        track_id,
        xy_px.astype(np.float32),
        np.where(seen, score, 0).astype(np.float32),
        box.astype(np.float32),
        np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8),
    )


class TrueDetector:
    """Gives the true keypoints of a synthetic source."""

    def __init__(self, source: SyntheticSource) -> None:
        self._source = source
        self.closed = False

    def __call__(self, frame: Frame) -> list[Pose2D]:
        if self._source.is_absent(frame.index):
            return []
        return [pose2d(frame.index, frame.time_s, self._source.truth_coco_px(frame.index))]

    def close(self) -> None:
        self.closed = True


class NumberingLifter:
    """Writes the number of the target frame into every joint, so that a shifted row shows."""

    def __init__(self, window: int = 27, lookahead: int = 13) -> None:
        self.window, self.lookahead = window, lookahead
        self.batches: list[int] = []

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        self.batches.append(len(windows))
        return [_numbered(window, settled=True) for window in windows]


class NumberingPreviewLifter(NumberingLifter):
    """Gives provisional poses too; half a frame is added to their numbers."""

    def lift_both(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        assert lookahead < self.lookahead
        return self(windows), [_numbered(window, settled=False) for window in newest]


def _numbered(window: Window, settled: bool) -> Pose3D:
    number = window.target_index + (0.0 if settled else 0.5)
    return Pose3D(
        window.track_id,
        window.target_index,
        window.target_time_s,
        np.full((17, 3), number, np.float32),
        window.score,
        window.origin,
        settled,
    )
