from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.types import Origin, Pose2D
from pipeline.window.buffer import ReadyFrame, WindowBuffer, frame_step
from tests.helpers.stand_ins import pose2d

SIZE = (1280, 720)
BODY = np.random.default_rng(0).uniform((500, 200), (700, 600), (17, 2))


def feed(
    seen: list[bool], window: int = 9, lookahead: int = 4, step_s: float = 1 / 30, step: int = 1, speed: float = 2.0
) -> list[ReadyFrame]:
    """A person who moves ``speed`` pixels a frame, seen in these frames."""
    buffer = WindowBuffer(0, window, lookahead, SIZE, step=step)
    due = []
    for n, here in enumerate(seen):
        moved = pose2d(n, n * step_s, BODY + speed * n)
        due += buffer.push(moved if here else Pose2D.missing(n, n * step_s))
    return due + buffer.finish()


@given(st.lists(st.booleans(), max_size=80), st.sampled_from([(9, 4), (9, 0), (27, 13), (27, 26)]), st.integers(1, 3))
@settings(deadline=None, max_examples=60)
def test_every_frame_comes_out_once_in_order(seen: list[bool], shape: tuple[int, int], step: int) -> None:
    due = feed(seen, *shape, step=step)
    assert [d.pose.frame_index for d in due] == list(range(len(seen)))
    assert [d.pose.time_s for d in due] == [n / 30 for n in range(len(seen))]
    for here, d in zip(seen, due, strict=True):
        if here:
            assert d.window is not None and d.window.target_index == d.pose.frame_index
            assert d.window.target_time_s == d.pose.time_s
            assert np.isfinite(d.window.keypoints).all()
            # the target frame stands where the lifter expects it
            assert d.window.time_s[shape[0] - 1 - shape[1]] == d.pose.time_s
        else:
            assert not (d.pose.origin == Origin.MEASURED).any()


def test_look_ahead_delays_by_exactly_that_many_frames() -> None:
    buffer = WindowBuffer(0, 9, 4, SIZE)
    counts = [len(buffer.push(pose2d(n, n / 30, BODY))) for n in range(8)]
    assert counts == [0, 0, 0, 0, 1, 1, 1, 1]
    assert [d.pose.frame_index for d in buffer.finish()] == [4, 5, 6, 7]
    assert buffer.finish() == []


def test_start_and_end_repeat_the_edge_frame() -> None:
    due = feed([True] * 20)
    first, last = due[0].window, due[-1].window
    assert first is not None and last is not None
    assert np.round(first.time_s * 30).tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4]
    assert np.round(last.time_s * 30).tolist() == [15, 16, 17, 18, 19, 19, 19, 19, 19]


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_fewer_frames_than_the_window(frames: int) -> None:
    due = feed([True] * frames, window=27, lookahead=13)
    assert len(due) == frames
    assert all(d.window is not None and d.window.keypoints.shape == (27, 17, 3) for d in due)


def test_a_short_gap_is_interpolated_over_time_and_marked() -> None:
    due = feed([True] * 10 + [False] * 3 + [True] * 10)
    for n in (10, 11, 12):
        assert (due[n].pose.origin == Origin.INTERPOLATED).all()
        assert due[n].pose.xy_px == pytest.approx(BODY + 2.0 * n, abs=1e-3)
        assert due[n].pose.score == pytest.approx(np.full(17, 0.45))
        window = due[n].window
        assert window is not None and (window.origin == Origin.INTERPOLATED).all()
    assert (due[9].pose.origin == Origin.MEASURED).all() and (due[13].pose.origin == Origin.MEASURED).all()


@pytest.mark.parametrize(
    ("gap", "step_s", "lookahead", "bridged"),
    [(4, 1 / 30, 4, True), (5, 1 / 30, 4, False), (4, 1 / 10, 4, False), (2, 1 / 30, 0, False)],
    ids=["as long as the look-ahead", "longer than the look-ahead", "longer than 0.25 s", "no look-ahead"],
)
def test_limits_of_interpolation(gap: int, step_s: float, lookahead: int, bridged: bool) -> None:
    due = feed([True] * 8 + [False] * gap + [True] * 8, lookahead=lookahead, step_s=step_s)
    middle = due[8 : 8 + gap]
    assert all((d.window is not None) == bridged for d in middle)
    assert all(d.pose.is_missing != bridged for d in middle)


def test_interpolation_uses_times_not_frame_numbers() -> None:
    times = [0, 0.01, 0.02, 0.03, 0.10, 0.11, 0.12, 0.13, 0.14]
    buffer = WindowBuffer(0, 9, 4, SIZE)
    due = []
    for n, t in enumerate(times):
        due += buffer.push(Pose2D.missing(n, t) if n == 3 else pose2d(n, t, BODY + 1000 * t))
    assert due[3].pose.xy_px == pytest.approx(BODY + 30, abs=1e-3)


def test_a_long_gap_parts_the_windows() -> None:
    due = feed([True] * 12 + [False] * 12 + [True] * 12)
    before, after = due[11].window, due[24].window
    assert before is not None and after is not None
    assert np.round(before.time_s * 30).tolist() == [7, 8, 9, 10, 11, 11, 11, 11, 11]
    assert np.round(after.time_s * 30).tolist() == [24, 24, 24, 24, 24, 25, 26, 27, 28]


