from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_delay, bench_detect_every
from models.data.mocap import load_mocap
from models.evaluation.clips import seen_clips
from models.evaluation.lifting import lift_clip
from models.evaluation.live import SETTLED, Seen, judge_clips, judge_views, lift_live, look, sparse
from models.evaluation.on_footage import View, load_views
from models.evaluation.on_mocap import CONDITIONS
from models.evaluation.sequence_head import SequenceHead
from pipeline.lift.network import OnnxNetwork
from pipeline.lift.windows import WindowLifter
from pipeline.runtime import Device
from pipeline.runtime.cards import LifterCard, find_card
from pipeline.skeletons import H36M_17
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import parse_options
from pipeline.types import Frame, Origin, Pose2D, Pose3D, Window
from tests.helpers.figures import measured
from tests.helpers.mocap import write_mocap
from tests.helpers.stand_ins import NumberingPreviewLifter, TrueDetector, pose2d
from tests.helpers.video import write_video

CPU = Device("cpu")
FRAMES, RATE_HZ, SIZE = 40, 30.0, (320, 240)
WALKER = "synthetic:frames=40,size=320x240"


def walk() -> np.ndarray:
    """Keypoints [T, 17, 2] of the walker, all of them seen."""
    source = SyntheticSource(parse_options(WALKER))
    return np.stack([source.truth_coco_px(index) for index in range(FRAMES)])


def seen(poses: list[list[Pose2D]]) -> Seen:
    return Seen([n / RATE_HZ for n in range(len(poses))], poses, SIZE, RATE_HZ)


def in_every_frame() -> list[list[Pose2D]]:
    return [[pose2d(n, n / RATE_HZ, xy)] for n, xy in enumerate(walk())]


def test_where_nothing_is_missing_a_live_run_shows_what_evaluate_judges_at_that_look_ahead() -> None:
    """``evaluate --lookaheads`` reads the same place of the same windows."""
    lifter = WindowLifter(OnnxNetwork(find_card("lift-27", LifterCard), CPU, 1))
    tiers = lift_live(seen(in_every_frame()), lifter, [0, 3, 13])
    known = np.full((FRAMES, 17), 0.9, np.float32)
    for ahead in (0, 3, 13):
        judged = lift_clip(walk(), known, SIZE, RATE_HZ, SequenceHead(lifter, ahead))
        end = FRAMES - ahead
        assert tiers[ahead][:end] == pytest.approx(judged[:end], abs=1e-5)
        assert np.isnan(tiers[ahead][end:]).all()  # a live run has not got there yet
    settled = lift_clip(walk(), known, SIZE, RATE_HZ, lifter)
    assert tiers[SETTLED] == pytest.approx(settled, abs=1e-5)


def test_where_frames_are_missing_it_has_poses_that_evaluate_has_not() -> None:
    lifter = WindowLifter(OnnxNetwork(find_card("lift-27", LifterCard), CPU, 1))
    every = 3
    tiers = lift_live(seen(sparse(in_every_frame(), every)), lifter, [0])
    known = np.where((np.arange(FRAMES) % every == 0)[:, None], np.full(17, 0.9), 0.0).astype(np.float32)
    judged = lift_clip(walk(), known, SIZE, RATE_HZ, SequenceHead(lifter, 0))
    assert np.isnan(judged[1::every]).all() and np.isfinite(tiers[0]).all()
    # 30 frames in, the window holds bridged gaps in the one and single frames in the other
    assert np.abs(tiers[0][30] - judged[30]).max() > 0.01


class Recording(NumberingPreviewLifter):
    """Also keeps the windows."""

    def __init__(self) -> None:
        super().__init__()
        self.settled: list[Window] = []
        self.newest: list[tuple[int, Window]] = []

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        self.settled += windows
        return super().__call__(windows)

    def lift_with_previews(self, windows, newest, lookahead):
        self.newest += [(lookahead, window) for window in newest]
        return super().lift_with_previews(windows, newest, lookahead)


