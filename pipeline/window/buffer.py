"""A ring of the last frames of a person, from which windows for the lifter are cut.

Every pushed frame comes out again exactly once and in order, with a window or without: without one if the person was
not seen there (fewer than four joints) and the gap is too long to bridge. A gap of at most ``MAX_GAP_S``
(and no longer than the look-ahead, so that its end is known when the frame is due) is filled by interpolation over
time, joint by joint, and marked so in ``origin``. A longer gap ends the stretch: windows on either side repeat the
stretch's edge frame, as the published code does at the start and the end of a video.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.skeletons import COCO_17, H36M_17, H36M_FROM_COCO, coco17_to_h36m17
from pipeline.types import Normalisation, Origin, Pose2D, Window
from pipeline.window.image_plane import window_in_picture
from pipeline.window.person_view import assumed_focal_px, view_of_person

MAX_GAP_S = 0.25
"""Longest gap that is bridged by interpolation."""

HIGHEST_RATE_HZ = 60.0
"""Highest frame rate that lifters are trained on; faster clips are seen every n-th frame."""

_INTERPOLATED_CONFIDENCE = 0.5  # of the lower confidence of the two ends
BREAK_S = 1.0
"""Frames further apart than this do not share a window, unless the source is that slow."""

_TOLERANCE_S = 1e-9
_HELD_CONFIDENCE = 0.5  # of the last known confidence
_MIN_JOINTS = 4  # fewer keypoints in the target frame say nothing about a body
_PARTS_OF_H36M = H36M_FROM_COCO != 0
# Plain numbers: numpy looks up the attributes of enumeration members at each use.
_MISSING, _INTERPOLATED = int(Origin.MISSING), int(Origin.INTERPOLATED)


@dataclass(frozen=True, slots=True)
class ReadyFrame:
    """A frame whose look-ahead has passed.

    Attributes:
        pose: its 2D pose, short gaps filled.
        window: the lifter's input, or None where the person was not seen.
    """

    pose: Pose2D
    window: Window | None


@dataclass(frozen=True, slots=True)
class _View:
    """A window's frames as the lifter sees them, see ``Window`` for shapes."""

    time_s: NDArray[np.float64]
    keypoints: NDArray[np.float32]
    rotation: NDArray[np.float32]
    scale: float


def frame_step(rate_hz: float) -> int:
    """Step of a window in frames: every n-th frame, so that it sees at most about 60 Hz."""
    return max(1, round(rate_hz / HIGHEST_RATE_HZ))


