"""Counts and times of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.run.meter import Meter
from pipeline.types import Rows

DELAYS = ("latency", "screen", "settled")
"""Measured of whole frames; all other names of a run's meter are stages."""


@dataclass
class Statistics:
    """Counts and times of a run; read it when the run is over, or while it goes on.

    Attributes:
        meter: times by stage, and three delays that are no stages. ``latency``: from the capture of a frame (of clips:
            from its decoding) until its picture has been taken, or its rows where nothing is shown; in a live run that
            shows nothing, until it has been detected and the lifter has seen it. ``screen``: from then until the
            picture is on the screen, where a window in another process knows. ``settled``: live, from the capture of a
            frame until its rows have been taken, which wait for the frames after it and to be smoothed.
        frames: with rows.
        frames_with_person: those of them in which somebody has a 3D pose.
        pictures: composed, and shown or written.
        tracks: numbers of the people who had a 3D pose.
        dropped: frames of a live source that nobody had time for: they have neither rows nor picture.
        not_drawn: pictures of a live run that nobody had time to draw or show.
        first_time_s, last_time_s: of the frames with rows.
        wall_s: from the first frame asked for to the last one done.
    """

    meter: Meter = field(default_factory=Meter)
    frames: int = 0
    frames_with_person: int = 0
    pictures: int = 0
    tracks: set[int] = field(default_factory=set)
    dropped: int = 0
    not_drawn: int = 0
    first_time_s: float | None = None
    last_time_s: float | None = None
    wall_s: float = 0.0

    @property
    def fps(self) -> float:
        """Frames per second of wall time."""
        return self.frames / self.wall_s if self.wall_s > 0 else 0.0

    def count(self, rows: Rows) -> None:
        """Take note of rows that were taken."""
        present = [person.track_id for person in rows.people if not person.pose3d.is_missing]
        self.frames += 1
        self.frames_with_person += bool(present)
        self.tracks.update(present)
        if self.first_time_s is None:
            self.first_time_s = rows.time_s
        self.last_time_s = rows.time_s
