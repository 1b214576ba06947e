"""Two tiers of poses: settled ones that wait for later frames, previews that do not."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.run.waiting import AwaitingLookahead, AwaitingPreview, Finished
from pipeline.types import NO_IMAGE, Frame, Origin, Pose2D, Pose3D
from pipeline.window.buffer import ReadyFrame
from tests.helpers.stand_ins import pose2d


def frame(index: int) -> Frame:
    return Frame(index, index / 30, NO_IMAGE)


def ready(index: int, track_id: int = 0) -> ReadyFrame:
    return ReadyFrame(pose2d(index, index / 30, np.full((17, 2), 50.0), track_id=track_id), None)


def pose(index: int, track_id: int = 0, value: float = 1.0, settled: bool = True) -> Pose3D:
    origin = np.full(17, Origin.MEASURED, np.uint8)
    xyz_m = np.full((17, 3), value, np.float32)
    return Pose3D(track_id, index, index / 30, xyz_m, np.ones(17, np.float32), origin, settled)


def indices(finished: list[Finished]) -> list[int]:
    return [one.frame.index for one in finished]


def test_frames_come_with_the_poses_of_their_people() -> None:
    waiting = AwaitingLookahead("off", live=False)
    for n in range(5):
        waiting.push(10.0 + n, frame(n))
    batch = [[ready(0)], [ready(1), ready(1, 3)], [ready(2), ready(2, 3)]]
    out = list(waiting.finished(batch, [pose(0), pose(1, 3, 7.0), pose(1), pose(2)]))
    assert indices(out) == [0, 1, 2] and [one.captured_s for one in out] == [10, 11, 12]
    assert [[person.track_id for person in one.people] for one in out] == [[0], [0, 3], [0, 3]]
    assert (out[1].people[1].pose3d.xyz_m == 7).all()
    assert out[2].people[1].pose3d.is_missing, "a person without a pose has a missing one"
    assert all(person.smoothed is None for one in out for person in one.people)
    assert list(waiting.rest()) == []


def test_smoothing_a_clip_makes_frames_wait_and_loses_none() -> None:
    waiting = AwaitingLookahead("light", live=False)
    out: list[Finished] = []
    for n in range(40):
        waiting.push(0.0, frame(n))
        out += waiting.finished([[ready(n), ready(n, 3)]], [pose(n), pose(n, 3)])
    held_back = 40 - len(out)
    out += waiting.rest()
    assert held_back > 0 and indices(out) == list(range(40))
    for n, one in enumerate(out):
        for person in one.people:
            assert person.smoothed is not None and person.pose3d.frame_index == person.smoothed.frame_index == n
            assert person.smoothed.track_id == person.track_id


def test_live_smoothing_lets_no_frame_wait() -> None:
    waiting = AwaitingLookahead("strong", live=True)
    for n in range(10):
        waiting.push(0.0, frame(n))
        (one,) = waiting.finished([[ready(n)]], [pose(n, value=(-1) ** n)])
        assert one.frame.index == n and one.people[0].smoothed is not None
        assert one.people[0].best3d is one.people[0].smoothed is not one.people[0].pose3d
    assert list(waiting.rest()) == []


@pytest.mark.parametrize(("lookahead", "step"), [(0, 1), (3, 1), (2, 4)])
def test_a_preview_comes_of_the_frame_so_many_steps_behind_the_newest(lookahead: int, step: int) -> None:
    waiting, behind = AwaitingPreview(lookahead, step, "off"), lookahead * step
    for n in range(20):
        waiting.push(float(n), frame(n))
        shown_index = n - behind
        due = [ready(shown_index)] if shown_index >= 0 else []
        out = list(waiting.finished(due, [pose(one.pose.frame_index, settled=False) for one in due]))
        assert indices(out) == ([shown_index] if shown_index >= 0 else [])
        assert all(one.captured_s == one.frame.index and not one.people[0].pose3d.settled for one in out)
    assert list(waiting.rest()) == list(range(20 - behind, 20))


def test_a_preview_without_people_shows_that_nobody_is_there() -> None:
    waiting = AwaitingPreview(0, 1, "light")
    waiting.push(0.0, frame(0))
    (one,) = waiting.finished([], [])
    (person,) = one.people
    assert person.track_id == 0 and person.pose2d.is_missing and person.pose3d.is_missing


def test_previews_of_several_people_are_smoothed_apart() -> None:
    waiting = AwaitingPreview(0, 1, "strong")
    for n in range(10):
        waiting.push(0.0, frame(n))
        poses = [pose(n, 3, 5.0, settled=False), pose(n, 0, 1.0, settled=False)]
        (one,) = waiting.finished([ready(n), ready(n, 3)], poses)
        assert [person.track_id for person in one.people] == [0, 3]
        for person, value in zip(one.people, (1.0, 5.0), strict=True):
            assert person.best3d is person.smoothed
            np.testing.assert_allclose(person.best3d.xyz_m, value, atol=1e-5)


def test_a_pose_2d_without_its_3d_is_shown_without() -> None:
    waiting = AwaitingPreview(0, 1, "off")
    waiting.push(0.0, frame(4))
    (one,) = waiting.finished([ready(4)], [])
    assert not one.people[0].pose2d.is_missing and one.people[0].pose3d.is_missing
    assert isinstance(one.people[0].pose2d, Pose2D)
