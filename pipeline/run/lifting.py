"""The part of the lifting stage that clips and live sources share: people, windows, poses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from pipeline.lift.base import Lifter, PreviewLifter
from pipeline.place.scale import scaled
from pipeline.run.meter import Meter
from pipeline.run.options import RunOptions
from pipeline.run.people import People
from pipeline.run.stages import Room
from pipeline.run.waiting import Finished
from pipeline.sources.base import SourceInfo
from pipeline.types import Drawn, Frame, Pose2D, Pose3D, Rows, Shown, Tier
from pipeline.window.buffer import BREAK_S, MAX_GAP_S, ReadyFrame, WindowBuffer, frame_step

_SLOW_STEPS = 2.5  # in frames of a slow source: the least break between windows


class Detected(NamedTuple):
    """A frame and what the detector found in it; ``captured_s`` on the clock of ``time.perf_counter``."""

    captured_s: float
    frame: Frame
    poses: list[Pose2D]


class Timed(NamedTuple):
    """An item that passes between the stages after the lifter, and when its frame was captured."""

    captured_s: float
    item: Rows | Shown | Drawn


class Policy(Protocol):
    """The parts of a run that differ between clips and live sources."""

    @property
    def source_stage(self) -> str:
        """Name under which the time of the source stage is counted."""

    def room(self, stage: str) -> Room:
        """The queue behind a stage: 'source', 'detect', 'lift', 'draw'."""

    def lift(self, detected: Iterable[Detected]) -> Iterator[Timed]:
        """The lifting stage. Frames that were read before a failure get their rows, then the failure is raised."""

    def completes_frame(self, item: Rows | Shown | Drawn) -> bool:
        """Whether the item is the last of its frame: the time of writing, and for clips the latency, end with it."""


class Lifting:
    """Lifter, options and buffers, which both policies lift with.

    Args:
        lifter: the model.
        options: how poses are made.
        info: facts about the source.
        meter: measures the time of lifting.
    """

    def __init__(self, lifter: Lifter, options: RunOptions, info: SourceInfo, meter: Meter) -> None:
        self.lifter, self.options, self.info, self.meter = lifter, options, info, meter

    def new_people(self) -> People:
        """An empty ``People``."""
        return People(self._new_buffer, self.options.repair_swaps)

    def poses(self, batch: list[list[ReadyFrame]]) -> list[Pose3D]:
        """The settled poses of the frames that have windows."""
        windows = [one.window for people in batch for one in people if one.window is not None]
        if not batch:
            return []
        with self.meter.time("lift", items=len(batch)):
            return self._sized(self.lifter(windows) if windows else [])

    def poses_and_previews(
        self, lifter: PreviewLifter, batch: list[list[ReadyFrame]], newest: list[ReadyFrame], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """The settled poses of the frames of the batch, and the previews of the people of a newer frame."""
        windows = [one.window for people in batch for one in people if one.window is not None]
        preview_windows = [one.window for one in newest if one.window is not None]
        with self.meter.time("lift"):
            settled, previews = lifter.lift_with_previews(windows, preview_windows, lookahead)
        return self._sized(settled), self._sized(previews)

    def _sized(self, poses: list[Pose3D]) -> list[Pose3D]:
        return [scaled(pose, self.options.size_factor) for pose in poses]

    def _new_buffer(self, track_id: int) -> WindowBuffer:
        info, spec = self.info, self.lifter.spec
        return WindowBuffer(
            track_id,
            spec.window,
            spec.lookahead,
            (info.width_px, info.height_px),
            self.options.focal_px,
            frame_step(info.fps),
            spec.normalisation,
            longest_gap_s(self.options.detect_every, info.fps, info.live),
            max(BREAK_S, _SLOW_STEPS / info.fps),
        )


def rows_of(finished: Finished) -> Timed:
    """The rows of a frame, for the files."""
    return Timed(finished.captured_s, Rows(finished.frame.index, finished.frame.time_s, finished.people))


def shown_of(finished: Finished, tier: Tier) -> Timed:
    """A frame with its poses, for the screen."""
    return Timed(finished.captured_s, Shown(finished.frame, finished.people, tier))


def longest_gap_s(detect_every: int, fps: float, live: bool) -> float:
    """Longest gap that is bridged: with sparse detection at least the time between two looks of the detector.

    For live sources twice that time: a slow machine does not reach the nominal rate of the source.
    """
    looks_s = detect_every / fps * (2 if live else 1)
    return max(MAX_GAP_S, looks_s) if detect_every > 1 else MAX_GAP_S
