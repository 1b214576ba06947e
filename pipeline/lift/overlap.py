"""Clips in few passes: one window serves many frames.

The single-frame head costs a pass of the network per frame, although each pass also gives a pose for every frame of the
window. Here only every n-th window of a person, an anchor, is run, and the other frames are read from the full-sequence
output of the anchors around them:

    frame             0   1   2   3   4   5   6   7   8   9  10
    anchor            A                   B                   C
    share of A, B     1  .8  .6  .4  .2   0
                      0  .2  .4  .6  .8   1  .8 ...

Between two anchors one fades into the other, linearly, as in overlap-add synthesis of sound: each frame is mostly read
near the target of a window, where the network is best, and nothing jumps where one anchor takes over from another. With
an anchor at every frame, the result is just the full-sequence head's pose of the target.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32
from pipeline.errors import ConfigError
from pipeline.lift.base import LifterSpec
from pipeline.lift.windows import BATCH, WindowLifter, pose_of
from pipeline.runtime import LoadedModel
from pipeline.skeletons import H36M_17
from pipeline.types import Pose3D, Window

MOST_BATCH_FRAMES = 48
"""Frames that are collected for one call. They wait with their pictures, 2.8 MB each at 1280x720, and more frames would
save little: with an anchor at every fifth frame, 16 frames need 4 passes (0.25 per frame), 46 need 10 (0.22), and a
clip without end 0.20."""

_POSE = (len(H36M_17), 3)


class OverlapLifter:
    """A lifter for clips that runs the network on every n-th window only.

    Args:
        lifter: lifts single windows; its network has a full-sequence head.
        every: frames from one anchor to the next; None: ``usual_spacing``.

    Attributes:
        every: frames from one anchor to the next.

    Raises:
        ConfigError: the spacing is not inside the window.
    """

    def __init__(self, lifter: WindowLifter, every: int | None = None) -> None:
        window = lifter.spec.window
        self._lifter = lifter
        self.every = usual_spacing(window) if every is None else every
        if not 1 <= self.every <= window:
            raise ConfigError("every", self.every, f"does not fit a window of {window} frames; use 1 to {window}")
        # The first and the last frame of a batch are anchors too.
        batch_frames = max(1, (MOST_BATCH_FRAMES - 1) // self.every) * self.every + 1
        self._spec = replace(lifter.spec, batch_frames=batch_frames, previews=False)

    @property
    def spec(self) -> LifterSpec:
        """The spec of the inner lifter, with larger batches and without previews."""
        return self._spec

    @property
    def models(self) -> dict[str, LoadedModel]:
        """The models of the inner lifter."""
        return self._lifter.models

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Settled poses, see ``Lifter``, but from the anchors among these windows. Nothing is kept from call to call.

        Args:
            windows: of consecutive frames, in order; several people may be mixed.

        Raises:
            ModelError: the network has no full-sequence head, or gave values that are not finite.
            ValueError: a window has another look-ahead than this lifter.
        """
        xyz = np.zeros((len(windows), *_POSE), np.float32)
        for rows in _by_person(windows):
            xyz[rows] = self._of_one_person([windows[row] for row in rows])
        return [pose_of(window, points, settled=True) for window, points in zip(windows, xyz, strict=True)]

    def _of_one_person(self, windows: list[Window]) -> F32:
        """Poses [N, 17, 3] of one person's frames."""
        mean = _WeightedMean(np.array([window.target_time_s for window in windows]))
        # Windows do not reach over gaps, and windows of fast clips skip frames: frames that no anchor contains yet
        # get anchors of their own. Each anchor serves at least its own frame, so this ends.
        while len(left := mean.without_value()):
            anchors = left[_spread_rows(len(left), self.every)]
            for start in range(0, len(anchors), BATCH):
                self._add_anchors(mean, windows, anchors[start : start + BATCH])
            if not mean.weight[anchors].all():
                raise ValueError(f"these windows do not have the lifter's look-ahead, {self._spec.lookahead}")
        return mean.value()

    def _add_anchors(self, mean: _WeightedMean, windows: list[Window], anchors: NDArray[np.intp]) -> None:
        """Run the network on the anchors' windows and add their poses of all frames."""
        target = self._spec.window - 1 - self._spec.lookahead
        chosen = [windows[row] for row in anchors]
        for window, poses in zip(chosen, self._lifter.sequences(chosen), strict=True):
            rows, places = _shared_frames(mean.times_s, window.time_s, target)
            weight = np.maximum(0, 1 - np.abs(places - target) / self.every)
            mean.add(rows, poses[places], weight)


def usual_spacing(window: int) -> int:
    """Frames from anchor to anchor that avoid seams: 5 for windows of 27 and 81 frames, 14 for 243 and 351.

    Strided attention cuts the window into blocks (length: the divisor of T nearest to its square root), and the
    full-sequence output has a seam at their edges: in a network of 27 frames and blocks of 9 (after 6723 steps of
    training) the second difference of the output was 24 to 32 mm there and 5 to 7 mm elsewhere. Up to half a block from
    a centre target there is no edge.
    """
    divisors = [n for n in range(1, window + 1) if window % n == 0]
    block = min(divisors, key=lambda n: (round(abs(math.log(n * n / window)), 9), -n))
    return (block + 1) // 2


class _WeightedMean:
    """Weighted means of the poses of N frames.

    Args:
        times_s: float64 [N], increasing.
    """

    def __init__(self, times_s: NDArray[np.float64]) -> None:
        self.times_s = times_s
        self.weight = np.zeros(len(times_s))
        self._sum = np.zeros((len(times_s), *_POSE))

    def add(self, rows: NDArray[np.intp], poses: F32, weight: NDArray[np.float64]) -> None:
        """Add poses [n, 17, 3] of these frames [n] (each at most once) with their weights [n]."""
        self.weight[rows] += weight
        self._sum[rows] += weight[:, None, None] * poses

    def without_value(self) -> NDArray[np.intp]:
        """Frames that have no pose so far."""
        return np.flatnonzero(self.weight == 0)

    def value(self) -> F32:
        """The mean poses [N, 17, 3]."""
        return (self._sum / self.weight[:, None, None]).astype(np.float32)


def _by_person(windows: Iterable[Window]) -> list[list[int]]:
    """The indices of each person's windows, in order."""
    rows: dict[int, list[int]] = {}
    for row, window in enumerate(windows):
        rows.setdefault(window.track_id, []).append(row)
    return list(rows.values())


def _spread_rows(count: int, every: int) -> NDArray[np.intp]:
    """Numbers from 0 to ``count - 1``, both included, evenly and at most ``every`` apart."""
    steps = -(-(count - 1) // every)
    return np.round(np.linspace(0, count - 1, steps + 1)).astype(np.intp)


def _shared_frames(
    times_s: NDArray[np.float64], window_s: NDArray[np.float64], target: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The frames (of those with times [N]) that a window (with times [T]) contains, and their places in it.

    A frame that the window repeats at its edge is taken at the place nearest to the target.
    """
    start, end = np.searchsorted(times_s, window_s[0], "left"), np.searchsorted(times_s, window_s[-1], "right")
    near_s = times_s[start:end]
    first, last = np.searchsorted(window_s, near_s, "left"), np.searchsorted(window_s, near_s, "right") - 1
    inside = np.flatnonzero(first <= last)
    return start + inside, np.clip(target, first[inside], last[inside])