def test_every_tier_has_its_poses_in_their_frames() -> None:
    lifter = Recording()
    poses = in_every_frame()
    poses[20] = [replace(poses[20][0], track_id=1)]  # somebody else
    tiers = lift_live(seen(poses), lifter, [0, 5])
    numbers = np.arange(FRAMES)
    assert (tiers[SETTLED][:, 3, 1] == numbers).all()  # frame 20 is bridged
    assert (tiers[0][:, 3, 1] == numbers + 0.5).all()
    assert (tiers[5][:35, 3, 1] == numbers[:35] + 0.5).all() and np.isnan(tiers[5][35:]).all()
    # each window once, with what was known when its frame was shown
    assert [window.target_index for window in lifter.settled] == list(numbers)
    at_once = {window.target_index: window.origin for ahead, window in lifter.newest if ahead == 0}
    later = {window.target_index: window.origin for ahead, window in lifter.newest if ahead == 5}
    assert (at_once[20] == Origin.HELD).all() and (later[20] == Origin.INTERPOLATED).all()
    assert (lifter.settled[20].origin == Origin.INTERPOLATED).all()


@pytest.mark.parametrize(("every", "left"), [(1, [0, 1, 2, 3, 4, 5, 6]), (3, [0, 3, 6]), (9, [0])])
def test_the_detector_looks_at_every_nth_frame_from_the_first(every: int, left: list[int], tmp_path) -> None:
    poses = in_every_frame()[:7]
    assert [n for n, found in enumerate(sparse(poses, every)) if found] == left
    path = write_video(tmp_path / "man_left.mp4", [n / 30 for n in range(7)])
    looked: list[int] = []

    class Detector(TrueDetector):
        def __call__(self, frame: Frame) -> list[Pose2D]:
            looked.append(frame.index)
            return super().__call__(frame)

    nothing = np.zeros((0, 2, 3))
    view = View("man_left", path, ("l_hip", "r_hip"), np.zeros(0, np.int64), nothing, np.zeros((0, 2), bool))
    found = look(view, Detector(SyntheticSource(parse_options(WALKER))), every)
    assert looked == left and [n for n, poses in enumerate(found.poses) if poses] == left
    assert len(found.times_s) == 7 and found.rate_hz == pytest.approx(30)


def test_all_tiers_are_judged_on_the_same_frames(tmp_path) -> None:
    clips = list(seen_clips(load_mocap(write_mocap(tmp_path / "people.npz", clips=2, frames=60)), cameras=1))
    assert [len(clip.truth_m) for clip in clips] == [30, 30]
    done: list[int] = []
    tiers = judge_clips(NumberingPreviewLifter(), clips, CONDITIONS["clean"], [0, 4], progress=done.append)
    assert list(tiers) == [SETTLED, 0, 4] and done == [30, 30]
    assert [figures["frames"] for figures in tiers.values()] == [52, 52, 52]
    # the stand-in's joints all lie in one place, the farther off the later, and later still in previews
    assert measured(tiers[SETTLED]["mpjpe_mm"]) < measured(tiers[0]["mpjpe_mm"]) == tiers[4]["mpjpe_mm"]
    half = judge_clips(NumberingPreviewLifter(), clips, CONDITIONS["clean"], [0], every=2)
    # the last frame of each clip is not looked at: nothing comes after it that its pose could be filled in from
    assert half[SETTLED]["frames"] == 58 and half[0]["frames_without_pose"] == 0


class Lucky(NumberingPreviewLifter):
    """Knows the pose of each frame; previews are wrong by a turn of sides."""

    def __init__(self, truth_m: np.ndarray) -> None:
        super().__init__()
        self._truth_m = truth_m.astype(np.float32)

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        return [replace(pose, xyz_m=self._truth_m[pose.frame_index]) for pose in super().__call__(windows)]

    def lift_with_previews(self, windows, newest, lookahead):
        settled, shown = super().lift_with_previews(windows, newest, lookahead)
        return settled, [replace(p, xyz_m=self._truth_m[p.frame_index, H36M_17.mirror]) for p in shown]


