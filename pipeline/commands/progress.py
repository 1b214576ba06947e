"""The progress bar of a run."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

from pipeline.job import Job, Observer, Wants
from pipeline.run.statistics import DELAYS, Statistics
from pipeline.types import Rows


class Progress(Observer):
    """Counts frames on stderr if it is a terminal, with the delays of a live run. Use as a context manager."""

    def __init__(self) -> None:
        self._job: Job | None = None
        self._bar: tqdm[Any] | None = None

    def begin(self, job: Job) -> Wants:
        """Ask for rows only."""
        self._job = job
        return Wants.ROWS

    def rows(self, rows: Rows) -> None:
        """Count one more frame."""
        assert self._job is not None
        info = self._job.source.info
        if self._bar is None:
            self._bar = tqdm(total=info.frame_count, unit="frame", desc=info.name, disable=not sys.stderr.isatty())
        if info.live and not self._bar.disable:
            self._bar.set_postfix_str(_delays(self._job.statistics), refresh=False)
        self._bar.update()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()


def _delays(statistics: Statistics) -> str:
    """The delays of the last frames."""
    late_ms = {name: statistics.meter.recent_ms(name, 50) for name in DELAYS}
    return ", ".join(f"{name} {ms:.0f} ms" for name, ms in late_ms.items() if ms is not None)
