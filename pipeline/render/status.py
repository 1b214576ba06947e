"""Words and figures about a run, for its pictures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Status:
    """Words and figures for one picture.

    Attributes:
        fps: frames per second, if known.
        note: a word or two, such as 'preview' or 'reconnecting'.
        latency_ms, latency_p95_ms: from the capture of a frame to the screen, median and 95th percentile of the last
            frames, if known.
        dropped: frames dropped so far.
    """

    fps: float | None = None
    note: str = ""
    latency_ms: float | None = None
    latency_p95_ms: float | None = None
    dropped: int = 0
