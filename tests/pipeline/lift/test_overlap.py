from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ConfigError, ModelError
from pipeline.lift.network import Mirrored
from pipeline.lift.overlap import MOST_BATCH_FRAMES, OverlapLifter, usual_spacing
from pipeline.lift.windows import WindowLifter
from pipeline.run.pipeline import Pipeline
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Pose2D, Window
from pipeline.window.buffer import WindowBuffer, frame_step
from tests.helpers.networks import Function, FunctionNetwork, card_of, showing, with_joints
from tests.helpers.stand_ins import TrueDetector, pose2d


class Overlap(OverlapLifter):
    """With the network that it runs on, so that its passes can be counted."""

    def __init__(self, network: FunctionNetwork, every: int | None, mirror: bool = False) -> None:
        self.network = network
        super().__init__(WindowLifter(Mirrored(network) if mirror else network), every)


def overlap(
    every: int | None = 5, lookahead: int = 13, function: Function | None = None, mirror: bool = False
) -> Overlap:
    network = FunctionNetwork(function or showing(26 - lookahead), card_of(lookahead=lookahead))
    return Overlap(network, every, mirror)


def true_joints(track_id: int, time_s: np.ndarray) -> np.ndarray:
    """Moving joints [T, 17, 3], different for each person; the pelvis is 0."""
    rng = np.random.default_rng(track_id)
    size, speed, phase = rng.normal(0, 0.4, (17, 3)), rng.uniform(2, 9, (17, 3)), rng.uniform(0, 6, (17, 3))
    joints = size * np.sin(speed * np.asarray(time_s)[:, None, None] + phase)
    joints[:, 0] = 0
    return joints


def rotation(rng: np.random.Generator) -> np.ndarray:
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return turn * np.sign(np.linalg.det(turn))


def windows_of(
    track_id: int, frames: int, lookahead: int = 13, rate_hz: float = 30.0, unseen: range = range(0)
) -> list[Window]:
    """The pipeline's own windows of a person, with the true joints in place of keypoints, each in axes of its own."""
    rng = np.random.default_rng(100 + track_id)
    buffer = WindowBuffer(track_id, 27, lookahead, (640, 480), step=frame_step(rate_hz))
    due = []
    for n in range(frames):
        time_s = 0.7 + n / rate_hz
        body = rng.uniform(100, 400, (17, 2))
        due += buffer.push(
            Pose2D.missing(n, time_s, track_id) if n in unseen else pose2d(n, time_s, body, track_id=track_id)
        )
    windows = [item.window for item in due + buffer.finish() if item.window is not None]
    return [with_joints(w, true_joints(track_id, w.time_s), rotation(rng)) for w in windows]


def largest_error_m(windows: list[Window], poses: list) -> float:
    truth = [true_joints(w.track_id, np.array([w.target_time_s]))[0] for w in windows]
    return float(np.abs(np.stack([pose.xyz_m for pose in poses]) - truth).max())


@pytest.mark.parametrize("lookahead", [0, 3, 13])
@pytest.mark.parametrize("every", [1, 3, 5, 13, 27])
def test_every_frame_is_read_at_its_place_and_turned_to_the_camera(every: int, lookahead: int) -> None:
    windows = windows_of(0, 70, lookahead)  # starts and ends with windows that repeat their edge frame
    lifter = overlap(every, lookahead)
    poses = lifter(windows)
    assert [(pose.frame_index, pose.time_s) for pose in poses] == [(w.target_index, w.target_time_s) for w in windows]
    assert largest_error_m(windows, poses) < 1e-5
    own = [pose.score is w.score and pose.origin is w.origin for pose, w in zip(poses, windows, strict=True)]
    assert all(own) and all(pose.settled for pose in poses)
    assert lifter.network.passes <= 2 * (1 + 69 / min(every, 13))


def test_nothing_is_read_across_a_gap() -> None:
    windows = windows_of(0, 60, unseen=range(22, 37))
    assert [w.target_index for w in windows] == [*range(22), *range(37, 60)]
    lifter = overlap(9)
    assert largest_error_m(windows, lifter(windows)) < 1e-5
    assert lifter.network.passes <= 8


def test_several_people_are_kept_apart() -> None:
    people = [windows_of(0, 50), windows_of(1, 50, unseen=range(0, 18)), windows_of(7, 50, unseen=range(30, 50))]
    mixed = sorted((w for windows in people for w in windows), key=lambda w: (w.target_index, -w.track_id))
    lifter = overlap(5)
    poses = lifter(mixed)
    assert [(pose.track_id, pose.frame_index) for pose in poses] == [(w.track_id, w.target_index) for w in mixed]
    assert largest_error_m(mixed, poses) < 1e-5
    assert lifter.network.passes == 11 + 8 + 7  # frames 0-49, 18-49, 0-29


