"""All people of a run: from detected keypoints, through the repair of swaps, to windows for the lifter."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.track.swaps import SwapRepair
from pipeline.types import Pose2D
from pipeline.window.buffer import ReadyFrame, WindowBuffer


class People:
    """The windows of all people, frame by frame. Person 0 has a row in every frame, others from their first one.

    Args:
        new_buffer: makes the buffer of one person.
        repair_swaps: repair left/right swaps before lifting, see ``pipeline.track.swaps``.
    """

    def __init__(self, new_buffer: Callable[[int], WindowBuffer], repair_swaps: bool = True) -> None:
        self._new_buffer, self._repair_swaps = new_buffer, repair_swaps
        self._buffers = {0: new_buffer(0)}
        self._repairs: dict[int, SwapRepair] = {}

    def push(self, frame_index: int, time_s: float, poses: list[Pose2D]) -> list[list[ReadyFrame]]:
        """Take the poses of the next frame; returns the people of each frame that is now ready."""
        found = {pose.track_id: self._repaired(pose) for pose in poses}
        for track_id in found.keys() - self._buffers.keys():
            self._buffers[track_id] = self._new_buffer(track_id)
        return _by_frame(
            buffer.push(found.get(track_id) or Pose2D.missing(frame_index, time_s, track_id))
            for track_id, buffer in self._buffers.items()
        )

    def preview(self, lookahead: int) -> list[ReadyFrame]:
        """The people of the frame that lies ``lookahead`` before the newest, see ``WindowBuffer.preview``."""
        previews = (buffer.preview(lookahead) for buffer in self._buffers.values())
        return [due for due in previews if due is not None]

    def finish(self) -> list[list[ReadyFrame]]:
        """The people of all remaining frames."""
        return _by_frame(buffer.finish() for buffer in self._buffers.values())

    def _repaired(self, pose: Pose2D) -> Pose2D:
        if not self._repair_swaps:
            return pose
        return self._repairs.setdefault(pose.track_id, SwapRepair())(pose)


def _by_frame(parts: Iterable[list[ReadyFrame]]) -> list[list[ReadyFrame]]:
    frames: dict[int, list[ReadyFrame]] = {}
    for part in parts:
        for due in part:
            frames.setdefault(due.pose.frame_index, []).append(due)
    return [frames[index] for index in sorted(frames)]
