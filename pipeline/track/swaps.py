"""Left/right swaps of a 2D track, found and repaired frame by frame, without look-ahead.

Detectors confuse the sides of a body: of the legs as they cross in side view, of the arms, of the whole body when
a person turns. Which of the ``_MODES`` the detector is in is the hidden state of a Markov chain that is filtered over
time (Rabiner, "A Tutorial on Hidden Markov Models", Proc. IEEE 1989, the forward recursion), with real time steps:

- Motion tells whether the state changed: a pair of joints that changes places from one frame to the next contradicts
  the prediction of ``PairFilter``. It never tells which of the two was right.
- The chain's rates tell that: detectors are right most of the time and return to it soon. Where joints meet (crossing
  legs, a person seen from the side) motion says nothing, and belief drifts back to "as detected". So a real turn of the
  body is accepted, and a wrong decision heals.
- The body tells it too: face, shoulders and hips can't look in opposite directions.

The latest choice of sides is kept by following the motion, and changed only when another one is clearly more likely
(hysteresis): a detector that wavers gives a steady track, though not always the right one.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.arrays import F64, Bools
from pipeline.skeletons import COCO_17
from pipeline.track.pair_filter import FORGET_S, PAIRS, PairFilter
from pipeline.types import Origin, Pose2D

_PARTS = {
    "face": ("l_eye", "l_ear"),
    "shoulders": ("l_shoulder",),
    "arms": ("l_elbow", "l_wrist"),
    "hips": ("l_hip",),
    "legs": ("l_knee", "l_ankle"),
}
# Joints that are swapped together, and the relative frequency of each swap.
_MODES: tuple[tuple[tuple[str, ...], float], ...] = (
    ((), 0.0),
    (("arms",), 3.0),
    (("legs",), 3.0),
    (("hips", "legs"), 3.0),
    (("shoulders", "arms"), 0.5),
    (("shoulders", "arms", "hips", "legs"), 1.0),
    (("face", "shoulders", "arms", "hips", "legs"), 3.0),
    (("face", "shoulders", "arms"), 1.0),
    (("arms", "legs"), 0.5),
    (("arms", "hips", "legs"), 0.5),
)
_START_HZ = 0.03  # swaps that begin, per second of good detection
_END_HZ = 3.0  # swaps that end, per second of swapped detection
_CHANGE_HZ = 0.1  # from one kind of swap to another
_MOTION_WEIGHT = 0.5  # the errors of joints and frames are not independent
_MOTION_LIMIT = 20.0  # natural logarithm; no single frame is proof
_CUE_WEIGHT_HZ = 1.5  # contradicting directions, per second that they last
_CUE_LIMIT = 2.0
_CLEARLY = 3.0  # ratio of probabilities that a change needs
_LEAST_SCORE = 0.2

_BITS = np.array([[part in mode for part in _PARTS] for mode, _ in _MODES])
_SHARE = np.array([share for _, share in _MODES]) / sum(share for _, share in _MODES)
_PART_OF_PAIR = np.array(
    [next(i for i, joints in enumerate(_PARTS.values()) if COCO_17.joints[left] in joints) for left, _ in PAIRS]
)
_CHANGED = _BITS[:, None] ^ _BITS[None]
# Parts of the transition matrix, [from, to].
_OFF, _ON = np.eye(len(_MODES))[0], 1 - np.eye(len(_MODES))[0]
_STARTS, _STAYS, _ENDS = np.outer(_OFF, _SHARE), np.outer(_OFF, _OFF), np.outer(_ON, _OFF)
_CHANGES, _KEEPS = np.outer(_ON, _SHARE), np.diag(_ON)

# Directions of face, shoulders and hips as weighted sums of the pairs' vectors [3, P]. Neighbours in this list should
# agree; for each two of them: the product of their widths on a body seen from the front (body heights squared), and how
# the logarithm of the odds that they agree grows with it (people of the training split), and the sign of their
# agreement under each mode [M, 2].
_DIRECTIONS = np.zeros((3, len(PAIRS)))
_DIRECTIONS[0, :2], _DIRECTIONS[1, 2], _DIRECTIONS[2, 5] = 0.5, 1, 1
_TYPICAL = np.array([0.06 * 0.21, 0.21 * 0.11])
_CUE_SLOPE = np.array([8.0, 15.0])
_CUE_SIGN = 1 - 2.0 * np.diff(_BITS[:, [0, 1, 3]], axis=1)

# Lengths on a standing body, in body heights: the box around the joints, shoulder to shoulder, shoulders to hips.
_BOX_SHARE, _SHOULDER_SHARE, _TRUNK_SHARE = 0.9, 0.21, 0.29
_SHOULDERS, _HIPS = PAIRS[2], PAIRS[5]
_SIZE_TIME_S = 1.0


class SwapRepair:
    """Repairs the left/right swaps of one person's track.

    Call it with each frame's pose in order, missing poses too. It decides from the frames so far, and restarts
    when the person was away for ``FORGET_S`` or the time goes backwards.
    """

    def __init__(self) -> None:
        self._filter = PairFilter()
        self._belief = _initial_belief()
        self._mode = 0
        self._time_s: float | None = None
        self._body_px: float | None = None

    def __call__(self, pose: Pose2D) -> Pose2D:
        """The pose with the joints that were on the wrong side exchanged.

        Coordinates, scores and origins of exchanged pairs change places; the origin of those that are present becomes
        ``Origin.SWAP_REPAIRED``. A pose that needs no repair is returned as it is.
        """
        seen = (pose.origin != Origin.MISSING) & np.isfinite(pose.xy_px).all(1)
        if not seen.any():
            return pose
        dt_s = self._step(pose.time_s)
        xy = np.where(seen[:, None], pose.xy_px, 0.0).astype(np.float64)
        body_px = self._follow_size(xy, seen, dt_s)
        vectors = xy[PAIRS[:, 0]] - xy[PAIRS[:, 1]]
        both = seen[PAIRS].all(1) & (pose.score[PAIRS].min(1) >= _LEAST_SCORE)
        self._filter.predict(dt_s)
        self._decide_mode(vectors, both, body_px, dt_s)
        swapped = _BITS[self._mode][_PART_OF_PAIR]
        self._filter.update(np.where(swapped[:, None], -vectors, vectors), both, body_px)
        return _exchanged(pose, swapped) if swapped.any() else pose

    def _step(self, time_s: float) -> float:
        """Seconds since the frame before; restarts after a gap."""
        before, self._time_s = self._time_s, time_s
        if before is None or not 0 < time_s - before <= FORGET_S:
            self._filter.forget()
            self._belief, self._mode, self._body_px = _initial_belief(), 0, None
            return 0.0
        return time_s - before

    def _follow_size(self, xy_px: F64, seen: Bools, dt_s: float) -> float:
        """Length of the body in pixels, smoothed over time."""
        now = _body_px(xy_px, seen)
        if self._body_px is not None:
            keep: float = math.exp(-dt_s / _SIZE_TIME_S)
            now = math.exp(keep * math.log(self._body_px) + (1 - keep) * math.log(now))
        self._body_px = now
        return now

    def _decide_mode(self, vectors: F64, both: Bools, body_px: float, dt_s: float) -> None:
        """Update the belief about the detector's mode, and decide which mode to undo."""
        pairs = self._filter.evidence(vectors, both, body_px)
        parts = np.bincount(_PART_OF_PAIR, _MOTION_WEIGHT * pairs, len(_PARTS))
        parts = parts.clip(-_MOTION_LIMIT, _MOTION_LIMIT)
        # The filter's state has its sides in order under the current mode, so they are exchanged under the others.
        turned = _CHANGED ^ _BITS[self._mode]
        joint = self._belief[:, None] * _transitions(dt_s) * np.exp(-(turned @ parts))
        joint *= np.exp(_cue(vectors, both, body_px) * min(_CUE_WEIGHT_HZ * dt_s, 1.0))
        self._belief = joint.sum(0) / joint.sum()
        # Trust the sides so far and follow the motion, whatever the detector calls the sides.
        before, now = self._mode, int(joint[self._mode].argmax())
        best = int(self._belief.argmax())
        if self._belief[best] > _CLEARLY * self._belief[now]:
            before, now = int(joint[:, best].argmax()), best
        self._filter.turn((_BITS[before] ^ _BITS[self._mode])[_PART_OF_PAIR])
        self._mode = now


