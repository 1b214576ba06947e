"""Capture times of live sources: from zero, strictly increasing, through breaks and wrong time stamps."""

from __future__ import annotations

import math

# Back by more than this is a new time line; by less, pictures in the wrong order.
_JUMP_BACK_S = 1.0
# Servers send their buffered pictures in one burst; a time further ahead of the arrival is a jump of the sender's
# clock.
_JUMP_AHEAD_S = 10.0
_BAD_IN_A_ROW = 3


class LiveClock:
    """Media times, seconds since the first picture.

    A picture with a presentation time keeps the sender's pace, which is steadier than the arrival. One without is
    placed by its arrival. So is the first picture of a new connection, and one whose time stamp jumps or has stopped
    advancing; those after it go on from there at the sender's pace. A single time stamp that repeats or steps back
    a little is put a quarter of a frame after the last one.

    Args:
        step_s: nominal duration of a frame, seconds; may be set later.

    Attributes:
        repaired: number of wrong presentation times.
    """

    def __init__(self, step_s: float) -> None:
        self.step_s = step_s
        self.repaired = 0
        self._last_s: float | None = None
        self._from_arrival_s = 0.0  # added to an arrival gives a media time
        self._from_pts_s: float | None = None  # the same for presentation times; None = not known
        self._bad = 0

    def stamp(self, pts_s: float | None, arrived_s: float, first: bool = False) -> float:
        """The media time of the next picture.

        Args:
            pts_s: its presentation time, None where it has none.
            arrived_s: when it was captured or arrived, on a clock that never runs back.
            first: it is the first of a new connection.
        """
        if pts_s is not None and not math.isfinite(pts_s):
            pts_s = None
        if first:
            self._from_pts_s = None
        last_s = self._last_s
        if last_s is None:
            time_s = 0.0
        else:
            earliest_s = last_s + self.step_s / 4
            by_arrival_s = arrived_s + self._from_arrival_s
            by_pts_s = None if pts_s is None or self._from_pts_s is None else pts_s + self._from_pts_s
            if by_pts_s is None:
                time_s = by_arrival_s if by_arrival_s > last_s else earliest_s
            else:
                time_s = self._follow(by_pts_s, by_arrival_s, last_s, earliest_s)
        if pts_s is None:
            self._from_pts_s = None
        elif self._from_pts_s is None:
            self._from_pts_s = time_s - pts_s
        if last_s is None or pts_s is not None:
            self._from_arrival_s = time_s - arrived_s
        self._last_s = time_s
        return time_s

    def _follow(self, by_pts_s: float, by_arrival_s: float, last_s: float, earliest_s: float) -> float:
        """The time of a picture that has a presentation time on a known time line."""
        good = last_s < by_pts_s <= by_arrival_s + _JUMP_AHEAD_S
        self._bad = 0 if good else self._bad + 1
        if good:
            return by_pts_s
        self.repaired += 1
        if last_s - _JUMP_BACK_S <= by_pts_s <= last_s and self._bad < _BAD_IN_A_ROW:
            return earliest_s
        self._from_pts_s = None  # set anew from this picture
        return max(by_arrival_s, earliest_s)
