"""Clips: every frame, in order, as fast as possible; windows are lifted in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipeline.run.lifting import Detected, Lifting, Timed, rows_of, shown_of
from pipeline.run.stages import Room
from pipeline.run.waiting import AwaitingLookahead, Finished
from pipeline.types import Drawn, Rows, Shown, Tier
from pipeline.window.buffer import ReadyFrame

_QUEUE_FRAMES = 3
_LIFTED_FRAMES = 16


class FilePolicy:
    """The ``Policy`` of clips.

    Args:
        lifting: makes the poses.
        shows: whether frames are drawn, or given to an observer, besides their rows.
    """

    source_stage = "decode"

    def __init__(self, lifting: Lifting, shows: bool) -> None:
        self._lifting, self._shows = lifting, shows

    def room(self, stage: str) -> Room:
        """Some frames; nothing is ever dropped."""
        items = 2 if self._shows and stage in ("lift", "draw") else 1
        return Room(items * (_LIFTED_FRAMES if stage == "lift" else _QUEUE_FRAMES))

    def lift(self, detected: Iterable[Detected]) -> Iterator[Timed]:
        """Each frame waits, with its picture, until its look-ahead has passed; poses are lifted in batches."""
        people = self._lifting.new_people()
        waiting = AwaitingLookahead(self._lifting.options.smooth, live=False)
        batch: list[list[ReadyFrame]] = []
        limit = self._lifting.lifter.spec.batch_frames
        failure: Exception | None = None
        try:
            for captured_s, frame, poses in detected:
                waiting.push(captured_s, frame)
                batch += people.push(frame.index, frame.time_s, poses)
                if len(batch) >= limit:
                    settled = self._lifting.poses(batch)
                    lifted, batch = batch, []  # only now, since a batch that can't be lifted gets its rows below
                    yield from self._items(waiting.finished(lifted, settled))
        except Exception as error:  # frames that were read before the failure still get their rows
            failure = error
        batch += people.finish()
        try:
            rest = self._lifting.poses(batch)
        except Exception as error:
            rest, failure = [], failure or error
        yield from self._items(waiting.finished(batch, rest))
        yield from self._items(waiting.rest())
        if failure is not None:
            raise failure

    def completes_frame(self, item: Rows | Shown | Drawn) -> bool:
        """The picture where there is one: it comes after the rows."""
        return not self._shows or not isinstance(item, Rows)

    def _items(self, frames: Iterable[Finished]) -> Iterator[Timed]:
        for finished in frames:
            yield rows_of(finished)
            if self._shows:
                yield shown_of(finished, Tier.SETTLED)
