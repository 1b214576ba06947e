"""Live sources: the newest frame wins, drops are counted, each frame is lifted at once.

There are two tiers of poses. The settled pose of a frame, which goes into the files, needs the frames after it. Before
it comes, the screen shows a preview of a newer frame: ``RunOptions.preview_lookahead`` frames behind the newest, 0 for
the newest one itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from pipeline.errors import ConfigError
from pipeline.lift.base import PreviewLifter
from pipeline.run.lifting import Detected, Lifting, Timed, rows_of, shown_of
from pipeline.run.people import People
from pipeline.run.stages import Room, any_item
from pipeline.run.waiting import AwaitingLookahead, AwaitingPreview, Finished
from pipeline.types import NO_IMAGE, Drawn, Frame, Rows, Shown, Tier
from pipeline.window.buffer import ReadyFrame, frame_step

_RECORD_S = 1.0  # while a run is recorded, this much of it may wait for drawing before a picture is left out,
_RECORD_BYTES = 128 << 20  # and at most this many bytes


class LivePolicy:
    """The ``Policy`` of live sources.

    Args:
        lifting: makes the poses.
        shows: whether frames are drawn, or given to an observer, besides their rows.
        picture_bytes: size of a composed picture; 0 where nothing is drawn.

    Attributes:
        is_recording: says whether every drawn picture is to be recorded now; asked again and again.
        is_ending: whether the last frames are on their way; nothing comes after them that could be delayed.

    Raises:
        ConfigError: previews are requested from a lifter that has none.
    """

    source_stage = "wait"  # a live source spends its time waiting for the next picture

    def __init__(self, lifting: Lifting, shows: bool, picture_bytes: int = 0) -> None:
        self._lifting, self._shows, self._picture_bytes = lifting, shows, picture_bytes
        self.is_recording: Callable[[], bool] = lambda: False
        self.is_ending = False
        self._previewer: PreviewLifter | None = None
        lookahead, lifter = lifting.options.preview_lookahead, lifting.lifter
        if shows and lookahead is not None and lookahead < lifter.spec.lookahead:
            if not (isinstance(lifter, PreviewLifter) and lifter.spec.previews):
                raise ConfigError(
                    "preview_lookahead", lookahead, "was asked of a lifter without previews; use `latency` best"
                )
            self._previewer = lifter

    def room(self, stage: str) -> Room:
        """Room for one frame: a frame that waits is late. Frames may be dropped before detection, pictures after it."""
        if stage == "source":
            return Room(1, any_item)
        if stage == "lift":
            return Room(self._lifted_waiting, self._may_stay_undrawn)
        return Room(1, _is_picture if stage == "draw" else None)

    def _lifted_waiting(self) -> int:
        """How many lifted frames may wait for drawing."""
        if not self._picture_bytes or not self.is_recording():
            return 1
        return max(1, min(round(_RECORD_S * self._lifting.info.fps), _RECORD_BYTES // self._picture_bytes))

    def _may_stay_undrawn(self, timed: Timed) -> bool:
        return _is_picture(timed) and not (self.is_ending and self.is_recording())

    def lift(self, detected: Iterable[Detected]) -> Iterator[Timed]:
        """Settled poses when they are due, and previews at once where they are drawn."""
        people = self._lifting.new_people()
        if self._previewer is None:
            yield from self._lift_settled(people, detected)
        else:
            yield from self._lift_with_previews(self._previewer, people, detected)

    def completes_frame(self, item: Rows | Shown | Drawn) -> bool:
        """Rows and pictures are taken at different times, so each counts for itself."""
        return True

    def _lift_settled(self, people: People, detected: Iterable[Detected]) -> Iterator[Timed]:
        """Each frame waits, with its picture, until its look-ahead has passed."""
        waiting = AwaitingLookahead(self._lifting.options.smooth, live=self._shows)
        batch: list[list[ReadyFrame]] = []
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in detected:
                waiting.push(captured_s, frame)
                batch += people.push(frame.index, frame.time_s, poses)
                settled = self._lifting.poses(batch)
                lifted, batch = batch, []
                if not self._shows:
                    self._lifting.meter.add("latency", time.perf_counter() - captured_s)
                yield from self._rows_and_pictures(waiting.finished(lifted, settled))
        except Exception as error:  # frames that were read before the failure still get their rows
            failure = error
        yield from self._rows_and_pictures(self._remaining(waiting, batch + people.finish(), failure))

    def _lift_with_previews(
        self, lifter: PreviewLifter, people: People, detected: Iterable[Detected]
    ) -> Iterator[Timed]:
        """Previews with their pictures at once, settled poses without a picture when they are due."""
        smooth, lookahead = self._lifting.options.smooth, self._lifting.options.preview_lookahead or 0
        waiting = AwaitingLookahead(smooth, live=False)
        newest = AwaitingPreview(lookahead, frame_step(self._lifting.info.fps), smooth)
        batch: list[list[ReadyFrame]] = []
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in detected:
                waiting.push(captured_s, Frame(frame.index, frame.time_s, NO_IMAGE))
                newest.push(captured_s, frame)
                batch += people.push(frame.index, frame.time_s, poses)
                ready = people.preview(lookahead)
                settled, previews = self._lifting.poses_and_previews(lifter, batch, ready, lookahead)
                lifted, batch = batch, []
                yield from (shown_of(finished, Tier.PREVIEW) for finished in newest.finished(ready, previews))
                yield from map(rows_of, waiting.finished(lifted, settled))
        except Exception as error:
            failure = error
        # The last frames never get the look-ahead of a preview: they are shown with their settled poses.
        pictures = newest.rest()
        for finished in self._remaining(waiting, batch + people.finish(), failure):
            yield rows_of(finished)
            if finished.frame.index in pictures:
                frame = pictures[finished.frame.index]
                yield shown_of(finished._replace(frame=frame), Tier.SETTLED)

    def _remaining(
        self, waiting: AwaitingLookahead, batch: list[list[ReadyFrame]], failure: Exception | None
    ) -> Iterator[Finished]:
        """The frames that still wait, without 3D poses if the lifter failed; then the failure."""
        self.is_ending = True
        try:
            poses = self._lifting.poses(batch)
        except Exception as error:
            poses, failure = [], failure or error
        yield from waiting.finished(batch, poses)
        yield from waiting.rest()
        if failure is not None:
            raise failure

    def _rows_and_pictures(self, frames: Iterable[Finished]) -> Iterator[Timed]:
        """The rows of a frame, which must not be lost or late, and its picture, which may."""
        for finished in frames:
            yield rows_of(finished)
            if self._shows:
                yield shown_of(finished, Tier.SETTLED)


def _is_picture(timed: Timed) -> bool:
    return not isinstance(timed.item, Rows)