def test_footage_is_judged_per_tier_and_view(tmp_path) -> None:
    names = [name for name in H36M_17.joints if name[:2] in ("l_", "r_")]
    body = np.random.default_rng(3).normal(0, 0.3, (FRAMES, 17, 3))
    body[:, H36M_17.index("l_hip")] = -body[:, H36M_17.index("r_hip")]
    body[:, 0] = 0
    rows = np.arange(2, FRAMES)
    np.savez(
        tmp_path / "man_truth.npz",
        joint_names=np.array(names),
        valid=np.ones((len(rows), len(names)), bool),
        frame_index=rows,
        cam_names=np.array(["left"]),
        joints3d_left=body[rows][:, [H36M_17.index(name) for name in names]],
    )
    write_video(tmp_path / "man_left.mp4", [0.0, 0.1])
    tiers = judge_views(Lucky(body), load_views(tmp_path), [seen(in_every_frame())], [0, 4])
    assert tiers[SETTLED]["average"]["p_mpjpe_mm"] == 0 and measured(tiers[0]["average"]["p_mpjpe_mm"]) > 10
    for figures in tiers.values():
        # frames 0 and 1 have no truth, a look-ahead of 4 does not reach the last ones
        assert figures["views"]["man_left"]["frames"] == FRAMES - 2 - 4


# ---- the benchmarks that print it


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Path:
    return write_mocap(tmp_path_factory.mktemp("people") / "people.npz", clips=3, frames=60)


def test_the_table_of_delays(people, tmp_path, capsys) -> None:
    out = tmp_path / "delay.json"
    words = ["--data", str(people), "--cameras", "1", "--clips", "2", "--lookaheads", "0", "3", "99"]
    bench_delay.main([*words, "--json", str(out)])
    figures = json.loads(out.read_text())
    (result,) = figures["results"]
    assert figures["clips"] == 2 and set(result["mocap"]) == {"settled", "0", "3"}
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line[:4] in ("prev", "sett")]
    assert [row[:3] for row in rows] == [
        ["preview", "0", "0"],
        ["preview", "3", "100"],
        ["settled", "13", "433"],
    ]
    assert float(rows[2][3]) == pytest.approx(result["mocap"]["settled"]["mpjpe_mm"], abs=0.051)


def test_the_table_of_sparse_detection(people, tmp_path, capsys, monkeypatch) -> None:
    source = SyntheticSource(parse_options(WALKER))
    monkeypatch.setattr(bench_detect_every, "create_detector", lambda *_, **__: TrueDetector(source))
    out = tmp_path / "every.json"
    words = ["--data", str(people), "--cameras", "1", "--clips", "2", "--clip", WALKER, "--rounds", "1"]
    bench_detect_every.main([*words, "--every", "1", "3", "--json", str(out)])
    rows = json.loads(out.read_text())["detect_every"]
    assert set(rows) == {"1", "3"} and all(set(row) == {"mocap", "cpu_ms"} for row in rows.values())
    assert rows["1"]["mocap"]["settled"]["frames"] == rows["3"]["mocap"]["0"]["frames"] == 60
    assert rows["3"]["mocap"]["settled"]["frames_without_pose"] == 2 * 2  # after the last frame that was looked at
    assert rows["1"]["mocap"]["settled"]["mpjpe_mm"] != rows["3"]["mocap"]["settled"]["mpjpe_mm"]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[-2:]]
    assert [line[0] for line in lines] == ["1", "3"] and all(line.count("-") == 4 and len(line) == 12 for line in lines)


@pytest.mark.parametrize("main", [bench_delay.main, bench_detect_every.main])
def test_wrong_words_are_refused(main, capsys) -> None:
    words = ["--lookaheads", "-1", "--data", "x"] if main is bench_delay.main else ["--every", "0"]
    with pytest.raises(SystemExit):
        main(words)
    assert "frames" in capsys.readouterr().err or main is bench_detect_every.main