def _initial_belief() -> F64:
    """Belief about the detector's mode before the first frame."""
    swapped = _START_HZ / (_START_HZ + _END_HZ)
    belief = _SHARE * swapped
    belief[0] = 1 - swapped
    return np.asarray(belief)


def _transitions(dt_s: float) -> F64:
    """Probabilities [from, to] of the modes after ``dt_s`` seconds."""
    start, end, change = (1 - math.exp(-rate * dt_s) for rate in (_START_HZ, _END_HZ, _CHANGE_HZ))
    return (
        start * _STARTS + (1 - start) * _STAYS + end * _ENDS + (1 - end) * (change * _CHANGES + (1 - change) * _KEEPS)
    )


def _cue(vectors: F64, both: Bools, body_px: float) -> F64:
    """How well the directions of face, shoulders and hips agree under each mode [M], natural logarithm."""
    across = _DIRECTIONS @ np.where(both[:, None], vectors, 0.0)
    agreement = (across[:-1] * across[1:]).sum(1) / (_TYPICAL * body_px**2)
    odds = (_CUE_SLOPE * agreement).clip(-_CUE_LIMIT, _CUE_LIMIT)
    return np.asarray(-np.log1p(np.exp(-_CUE_SIGN * odds)).sum(1))


def _body_px(xy_px: F64, seen: Bools) -> float:
    """Length of the body, from the parts that are seen; foreshortened parts are too short, so the longest wins."""
    there = xy_px[seen]
    width, height = (there.max(0) - there.min(0)).tolist()
    lengths = [1.0, width / _BOX_SHARE, height / _BOX_SHARE]
    if seen[_SHOULDERS].all():
        lengths.append(math.dist(*xy_px[_SHOULDERS].tolist()) / _SHOULDER_SHARE)
        if seen[_HIPS].all():
            lengths.append(math.dist(xy_px[_SHOULDERS].mean(0), xy_px[_HIPS].mean(0)) / _TRUNK_SHARE)
    return float(max(lengths))


def _exchanged(pose: Pose2D, swapped: Bools) -> Pose2D:
    """The pose with left and right of these pairs [P] exchanged and marked."""
    order = np.arange(len(COCO_17))
    order[PAIRS[swapped]] = PAIRS[swapped][:, ::-1]
    origin = pose.origin[order]
    origin[(order != np.arange(len(COCO_17))) & (origin != Origin.MISSING)] = Origin.SWAP_REPAIRED
    return replace(pose, xy_px=pose.xy_px[order], score=pose.score[order], origin=origin)
