from __future__ import annotations

import json
import sys

import pytest

from benchmarks import bench_mediapipe
from benchmarks.bench_mediapipe import Row, Step, Tally, main, rows_of
from pipeline.errors import ConfigError, DataError
from pipeline.render.compose import Composer
from pipeline.runtime.cards import LifterCard, find_card
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import parse_options
from pipeline.types import Shown
from tests.helpers.mediapipe_stand_in import write_stand_in
from tests.helpers.stand_ins import TrueDetector

SOURCE = "synthetic:frames=30,size=320x240"


@pytest.fixture(autouse=True)
def true_detector(monkeypatch) -> None:
    source = SyntheticSource(parse_options(SOURCE))
    monkeypatch.setattr(bench_mediapipe, "create_detector", lambda name, device: TrueDetector(source))


def test_both_sides_see_the_same_frames_in_turns(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PYTHONPATH", str(write_stand_in(tmp_path / "packages")))
    out = tmp_path / "figures.json"
    words = [SOURCE, "--mediapipe-python", sys.executable, "--detectors", "fast", "--complexities", "2", "1"]
    main([*words, "--rounds", "2", "--json", str(out)])
    figures = json.loads(out.read_text())
    assert [(row["name"], row["draw"]) for row in figures["rows"]] == [
        ("PoseStride fast", False),
        ("MediaPipe heavy (2)", False),
        ("PoseStride fast", True),
        ("MediaPipe heavy (2)", True),
        ("MediaPipe full (1)", False),
        ("MediaPipe full (1)", True),
    ]
    for row in figures["rows"]:
        assert row["frames"] == 2 * 10 and row["found_percent"] == 100
        assert 0 < row["ms_median"] <= row["ms_p95"] and row["fps"] == pytest.approx(1000 / row["ms_mean"])
    assert list(figures["mediapipe"]["networks_sha256"]) == ["heavy", "full"]
    assert figures["mediapipe"]["versions"]["mediapipe"] == "0.0.1" and figures["frames_counted"] == 20
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[-3:]] == [
        "PoseStride fast",
        "MediaPipe heavy (2)",
        "MediaPipe full (1)",
    ]
    assert all(len(line.split()) >= 10 for line in lines[-3:])


def test_without_mediapipe_its_rows_are_left_out_with_a_note(capsys) -> None:
    main([SOURCE, "--detectors", "default", "--rounds", "1"])
    text = capsys.readouterr().out
    assert "MediaPipe is left out" in text and "requirements-mediapipe.txt" in text
    assert "PoseStride default" in text and "heavy" not in text


def test_rows_take_turns() -> None:
    names = [(row.choice, row.draw) for row in rows_of(["fast", "default"], [0])]
    assert names == [("fast", False), (0, False), ("fast", True), (0, True), ("default", False), ("default", True)]


def test_figures_of_known_times() -> None:
    steps = [Step(float(ms), 2.0 * ms, ms > 25) for ms in range(1, 102)]
    figures = Tally(Row("PoseStride fast", "fast", True), steps).figures()
    assert (figures.name, figures.draw, figures.frames) == ("PoseStride fast", True, 101)
    assert figures.ms_median == 51 and figures.ms_p95 == 96
    assert figures.fps == pytest.approx(1000 / 51) and figures.cpu_ms_mean == pytest.approx(102)
    assert figures.found_percent == pytest.approx(100 * 76 / 101)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["synthetic:frames=20,size=320x240"], "gave 20 frames; at least 21"),
        ([SOURCE, "--mediapipe-python", "no_such_python"], "no_such_python.* can't be started"),
    ],
)
def test_wrong_input_is_named(words: list[str], message: str) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        main(words)


def test_at_least_one_round_is_needed(capsys) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        main([SOURCE, "--rounds", "0"])
    assert "--rounds must be at least 1" in capsys.readouterr().err


def test_what_is_drawn_is_each_frame_with_its_own_pose(monkeypatch) -> None:
    drawn: list[Shown] = []
    monkeypatch.setattr(Composer, "draw", lambda self, shown, status: drawn.append(shown))
    frames, info = bench_mediapipe.decode(SOURCE, 30)
    ours = bench_mediapipe.Ours("default", find_card("lift-27", LifterCard), info, draw=True)
    steps = [ours(frame) for frame in frames]
    assert [step.found for step in steps] == [False] * 13 + [True] * 17
    assert [shown.frame.index for shown in drawn] == list(range(17))
    for shown in drawn:
        (person,) = shown.people
        assert person.pose2d.frame_index == shown.frame.index and person.pose3d.settled
        assert not person.pose3d.is_missing
