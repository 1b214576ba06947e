"""Stand-ins for models whose answers are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.detect.base import Detector
from pipeline.lift.base import LifterSpec
from pipeline.runtime import Device, LoadedModel
from pipeline.sources import SyntheticSource
from pipeline.types import Frame, Origin, Person, Pose2D, Pose3D, Rows, Window

LOADED = LoadedModel("stand-in", "0" * 64, "nothing", "cpu")


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


def rows_of(*poses: Pose3D, smoothed: bool = False) -> Rows:
    """The rows of a frame with these 3D poses, of people without keypoints."""
    index, time_s = poses[0].frame_index, poses[0].time_s
    return Rows(
        index,
        time_s,
        tuple(
            Person(Pose2D.missing(pose.frame_index, pose.time_s, pose.track_id), pose, pose if smoothed else None)
            for pose in poses
        ),
    )


class TrueDetector(Detector):
    """Gives the true keypoints of a synthetic source."""

    def __init__(self, source: SyntheticSource) -> None:
        self._source = source
        self.resets = 0
        self.closed = False

    def __call__(self, frame: Frame) -> list[Pose2D]:
        if self._source.is_absent(frame.index):
            return []
        return [pose2d(frame.index, frame.time_s, self._source.truth_coco_px(frame.index))]

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True


class PairDetector(TrueDetector):
    """The true person, and from frame ``FIRST`` on another one with the number ``OTHER`` who stands beside."""

    OTHER, FIRST, BESIDE_PX = 3, 10, 20.0

    def __call__(self, frame: Frame) -> list[Pose2D]:
        xy_px = self._source.truth_coco_px(frame.index)
        people = [pose2d(frame.index, frame.time_s, xy_px)]
        if frame.index >= self.FIRST:
            people.append(pose2d(frame.index, frame.time_s, xy_px + self.BESIDE_PX, track_id=self.OTHER))
        return people


@dataclass(frozen=True, slots=True)
class StandInConfig:
    """A ``DetectorConfig`` of a detector that sees nobody, or a person who stands still.

    Attributes:
        x_px: where the person's left ankle is; None: nobody.
    """

    x_px: float | None = None

    def load(self, device: Device, threads: int) -> StandInDetector:
        return StandInDetector(self, device, threads)


class StandInDetector(Detector):
    """Remembers how it was loaded and used."""

    def __init__(self, config: StandInConfig, device: Device, threads: int) -> None:
        self.config, self.device, self.threads = config, device, threads
        self.resets = 0

    def __call__(self, frame: Frame) -> list[Pose2D]:
        if self.config.x_px is None:
            return []
        xy_px = np.column_stack([np.linspace(40, self.config.x_px, 17), np.linspace(20, 110, 17)])
        return [pose2d(frame.index, frame.time_s, xy_px)]

    def reset(self) -> None:
        self.resets += 1


class NumberingLifter:
    """Writes the number of the target frame, and 1000 times that of the person, into every joint: shifts show."""

    def __init__(self, window: int = 27, lookahead: int = 13) -> None:
        self.spec = LifterSpec(window, lookahead)
        self.models = {"lifter": LOADED}
        self.batches: list[int] = []

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        self.batches.append(len(windows))
        return [_numbered(window, settled=True) for window in windows]


class NumberingPreviewLifter(NumberingLifter):
    """Gives previews too; half a frame is added to their numbers."""

    def __init__(self, window: int = 27, lookahead: int = 13) -> None:
        super().__init__(window, lookahead)
        self.spec = LifterSpec(window, lookahead, previews=True)

    def lift_with_previews(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        assert lookahead < self.spec.lookahead
        return self(windows), [_numbered(window, settled=False) for window in newest]


def _numbered(window: Window, settled: bool) -> Pose3D:
    number = window.target_index + 1000 * window.track_id + (0.0 if settled else 0.5)
    return Pose3D(
        window.track_id,
        window.target_index,
        window.target_time_s,
        np.full((17, 3), number, np.float32),
        window.score,
        window.origin,
        settled,
    )
