"""Media times always increase, and good ones are never changed."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.clock import MediaClock

STEP_S = 1 / 30


def stamps(times: list[float | None]) -> tuple[list[float], int]:
    clock = MediaClock(STEP_S)
    return [clock.stamp(time) for time in times], clock.repaired


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e9), st.just(math.nan)), min_size=1))
def test_strictly_increasing_and_finite_whatever_comes(times: list[float | None]) -> None:
    out, _ = stamps(times)
    assert all(math.isfinite(time) for time in out)
    assert all(later > earlier for earlier, later in pairwise(out))


@given(st.lists(st.floats(0, 1e5), min_size=1, unique=True).map(sorted))
def test_good_times_pass_unchanged(times: list[float]) -> None:
    assert stamps(list(times)) == (times, 0)


def test_missing_times_follow_the_nominal_rate() -> None:
    out, repaired = stamps([None, None, 1.0, None])
    assert out == pytest.approx([0.0, STEP_S, 1.0, 1.0 + STEP_S])
    assert repaired == 3


def test_a_repeated_time_leaves_the_next_one_alone() -> None:
    out, repaired = stamps([0.0, STEP_S, STEP_S, 2 * STEP_S])
    assert out == pytest.approx([0.0, STEP_S, 1.25 * STEP_S, 2 * STEP_S])
    assert repaired == 1


def test_a_jump_back_keeps_the_pace_of_what_follows() -> None:
    out, _ = stamps([100.0, 100.5, 0.0, 0.1, 0.4])
    assert out == pytest.approx([100.0, 100.5, 100.5 + STEP_S, 100.6 + STEP_S, 100.9 + STEP_S])
