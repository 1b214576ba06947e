"""The keypoints of one person inside the detectors, before they become a Pose2D."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.arrays import F32
from pipeline.skeletons import COCO_17
from pipeline.types import Frame, Origin, Pose2D

LEAST_SCORE = 0.1
"""A joint below this score counts as missing: on real clips, joints in the picture almost never score less."""

_PRESENCE_JOINTS = 8
_BOX_MARGIN = 0.1


@dataclass(frozen=True, slots=True)
class Keypoints:
    """COCO-17 joints of one person.

    Attributes:
        xy_px: float32 [17, 2], pixels of the picture.
        score: float32 [17] in 0..1.
    """

    xy_px: F32
    score: F32

    @property
    def presence(self) -> float:
        """How sure it is that there is a person: the mean of the eight best joint scores, 0..1.

        Eight of seventeen, so that a person at a desk (head, shoulders, an arm) counts like a whole one.
        """
        return float(np.sort(self.score)[-_PRESENCE_JOINTS:].mean())

    def middle(self, left: str, right: str) -> F32:
        """[2], the point between two joints, pixels."""
        middle: F32 = (self.xy_px[COCO_17.index(left)] + self.xy_px[COCO_17.index(right)]) / 2
        return middle

    def to_pose(self, frame: Frame) -> Pose2D:
        """The Pose2D of this frame; joints below ``LEAST_SCORE`` are missing (NaN, score 0)."""
        seen = (self.score >= LEAST_SCORE) & np.isfinite(self.xy_px).all(-1)
        if not seen.any():
            return Pose2D.missing(frame.index, frame.time_s)
        xy_px = np.where(seen[:, None], self.xy_px, np.nan).astype(np.float32)
        low, high = self.xy_px[seen].min(0), self.xy_px[seen].max(0)
        margin = _BOX_MARGIN * float((high - low).max())
        return Pose2D(
            frame_index=frame.index,
            time_s=frame.time_s,
            track_id=0,
            xy_px=xy_px,
            score=np.where(seen, np.clip(self.score, 0, 1), 0).astype(np.float32),
            bbox_px=np.concatenate([low - margin, high + margin]).astype(np.float32),
            origin=np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8),
        )
