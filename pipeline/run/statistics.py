"""Counts and times of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.run.meter import Meter
from pipeline.types import Rows

DELAYS = ("latency", "screen", "settled")
"""Delays of whole frames in a run's meter; all its other names are stages."""


@dataclass
class Statistics:
    """Counts and times of a run; read it when the run is over, or while it goes on.

    Attributes:
        meter: times by stage, and three delays of whole frames. ``latency``: from the capture of a frame (of clips:
            from its decoding) until its picture has been taken, or its rows where nothing is shown; in a live run that
            shows nothing, until it has been detected and the lifter has seen it. ``screen``: from then until the
            picture is on the screen, where a window in another process knows. ``settled``: live, from the capture of a
            frame until its rows have been taken, which wait for the frames after it and to be smoothed.
        frames: frames with rows.
        frames_with_person: frames in which a person has a 3D pose.
        pictures: pictures that were composed, and shown or written.
        tracks: numbers of the people who had a 3D pose.
        dropped: frames of a live source for which there was no time: they have neither rows nor picture.
        not_drawn: pictures of a live run for which there was no time to draw or show them.
        first_time_s, last_time_s: times of the first and last frame with rows.
        wall_s: time from the request for the first frame to the end of the last.
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
        """Count the rows of a frame."""
        present = [person.track_id for person in rows.people if not person.pose3d.is_missing]
        self.frames += 1
        self.frames_with_person += bool(present)
        self.tracks.update(present)
        if self.first_time_s is None:
            self.first_time_s = rows.time_s
        self.last_time_s = rows.time_s
