"""The smoothed poses of all people, frame by frame."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from typing import Protocol

from pipeline.smooth.one_euro import OneEuro
from pipeline.smooth.presets import Preset, find_preset
from pipeline.smooth.zero_phase import ZeroPhase
from pipeline.types import Pose3D


class Smoother(Protocol):
    """Smooths the poses of one person; every pose comes out once, in order."""

    def push(self, pose: Pose3D) -> list[Pose3D]:
        """Take the next pose; returns the smoothed poses that are due."""

    def finish(self) -> list[Pose3D]:
        """The smoothed poses that still wait."""


class Smoothing:
    """Smooths the poses of all people, frame by frame.

    Args:
        new_smoother: makes the filter of one person.

    Previews and settled poses of the same frames are two streams: each needs its own ``Smoothing``.
    """

    def __init__(self, new_smoother: Callable[[], Smoother]) -> None:
        self._new_smoother = new_smoother
        self._people: dict[int, Smoother] = {}
        self._frames: deque[list[int]] = deque()  # the people of each frame that still waits
        self._ready: defaultdict[int, deque[Pose3D]] = defaultdict(deque)  # by person, in order

    def push(self, poses: list[Pose3D]) -> list[list[Pose3D]]:
        """Take the poses of the next frame, missing ones too; returns the smoothed poses of each frame now due.

        Every frame comes out once, in order, with its people in their order; frames without people too. A person who
        is not in the frame is forgotten; under the same number later, they are smoothed as a new person.

        Args:
            poses: at most one per person.
        """
        present = [pose.track_id for pose in poses]
        self._frames.append(present)
        for gone in self._people.keys() - set(present):
            self._ready[gone] += self._people.pop(gone).finish()
        for pose in poses:
            if pose.track_id not in self._people:
                self._people[pose.track_id] = self._new_smoother()
            self._ready[pose.track_id] += self._people[pose.track_id].push(pose)
        return self._due_frames()

    def finish(self) -> list[list[Pose3D]]:
        """The source has ended: the frames that still wait."""
        for track_id, smoother in self._people.items():
            self._ready[track_id] += smoother.finish()
        self._people.clear()
        return self._due_frames()

    def _due_frames(self) -> list[list[Pose3D]]:
        due = []
        while self._frames and all(self._ready[track_id] for track_id in self._frames[0]):
            due.append([self._ready[track_id].popleft() for track_id in self._frames.popleft()])
        for track_id in [track_id for track_id, poses in self._ready.items() if not poses]:
            del self._ready[track_id]  # people's numbers only grow, so old ones can go
        return due


class _LiveSmoother:
    """One Euro as a ``Smoother``: every pose is due at once."""

    def __init__(self, preset: Preset) -> None:
        self._filter = OneEuro(preset)

    def push(self, pose: Pose3D) -> list[Pose3D]:
        return [self._filter(pose)]

    def finish(self) -> list[Pose3D]:
        return []


def create_smoothing(name: str, live: bool) -> Smoothing | None:
    """Smoothing by the name of a preset: One Euro for poses that are due at once, else zero phase.

    Args:
        name: a key of ``presets.PRESETS``; 'off' returns None.
        live: whether poses must come out at once; otherwise each frame waits for ``ZeroPhase.lookahead_s``.

    Raises:
        ConfigError: there is no preset of this name.
    """
    preset = find_preset(name)
    if preset is None:
        return None
    return Smoothing(lambda: _LiveSmoother(preset) if live else ZeroPhase(preset))
