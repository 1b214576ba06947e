"""Who is there: a ring for each person, frames that are ready together."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.run.people import People
from pipeline.skeletons import COCO_17
from pipeline.types import Origin, Pose2D
from pipeline.window.buffer import WindowBuffer
from tests.helpers.stand_ins import pose2d

LOOKAHEAD = 4


def new_people(repair_swaps: bool = True) -> tuple[People, list[int]]:
    """People, and the numbers of those who got a ring so far."""
    made: list[int] = []

    def new_buffer(track_id: int) -> WindowBuffer:
        made.append(track_id)
        return WindowBuffer(track_id, 9, LOOKAHEAD, (640, 480))

    return People(new_buffer, repair_swaps), made


def standing(index: int, track_id: int = 0, x_px: float = 200.0) -> Pose2D:
    xy_px = np.column_stack([x_px + 10 * np.cos(np.arange(17)), np.linspace(60, 400, 17)])
    return pose2d(index, index / 30, xy_px, track_id=track_id)


def push(people: People, index: int, *poses: Pose2D):
    return people.push(index, index / 30, list(poses))


def test_person_0_has_a_row_in_every_frame() -> None:
    people, made = new_people()
    ready = [frame for n in range(20) for frame in push(people, n)] + people.finish()
    assert made == [0] and len(ready) == 20
    for n, ((one,),) in enumerate(zip(ready, strict=True)):
        assert (one.pose.frame_index, one.pose.track_id) == (n, 0)
        assert one.pose.is_missing and one.window is None


def test_frames_are_ready_when_their_look_ahead_has_passed_and_once() -> None:
    people, _ = new_people()
    ready = [[one.pose.frame_index for one in frame] for n in range(12) for frame in push(people, n, standing(n))]
    assert ready == [[n] for n in range(12 - LOOKAHEAD)]
    rest = people.finish()
    assert [frame[0].pose.frame_index for frame in rest] == list(range(12 - LOOKAHEAD, 12))
    assert people.finish() == []


def test_somebody_who_comes_later_has_rows_from_the_first_frame_on() -> None:
    people, made = new_people()
    ready = []
    for n in range(30):
        poses = [standing(n)] + ([standing(n, 3, 400)] if n >= 10 else [])
        ready += push(people, n, *poses)
    ready += people.finish()
    assert made == [0, 3] and len(ready) == 30
    for n, frame in enumerate(ready):
        assert [one.pose.track_id for one in frame] == ([0] if n < 10 else [0, 3])
        assert {one.pose.frame_index for one in frame} == {n}
        assert all(one.window is not None and one.window.track_id == one.pose.track_id for one in frame)


def test_windows_of_people_are_not_mixed() -> None:
    people, _ = new_people()
    ready = []
    for n in range(20):
        ready += push(people, n, standing(n, 0, 100), standing(n, 1, 500))
    left, right = ready[8]
    assert np.nanmax(left.pose.xy_px[:, 0]) < 120 and np.nanmin(right.pose.xy_px[:, 0]) > 480


def test_who_leaves_keeps_rows_without_a_window() -> None:
    people, _ = new_people()
    ready = []
    for n in range(60):
        ready += push(people, n, standing(n), *([standing(n, 3, 400)] if n < 20 else []))
    ready += people.finish()
    for n, frame in enumerate(ready):
        other = frame[1]
        assert other.pose.track_id == 3 and other.pose.is_missing == (n >= 20) == (other.window is None)


def test_previews_are_those_of_people_who_are_there() -> None:
    people, _ = new_people()
    for n in range(10):
        push(people, n, standing(n), standing(n, 3, 400))
    assert [one.pose.track_id for one in people.preview(0)] == [0, 3]
    assert {one.pose.frame_index for one in people.preview(2)} == {7}
    for n in range(10, 40):
        push(people, n, standing(n))
    assert [one.pose.track_id for one in people.preview(0)] == [0]


@pytest.mark.parametrize("repair", [True, False])
def test_sides_are_repaired_for_each_person(repair: bool) -> None:
    """One person's sides are exchanged for two frames; the other one's are not."""
    people, _ = new_people(repair)
    mirror = COCO_17.mirror
    ready = []
    for n in range(40):
        wide = np.column_stack(
            [np.where(np.char.startswith(COCO_17.joints, "l_"), 40.0, -40.0), np.linspace(60, 400, 17)]
        )
        wide[COCO_17.index("nose"), 0] = 0
        one, other = wide + np.array([150, 0]), wide + np.array([450, 0])
        if n in (20, 21):
            one = one[mirror]
        ready += push(people, n, pose2d(n, n / 30, one), pose2d(n, n / 30, other, track_id=1))
    ready += people.finish()
    for n, (first, second) in enumerate(ready):
        repaired = bool((first.pose.origin == Origin.SWAP_REPAIRED).any())
        assert repaired == (repair and n in (20, 21)), n
        assert (second.pose.origin == Origin.MEASURED).all()