class WindowBuffer:
    """The ring of one person.

    Args:
        track_id: the person.
        window: T, frames in a window.
        lookahead: how many of them lie after the target frame.
        size_px: width and height of the picture.
        focal_px: focal length; assumed if None.
        step: n where a window takes every n-th frame, see ``frame_step``.
        normalisation: how the lifter expects its keypoints.
        longest_gap_s: longest gap that is bridged.
        break_s: frames further apart than this do not share a window.

    Memory is bounded: about 2 * T * step frames of keypoints.
    """

    def __init__(
        self,
        track_id: int,
        window: int,
        lookahead: int,
        size_px: tuple[int, int],
        focal_px: float | None = None,
        step: int = 1,
        normalisation: Normalisation = "person-view",
        longest_gap_s: float = MAX_GAP_S,
        break_s: float = BREAK_S,
    ) -> None:
        if not 0 <= lookahead < window:
            raise ValueError(f"look-ahead {lookahead} is not inside a window of {window}")
        self.track_id = track_id
        self._size_px, self._by_image = size_px, normalisation == "image"
        width, height = size_px
        self._focal = np.array([focal_px or assumed_focal_px(width, height)], np.float32)
        self._centre = np.array([[width / 2, height / 2]], np.float32)
        self._break_s = break_s
        self._longest_gap_s = longest_gap_s + _TOLERANCE_S
        self._step, self._target = step, window - 1 - lookahead
        self._offsets = (np.arange(window) - self._target) * step
        self._ahead = lookahead * step
        self._size = window * step + self._ahead + 1
        joints = len(COCO_17)
        self._xy = np.full((self._size, joints, 2), np.nan, np.float32)
        self._score = np.zeros((self._size, joints), np.float32)
        self._origin = np.full((self._size, joints), _MISSING, np.uint8)
        self._seen = [False] * self._size  # whether the person is seen in a slot
        # The same frames in the lifter's joints, converted when a frame changes, not for each window that holds it.
        self._body_xy = np.full((self._size, len(H36M_17), 2), np.nan, np.float32)
        self._body_score = np.zeros((self._size, len(H36M_17)), np.float32)
        # Windows of settled poses and previews nearly always hold the same frames: the last view is kept until a push.
        self._view: tuple[NDArray[np.intp], _View] | None = None
        self._time = np.zeros(self._size, np.float64)
        self._frame = np.zeros(self._size, np.int64)
        self._pushed = 0  # frames so far; frame number n of this ring lies in slot n % size
        self._due = 0  # the next one to come out
        self._last_seen = np.full(joints, -1, np.int64)

    def push(self, pose: Pose2D) -> list[ReadyFrame]:
        """Take the next frame (``Pose2D.missing`` if the person is not in it); returns the frames now due."""
        now = self._pushed
        slot = now % self._size
        seen = pose.origin != _MISSING
        self._xy[slot] = np.where(seen[:, None], pose.xy_px, np.nan)
        self._score[slot] = np.where(seen, pose.score, 0)
        self._origin[slot] = pose.origin
        self._seen[slot] = bool(seen.any())
        self._time[slot] = pose.time_s
        self._frame[slot] = pose.frame_index
        self._pushed += 1
        self._view = None
        self._convert(self._bridge(seen, now), now)
        self._last_seen[seen] = now
        return self._take_ready(now - self._ahead)

    def preview(self, lookahead: int) -> ReadyFrame | None:
        """The frame ``lookahead`` steps before the newest, with what is known of it now; it stays in the buffer.

        Its window ends with the newest frame, so that it belongs to a lifter (or a place of the full-sequence head)
        with this look-ahead. Where the detector skipped the newest frames, or the person was just lost, the window ends
        with missing frames, and a target among them has the last known keypoints, marked as held.

        Returns:
            None if there is no such frame, or the person has been away for longer than ``MAX_GAP_S``.
        """
        newest = self._pushed - 1
        number = newest - lookahead * self._step
        seen = newest
        while seen > max(0, newest - self._size + 1) and not self._is_seen(seen):
            seen -= 1
        if number < 0 or not self._is_seen(seen) or self._time_of(newest) - self._time_of(seen) > self._longest_gap_s:
            return None
        offsets = self._offsets - self._offsets[-1]
        first, _ = self._stretch(seen, newest + int(offsets[0]), newest)
        if number < first:
            return None
        slots = np.clip(newest + offsets, first, newest) % self._size
        if self._is_seen(number):
            slot = number % self._size
            return self._ready_frame(self._pose(slot), self._body_score[slot].copy(), slots)
        pose = self._held_pose(number, min(seen, number))
        return self._ready_frame(pose, coco17_to_h36m17(pose.xy_px, pose.score)[1], slots)

    def _time_of(self, number: int) -> float:
        return float(self._time[number % self._size])

    def _held_pose(self, number: int, seen: int) -> Pose2D:
        """The frame ``number`` with the keypoints of the last frame up to ``seen`` that has any."""
        while seen > 0 and not self._is_seen(seen):
            seen -= 1
        before = self._pose(seen % self._size)
        origin = np.where(before.origin == _MISSING, Origin.MISSING, Origin.HELD).astype(np.uint8)
        slot = number % self._size
        score = (_HELD_CONFIDENCE * before.score).astype(np.float32)
        return replace(
            before, frame_index=int(self._frame[slot]), time_s=float(self._time[slot]), score=score, origin=origin
        )

    def finish(self) -> list[ReadyFrame]:
        """The source has ended: the frames that are still waiting for their look-ahead."""
        return self._take_ready(self._pushed - 1)

    def _bridge(self, seen: NDArray[np.bool_], now: int) -> int:
        """Fill the joints that are ``seen`` again where their gap is short; returns the first frame that changed."""
        first = now
        for joint in np.flatnonzero(seen & (self._last_seen >= 0) & (self._last_seen < now - 1)):
            before = int(self._last_seen[joint])
            if self._bridge_joint(int(joint), before, now):
                first = min(first, before + 1)
        return first

    def _bridge_joint(self, joint: int, before: int, now: int) -> bool:
        """Fill a joint between the frames ``before`` and ``now`` where it was seen, if the gap is short."""
        if now - before - 1 > self._ahead:
            return False
        a, b = before % self._size, now % self._size
        span = self._time[b] - self._time[a]
        if not 0 < span <= self._longest_gap_s:
            return False
        slots = np.arange(before + 1, now) % self._size
        share = ((self._time[slots] - self._time[a]) / span).astype(np.float32)[:, None]
        self._xy[slots, joint] = (1 - share) * self._xy[a, joint] + share * self._xy[b, joint]
        self._score[slots, joint] = _INTERPOLATED_CONFIDENCE * min(self._score[a, joint], self._score[b, joint])
        self._origin[slots, joint] = _INTERPOLATED
        for slot in slots.tolist():
            self._seen[slot] = True
        return True

    def _convert(self, first: int, last: int) -> None:
        """Convert these frames to the lifter's joints."""
        slots = np.arange(first, last + 1) % self._size
        self._body_xy[slots], self._body_score[slots] = coco17_to_h36m17(self._xy[slots], self._score[slots])

    def _take_ready(self, last: int) -> list[ReadyFrame]:
        due = [self._cut_window(number) for number in range(self._due, last + 1)]
        self._due = max(self._due, last + 1)
        return due

    def _cut_window(self, number: int) -> ReadyFrame:
        slot = number % self._size
        pose = self._pose(slot)
        if not self._seen[slot]:
            return ReadyFrame(pose, None)
        first, last = self._stretch(number, number + int(self._offsets[0]), number + int(self._offsets[-1]))
        slots = np.clip(number + self._offsets, first, last) % self._size
        return self._ready_frame(pose, self._body_score[slot].copy(), slots)

    def _ready_frame(self, pose: Pose2D, score: NDArray[np.float32], slots: NDArray[np.intp]) -> ReadyFrame:
        """A frame with its score [17] in the lifter's joints and the window of these slots [T]."""
        if np.count_nonzero(score > 0) < _MIN_JOINTS:
            return ReadyFrame(pose, None)
        view = self._view_of(slots)
        # A joint made of several has the origin of its least certain part.
        origin = np.where(_PARTS_OF_H36M, pose.origin, 0).max(1).astype(np.uint8)
        window = Window(
            track_id=self.track_id,
            target_index=pose.frame_index,
            target_time_s=pose.time_s,
            time_s=view.time_s,
            keypoints=view.keypoints,
            rotation=view.rotation,
            score=score,
            origin=origin,
            scale=view.scale,
        )
        return ReadyFrame(pose, window)

    def _view_of(self, slots: NDArray[np.intp]) -> _View:
        if self._view is not None and np.array_equal(self._view[0], slots):
            return self._view[1]
        if self._by_image:
            xy, score = window_in_picture(self._xy[slots], self._score[slots], self._size_px)
            rotation = np.eye(3, dtype=np.float32)
            scale = self._size_px[0] / 2 / float(self._focal[0])
        else:
            score = self._body_score[slots]
            views, rotations, scales = view_of_person(
                self._body_xy[slots][None], score[None] > 0, self._focal, self._centre
            )
            xy, rotation, scale = views[0], rotations[0], float(scales[0])
        view = _View(self._time[slots], np.concatenate([xy, score[..., None]], -1), rotation, scale)
        self._view = slots, view
        return view

    def _stretch(self, number: int, oldest: int, newest: int) -> tuple[int, int]:
        """First and last frame around ``number``, within these, between which the person is never out of sight."""
        oldest, newest = max(0, self._pushed - self._size, oldest), min(self._pushed - 1, newest)
        first = last = number
        while first > oldest and self._is_seen(first - 1) and self._continues_after(first - 1):
            first -= 1
        while last < newest and self._is_seen(last + 1) and self._continues_after(last):
            last += 1
        return first, last

    def _continues_after(self, number: int) -> bool:
        """Whether the next frame follows without a break; after a break, a stream may show another scene."""
        return self._time_of(number + 1) - self._time_of(number) <= self._break_s

    def _is_seen(self, number: int) -> bool:
        return self._seen[number % self._size]

    def _pose(self, slot: int) -> Pose2D:
        xy = self._xy[slot].copy()
        origin = self._origin[slot].copy()
        return Pose2D(
            int(self._frame[slot]),
            float(self._time[slot]),
            self.track_id,
            xy,
            self._score[slot].copy(),
            _box(xy, origin != _MISSING),
            origin,
        )


def _box(xy: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    if not seen.any():
        return np.full(4, np.nan, np.float32)
    return np.concatenate([xy[seen].min(0), xy[seen].max(0)]).astype(np.float32)
