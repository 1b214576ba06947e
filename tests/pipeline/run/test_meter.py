from __future__ import annotations

import pytest

from pipeline.run.meter import Meter


def test_medians_totals_and_names() -> None:
    meter = Meter()
    for milliseconds in (1, 2, 9):
        meter.add("draw", milliseconds / 1000)
    meter.add("lift", 0.1, items=10)
    assert meter.median_ms("draw") == pytest.approx(2) and meter.percentile_ms("draw", 100) == pytest.approx(9)
    assert meter.median_ms("lift") == pytest.approx(10) and meter.total_s("lift") == pytest.approx(0.1)
    assert meter.median_ms("other") is None and meter.names() == ["draw", "lift"]
    assert list(meter.timed("read", iter("abc"))) == ["a", "b", "c"]
    assert meter.names() == ["draw", "lift", "read"]


def test_it_is_bounded_and_its_totals_are_not() -> None:
    meter = Meter()
    meter.add("x", 5.0)
    for _ in range(10_000):
        meter.add("x", 0.001)
    assert meter.percentile_ms("x", 100) == pytest.approx(1), "the first one is forgotten"
    assert meter.total_s("x") == pytest.approx(15)


def test_figures_for_display_are_those_of_the_last_frames() -> None:
    meter = Meter()
    for milliseconds in [100.0] * 500 + [2.0] * 100:
        meter.add("latency", milliseconds / 1000)
    assert meter.recent_ms("latency", 95) == pytest.approx(2) and meter.median_ms("latency") == pytest.approx(100)
    assert meter.recent_ms("screen", 50) is None


def test_a_block_is_measured() -> None:
    meter = Meter()
    with meter.time("detect", items=2):
        pass
    assert meter.total_s("detect") >= 0 and meter.median_ms("detect") is not None