def test_windows_of_fast_clips_skip_frames() -> None:
    windows = windows_of(0, 90, rate_hz=120.0)
    for every in (5, 14):  # odd: anchors on even and on odd frames; even: the odd ones need anchors of their own
        lifter = overlap(every)
        assert largest_error_m(windows, lifter(windows)) < 1e-5
        assert lifter.network.passes <= 2 * (2 + 90 / every)


def test_one_anchor_fades_into_the_next() -> None:
    """Window n says that everybody is at (n, n, n): between anchors the number of the frame must come out."""
    windows = [
        replace(w, keypoints=np.full((27, 17, 3), w.target_index, np.float32), rotation=np.eye(3, dtype=np.float32))
        for w in windows_of(0, 46)
    ]
    lifter = overlap(5)
    numbers = np.stack([pose.xyz_m[5] for pose in lifter(windows)])
    assert numbers == pytest.approx(np.repeat(np.arange(46.0)[:, None], 3, 1), abs=1e-5)
    assert lifter.network.passes == 10


def places(keypoints: np.ndarray) -> list[np.ndarray]:
    """A network whose sequence output depends on everything in the window and on the place."""
    place = np.arange(27, dtype=np.float32)[:, None, None]
    mixed = np.sin(keypoints + 0.3 * place) + keypoints.mean(1, keepdims=True)
    return [np.zeros_like(keypoints[:, 0]), mixed.astype(np.float32)]


def test_with_an_anchor_at_every_frame_it_is_the_sequence_head() -> None:
    windows = windows_of(0, 40, unseen=range(25, 33)) + windows_of(1, 20)
    plain = WindowLifter(FunctionNetwork(places)).sequences(windows)[:, 13]
    lifter = overlap(1, function=places)
    for mine, window, expected in zip(lifter(windows), windows, plain, strict=True):
        assert (mine.track_id, mine.frame_index) == (window.track_id, window.target_index)
        assert mine.xyz_m == pytest.approx(expected, abs=1e-6)
    assert lifter.network.passes == len(windows)
    # and with fewer anchors it is another thing, so that the lines above say something
    fewer = overlap(5, function=places)(windows)
    assert max(np.abs(a.xyz_m - b).max() for a, b in zip(fewer, plain, strict=True)) > 0.1


def test_nothing_is_kept_between_calls() -> None:
    windows = windows_of(0, 40)
    lifter = overlap(5, function=places)
    once = lifter(windows[:20])
    lifter(windows[20:])
    again = lifter(windows[:20])
    assert all((a.xyz_m == b.xyz_m).all() for a, b in zip(once, again, strict=True))
    assert lifter([]) == [] and largest_error_m(windows[:1], overlap(5)(windows[:1])) < 1e-5


def test_the_mirror_works_with_it() -> None:
    windows = windows_of(0, 46)
    lifter = overlap(5, mirror=True)
    assert largest_error_m(windows, lifter(windows)) < 1e-5  # giving back the input is a symmetric network
    assert lifter.network.passes == 20


def test_a_run_over_a_clip_gives_every_frame() -> None:
    source = SyntheticSource(SyntheticOptions(frames=50))
    lifter = overlap(5)
    rows = list(Pipeline(source, TrueDetector(source), lifter))
    assert [row.frame_index for row in rows] == list(range(50))
    poses = [row.people[0].pose3d for row in rows]
    assert all(np.isfinite(pose.xyz_m).all() and pose.settled for pose in poses)
    assert lifter.network.passes < 50 / 3


def test_batches_are_whole_steps_within_the_limit() -> None:
    for every in (1, 5, 14, 27):
        frames = overlap(every).spec.batch_frames
        assert frames <= MOST_BATCH_FRAMES and (frames - 1) % every == 0 and frames + every > MOST_BATCH_FRAMES


def test_the_usual_spacing_stays_inside_an_attention_block() -> None:
    assert {t: usual_spacing(t) for t in (27, 81, 243, 351)} == {27: 5, 81: 5, 243: 14, 351: 14}
    assert overlap(None).every == 5
    attention = pytest.importorskip("models.network.attention")
    for t in (9, 27, 81, 243, 351):
        assert usual_spacing(t) == (attention.block_length(t) + 1) // 2


def test_wrong_use_is_named() -> None:
    for every in (0, 28):
        with pytest.raises(ConfigError, match=f"every {every} does not fit a window of 27 frames; use 1 to 27"):
            overlap(every)
    with pytest.raises(ModelError, match="no sequence output; it can't give poses of whole windows"):
        overlap(5, function=lambda keypoints: [keypoints[:, 13]])(windows_of(0, 30))
    with pytest.raises(ModelError, match="not finite near frame 0"):
        overlap(5, function=lambda keypoints: [keypoints[:, 13], keypoints * np.nan])(windows_of(0, 30))
    with pytest.raises(ValueError, match="do not have the lifter's look-ahead, 13"):
        overlap(5)(windows_of(0, 60, lookahead=0))
    assert not overlap(5).spec.previews  # it is for clips