def test_one_joint_missing_for_long_is_missing_in_the_window() -> None:
    buffer = WindowBuffer(0, 9, 4, SIZE)
    body = BODY.copy()
    body[9] = np.nan  # left wrist
    due = []
    for n in range(20):
        due += buffer.push(pose2d(n, n / 30, body))
    window = due[8].window
    assert window is not None
    assert (window.keypoints[:, 13] == 0).all() and window.origin[13] == Origin.MISSING and window.score[13] == 0
    assert (window.origin[:13] == Origin.MEASURED).all()


def test_a_few_joints_are_no_body() -> None:
    body = np.full((17, 2), np.nan)
    body[:3] = BODY[:3]
    buffer = WindowBuffer(0, 9, 0, SIZE)
    (due,) = buffer.push(pose2d(0, 0.0, body))
    assert due.window is None and not due.pose.is_missing


def test_fast_recordings_are_seen_every_nth_frame() -> None:
    assert [frame_step(r) for r in (15, 30, 60, 75, 100, 120, 240)] == [1, 1, 1, 1, 2, 2, 4]
    due = feed([True] * 40, step_s=1 / 120, step=2)
    window = due[20].window
    assert window is not None
    assert np.round(window.time_s * 120).tolist() == [12, 14, 16, 18, 20, 22, 24, 26, 28]


def test_a_wrong_look_ahead_is_refused() -> None:
    with pytest.raises(ValueError, match="look-ahead 9"):
        WindowBuffer(0, 9, 9, SIZE)


def windows_equal(a: ReadyFrame | None, b: ReadyFrame | None) -> bool:
    assert a is not None and a.window is not None and b is not None and b.window is not None
    same = (a.window.target_index, a.window.target_time_s) == (b.window.target_index, b.window.target_time_s)
    return same and all(
        np.array_equal(getattr(a.window, name), getattr(b.window, name))
        for name in ("time_s", "keypoints", "rotation", "score", "origin")
    )


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("lookahead", [0, 1, 4])
def test_a_preview_has_the_window_of_a_buffer_with_its_look_ahead(lookahead: int, step: int) -> None:
    """So that judging a look-ahead over whole clips judges what a live run shows, as long as nothing is missing."""
    live, judged = WindowBuffer(0, 9, 4, SIZE, step=step), WindowBuffer(0, 9, lookahead, SIZE, step=step)
    shown = 0
    for n in range(40):
        pose = pose2d(n, n / 30, BODY + 2.0 * n)
        live.push(pose)
        due, preview = judged.push(pose), live.preview(lookahead)
        assert bool(due) == (preview is not None)
        if due:
            assert windows_equal(due[0], preview)
            shown += 1
    assert shown == 40 - lookahead * step


def test_what_settles_and_what_is_shown_share_their_window() -> None:
    buffer = WindowBuffer(0, 9, 4, SIZE)
    for n in range(20):
        due, preview = buffer.push(pose2d(n, n / 30, BODY + 2.0 * n)), buffer.preview(0)
        assert preview is not None and preview.window is not None
        # the window reaches back as far as there are frames
        assert np.round(preview.window.time_s * 30).tolist() == [max(0, n - 8 + i) for i in range(9)]
        if n >= 8:
            assert due[0].window is not None and due[0].window.keypoints is preview.window.keypoints


def test_a_preview_bridges_gaps_that_its_own_look_ahead_could_not() -> None:
    live, judged = WindowBuffer(0, 9, 4, SIZE), WindowBuffer(0, 9, 0, SIZE)
    for n in range(12):
        here = n not in (7, 8)
        pose = pose2d(n, n / 30, BODY + 2.0 * n) if here else Pose2D.missing(n, n / 30)
        live.push(pose)
        due, preview = judged.push(pose)[0].window, live.preview(0)
        assert preview is not None and preview.window is not None and (due is not None) == here
        if n == 10:
            assert due is not None and np.round(due.time_s * 30).tolist() == [9] * 8 + [10]
            assert np.round(preview.window.time_s * 30).tolist() == list(range(2, 11))


def test_a_bridged_gap_is_converted_too() -> None:
    """A joint that comes back changes frames that were converted before it came."""
    body = np.full((14, 17, 2), 0.0)
    body[:] = BODY
    body += 2.0 * np.arange(14)[:, None, None]
    whole, gappy = WindowBuffer(0, 9, 4, SIZE), WindowBuffer(0, 9, 4, SIZE)
    for n in range(14):
        seen = body[n].copy()
        if n in (8, 9):
            seen[5] = np.nan  # left shoulder, a part of thorax and spine
        due, filled = whole.push(pose2d(n, n / 30, body[n])), gappy.push(pose2d(n, n / 30, seen))
    a, b = due[0].window, filled[0].window
    assert a is not None and b is not None and b.origin[8] == Origin.INTERPOLATED
    assert b.keypoints[..., :2] == pytest.approx(a.keypoints[..., :2], abs=1e-4)
    assert (b.keypoints[3:5, 8, 2] == pytest.approx(0.45)) and (a.keypoints[..., 2] == np.float32(0.9)).all()


def test_a_window_does_not_reach_over_a_break_in_time() -> None:
    """A stream that was away for a minute shows something else: frames before the break are not in windows after it."""
    buffer = WindowBuffer(0, 27, 13, (640, 480))
    rng = np.random.default_rng(0)
    due = []
    for index in range(60):
        time_s = index / 30 + (60.0 if index >= 30 else 0.0)
        due += buffer.push(pose2d(index, time_s, rng.uniform(100, 300, (17, 2))))
    due += buffer.finish()
    for item in due:
        assert item.window is not None
        assert np.ptp(item.window.time_s) < 1.0
        assert item.window.time_s.min() <= item.pose.time_s <= item.window.time_s.max()
