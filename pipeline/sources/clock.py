"""Strictly increasing media times from a container's time stamps, repaired as little as possible."""

from __future__ import annotations

import math

# A step back of more than this is a new time line (joined clips, a counter that wrapped), not two
# pictures in the wrong order.
_JUMP_BACK_S = 1.0


class MediaClock:
    """Turns presentation times into strictly increasing media times.

    Good times pass unchanged. A missing time becomes the last one plus one nominal frame. A time that
    repeats or steps back a little is put a quarter of a frame after the last one, so that the next good
    time usually still lies ahead. After a long step back the following times are all moved by the same
    amount, so that the joined parts keep their own pace.

    Args:
        step_s: nominal duration of a frame, seconds.
        start_s: the first frame's time where that frame has none.

    Attributes:
        repaired: number of times that differ from the container's.
    """

    def __init__(self, step_s: float, start_s: float = 0.0) -> None:
        self._step_s = step_s
        self._start_s = start_s
        self._offset_s = 0.0
        self._last_s: float | None = None
        self.repaired = 0

    def stamp(self, pts_s: float | None) -> float:
        """The media time, seconds, of the next frame with this presentation time (None = it has none)."""
        good = None if pts_s is None or not math.isfinite(pts_s) else pts_s + self._offset_s
        last = self._last_s
        if last is None:
            time_s = self._start_s if good is None else good
            self.repaired += good is None
        elif good is not None and good > last:
            time_s = good
            self.repaired += self._offset_s != 0.0
        else:
            self.repaired += 1
            if good is None:
                time_s = last + self._step_s
            elif last - good > _JUMP_BACK_S:
                time_s = last + self._step_s
                self._offset_s += time_s - good
            else:
                time_s = last + self._step_s / 4
            # A step can vanish in the rounding of a very large time.
            time_s = max(time_s, math.nextafter(last, math.inf))
        self._last_s = time_s
        return time_s
