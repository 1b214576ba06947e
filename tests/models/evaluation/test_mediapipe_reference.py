from __future__ import annotations

import hashlib
import json
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

import app
from models.evaluation.mediapipe_process import MediaPipeProcess
from pipeline.errors import ConfigError, ModelError
from pipeline.skeletons import BLAZEPOSE_33
from tests.helpers.mediapipe_stand_in import landmarks, write_stand_in
from tests.helpers.video import write_video

NAMES = ["nose", *(f"{side}_{joint}" for joint in ("hip", "knee", "wrist") for side in "lr")]
FRAMES = 12
FIRST = 4  # of those with truth


@pytest.fixture(autouse=True)
def stand_in(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(write_stand_in(tmp_path / "packages")))


@pytest.fixture
def footage(tmp_path) -> Path:
    """The truth is what the stand-in answers, of somebody 1.25 times as tall, four metres away."""
    chosen = [BLAZEPOSE_33.index(name) for name in NAMES]
    truth = np.stack([landmarks(n)[chosen] for n in range(FIRST, FRAMES)]) * 1.25 + np.array([0.1, 0.2, 4.0])
    folder = tmp_path / "footage"
    folder.mkdir()
    cameras = ["left", "right"]
    np.savez(
        folder / "man_truth.npz",
        joint_names=np.array(NAMES),
        valid=np.ones(truth.shape[:2], bool),
        frame_index=np.arange(FIRST, FRAMES),
        cam_names=np.array(cameras),
        joints3d_left=truth,
        joints3d_right=truth * np.array([1, 1, -1]),  # a mirror image: no rotation makes it fit
    )
    for camera in cameras:
        write_video(folder / f"man_{camera}.mp4", [n / 30 for n in range(FRAMES)])
    return folder


def test_landmarks_reach_their_frames_and_each_video_starts_anew(footage, tmp_path, capsys) -> None:
    out = tmp_path / "figures.json"
    assert app.main(["evaluate", "--on", str(footage), "--mediapipe", sys.executable, "--json", str(out)]) == 0
    result = json.loads(out.read_text())
    left, right = result["views"]["man_left"], result["views"]["man_right"]
    assert left["p_mpjpe_mm"] == left["s_mpjpe_mm"] == 0 and left["scale"] == pytest.approx(1.25)
    assert left["frames"] == FRAMES - FIRST and left["frames_without_pose"] == 0
    assert right["p_mpjpe_mm"] > 10
    model = result["model"]
    assert model["name"] == "MediaPipe heavy" and model["versions"]["mediapipe"] == "0.0.1"
    assert model["network_sha256"] == hashlib.sha256(b"network").hexdigest()
    assert "MediaPipe heavy" in capsys.readouterr().out


def test_evaluate_judges_mediapipe_beside_a_lifter(footage, tmp_path, capsys) -> None:
    out = tmp_path / "figures.json"
    words = ["evaluate", "lift-27", "--on", str(footage), "--mediapipe", sys.executable, "--json", str(out)]
    assert app.main([*words, "--detector", "fast", "--device", "cpu", "--threads", "1"]) == 0
    ours, theirs = json.loads(out.read_text())["results"]
    assert ours["model"]["name"] == "lift-27" and ours["views"]["man_left"]["frames"] == 0  # nobody is in the video
    assert theirs["data"] == "footage" and theirs["views"]["man_left"]["p_mpjpe_mm"] == 0
    assert [line[:7] for line in capsys.readouterr().out.splitlines()[1:3]] == ["lift-27", "MediaPi"]


def test_networks_can_be_chosen(footage, tmp_path, capsys) -> None:
    out = tmp_path / "figures.json"
    words = ["evaluate", "--on", str(footage), "--mediapipe", sys.executable, "--json", str(out)]
    assert app.main([*words, "--mediapipe-networks", "heavy,full"]) == 0
    models = [result["model"] for result in json.loads(out.read_text())["results"]]
    assert [(model["name"], model["complexity"]) for model in models] == [("MediaPipe full", 1), ("MediaPipe heavy", 2)]
    capsys.readouterr()
    assert app.main([*words, "--mediapipe-networks", "heavi"]) == 2
    assert "did you mean 'heavy'? there are: lite, full, heavy" in capsys.readouterr().err


def test_pictures_arrive_whole_and_drawing_is_done_where_asked() -> None:
    image = np.zeros((6, 10, 3), np.uint8)
    image[..., 2] = np.arange(10)  # red, in OpenCV's order
    with closing(MediaPipeProcess(sys.executable)) as mediapipe:
        mediapipe.start(1)
        plain, drawn, after = mediapipe.look(image), mediapipe.look(image[:, ::-1], draw=True), mediapipe.look(image)
        nobody = mediapipe.look(np.zeros_like(image))
        mediapipe.start(2)
        again = mediapipe.look(image)
    assert nobody.world_m is None and plain.world_m is not None and again.world_m is not None
    np.testing.assert_allclose(plain.world_m[:-1], landmarks(0)[:-1])
    np.testing.assert_allclose(again.world_m[:-1], landmarks(0)[:-1])
    assert [tuple(look.world_m[-1]) for look in (plain, drawn, after, again)] == [  # type: ignore[index]
        (4.5, 0, 1),
        (4.5, 0, 1),
        (4.5, 1, 1),
        (4.5, 1, 2),
    ]
    assert image[..., 2].max() == 9 and plain.ms > 0


def test_what_is_missing_is_named(tmp_path, monkeypatch) -> None:
    with pytest.raises(ConfigError, match=r"no_python' can't be started .*requirements-mediapipe.txt"):
        MediaPipeProcess(str(tmp_path / "no_python"))
    with closing(MediaPipeProcess(sys.executable)) as mediapipe:
        with pytest.raises(ModelError, match=r"MediaPipe lite can't be started: .*OSError: no network"):
            mediapipe.start(0)
        mediapipe.start(1)  # it lives on
    (tmp_path / "packages" / "mediapipe" / "__init__.py").write_text("raise ImportError('no such package')")
    with (
        closing(MediaPipeProcess(sys.executable)) as mediapipe,
        pytest.raises(ModelError, match="ended with code 1: ImportError: no such package; benchmarks/requirements"),
    ):
        mediapipe.start(1)


@pytest.mark.parametrize(
    ("how", "message"), [("dies", "ended with code 7: last words"), ("sleeps", "no answer for 3 s and was stopped")]
)
def test_a_worker_that_fails_ends_the_wait(monkeypatch, how: str, message: str) -> None:
    monkeypatch.setenv("STAND_IN", how)
    limit_s = 3.0 if how == "sleeps" else 60.0
    with closing(MediaPipeProcess(sys.executable, longest_wait_s=60.0)) as mediapipe:
        mediapipe.start(1)
        mediapipe._longest_wait_s = limit_s
        for _ in range(2):  # asking again does not wait again
            with pytest.raises(ModelError, match=message):
                mediapipe.look(np.ones((4, 4, 3), np.uint8))


def test_evaluate_refuses_mediapipe_on_motion_capture(tmp_path, capsys) -> None:
    words = ["evaluate", "lift-27", "--on", str(tmp_path / "val.npz"), "--mediapipe", sys.executable]
    assert app.main(words) == 2
    assert "--mediapipe needs footage" in capsys.readouterr().err
