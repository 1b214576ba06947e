"""Capture times of live sources strictly increase through everything, and good ones keep the sender's pace."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.live_clock import LiveClock

STEP_S = 1 / 30


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.floats(-1e6, 1e6), st.just(math.nan), st.just(math.inf)),
            st.floats(0, 5),
            st.booleans(),
        ),
        min_size=1,
    )
)
def test_from_zero_strictly_increasing_and_finite_whatever_comes(
    pictures: list[tuple[float | None, float, bool]],
) -> None:
    clock, now_s, out = LiveClock(STEP_S), 1000.0, []
    for pts_s, wait_s, first in pictures:
        now_s += wait_s
        out.append(clock.stamp(pts_s, now_s, first))
    assert out[0] == 0.0
    assert all(math.isfinite(time_s) for time_s in out)
    assert all(later > earlier for earlier, later in pairwise(out))
    # Presentation times may run ahead by at most what is stored at a sender, once and not each time again.
    assert out[-1] <= now_s - 1000.0 + 10.0 * len(out) + len(out) * STEP_S


def test_arrival_is_the_time_where_there_is_no_other() -> None:
    clock = LiveClock(STEP_S)
    arrivals_s = [50.0, 50.04, 50.04, 50.1, 57.0]
    out = [clock.stamp(None, arrived_s) for arrived_s in arrivals_s]
    assert out == pytest.approx([0.0, 0.04, 0.04 + STEP_S / 4, 0.1, 7.0])
    assert clock.repaired == 0


def test_the_sender_s_pace_is_kept_when_pictures_arrive_unevenly() -> None:
    clock = LiveClock(STEP_S)
    delays_s = [0.3, 0.0, 0.0, 0.02, 0.011, 0.09, 0.0]
    out = [clock.stamp(700 + n * 0.04, 10 + n * 0.04 + delay_s) for n, delay_s in enumerate(delays_s)]
    assert out == pytest.approx([n * 0.04 for n in range(7)])
    assert clock.repaired == 0


def test_a_new_connection_goes_on_after_the_true_length_of_the_break() -> None:
    clock = LiveClock(STEP_S)
    for n in range(5):
        clock.stamp(n * 0.04, 10 + n * 0.04)
    out = [clock.stamp(n * 0.04, 13 + n * 0.04, first=n == 0) for n in range(3)]
    assert out == pytest.approx([3.0, 3.04, 3.08])
    assert clock.repaired == 0


@pytest.mark.parametrize("jump_s", [-5.0, -2.0, 60.0, 1e5])
def test_a_jump_of_the_sender_s_clock_is_one_repair(jump_s: float) -> None:
    clock = LiveClock(STEP_S)
    out = [clock.stamp(100 + n * 0.04 + (jump_s if n >= 5 else 0), 10 + n * 0.04) for n in range(10)]
    assert out == pytest.approx([n * 0.04 for n in range(10)])
    assert clock.repaired == 1


def test_one_repeated_time_stamp_leaves_the_next_one_alone() -> None:
    clock = LiveClock(STEP_S)
    out = [clock.stamp(pts_s, 10 + n * STEP_S) for n, pts_s in enumerate([0, STEP_S, STEP_S, 3 * STEP_S])]
    assert out == pytest.approx([0, STEP_S, 1.25 * STEP_S, 3 * STEP_S])
    assert clock.repaired == 1


def test_time_stamps_that_stand_still_give_way_to_the_arrival() -> None:
    clock = LiveClock(STEP_S)
    out = [clock.stamp(5.0, 10 + n * 0.1) for n in range(30)]
    assert out[-1] - out[-11] == pytest.approx(1.0)
    assert clock.repaired == 29
