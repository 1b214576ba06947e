"""A live run that goes on and on: nothing may grow, nothing may be lost."""

from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

import pytest

from benchmarks.bench_endurance import Endured, FlatLifter, Sample, Story, endure, growth
from pipeline.run.meter import Meter
from pipeline.run.options import RunOptions
from pipeline.types import Rows

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads /proc/self")

OPTIONS = RunOptions(smooth="light", preview_lookahead=0)
# People come and go, and the stream breaks, as often in these frames as in some minutes.
BUSY = Story(
    2000, away_every=400, away=60, blink_every=110, guest_every=500, guest=200, break_every=700, break_s=3.0, burst=0
)


def test_a_long_live_run_grows_in_nothing_and_has_row_n_for_frame_n(monkeypatch) -> None:
    monkeypatch.setattr(Meter, "_KEEP", 200)  # so that its memory is full early
    endured = endure(BUSY, FlatLifter(), OPTIONS, sample_every=50, draw_every=20)
    assert endured.handed == endured.rows == 2000 and endured.dropped == 0
    assert endured.row_per_frame
    assert endured.problems(limit_mb=3.0) == []
    assert endured.blocks_per_frame < 0.5  # one object kept for every second frame


def test_frames_that_come_all_at_once_are_dropped_and_counted() -> None:
    """Sparse detection and a burst after each break: a row for every frame that was not dropped."""
    story = Story(600, away_every=400, away=60, break_every=150, burst=6)
    rows: list[Rows] = []
    options = RunOptions(detect_every=3, preview_lookahead=3)
    endured = endure(story, FlatLifter(), options, sample_every=50, write=rows.append, draw_every=20)
    assert endured.handed == 600 and endured.rows == len(rows) == 600 - endured.dropped
    assert endured.in_order and rows[-1].frame_index == 599
    gone = set(range(600)) - {row.frame_index for row in rows}
    assert len(gone) == endured.dropped
    # only those that did not wait, or the one before them, which had not been taken yet
    assert all(not (story.waits(index) and story.waits(index + 1)) for index in gone)
    jumps = [b.time_s - a.time_s for a, b in pairwise(rows)]
    assert sum(jump > story.break_s for jump in jumps) == 3


def endured(rss_mb: list[float], **fields) -> Endured:
    samples = [Sample(100 * (n + 1), value, 1000, 9, 10, 0.1 * n, 0.1 * n) for n, value in enumerate(rss_mb)]
    return Endured(handed=800, rows=800, samples=samples, before=(4, 8), after=(4, 8), **fields)


def test_growth_is_that_between_the_second_and_the_last_quarter() -> None:
    assert growth([900, 500, 100, 100, 300, 300, 104, 104]) == 4
    assert growth([1, 2]) == 1 and growth([7]) == 0


def test_what_is_wrong_is_said() -> None:
    flat = [120.0, 140, 150, 150, 151, 151, 152, 152]
    assert endured(flat).problems(3.0) == []
    assert endured(flat).problems(1.0) == ["memory grew by 2.0 MB"]
    wrong = endured(flat, dropped=3, in_order=False)
    wrong.samples[-1] = Sample(800, 152, 1000, 10, 12, 0.8, 0.8)
    wrong.after = (5, 8)
    assert wrong.problems(3.0) == [
        "800 rows for 800 frames, 3 of them dropped",
        "rows are not in order",
        "threads grew from 9 to 10",
        "handles grew from 10 to 12",
        "1 threads were left behind",
    ]


def test_the_blocks_show_an_object_that_is_kept() -> None:
    before, kept = sys.getallocatedblocks(), [object() for _ in range(1000)]
    assert sys.getallocatedblocks() - before >= len(kept)
