"""Sparse detection on footage, and its speed; on motion capture: tests/models/evaluation/test_live.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from benchmarks import bench_detect_every, judging
from pipeline.errors import ConfigError
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import parse_options
from pipeline.types import Frame, Pose2D
from tests.helpers.footage import write_walker
from tests.helpers.stand_ins import TrueDetector

WALKER = "synthetic:frames=24,size=320x240"


class Counting(TrueDetector):
    """Notes which frames it looked at."""

    looked: ClassVar[list[list[int]]] = []

    def __init__(self, source: SyntheticSource) -> None:
        super().__init__(source)
        self.looked.append([])

    def __call__(self, frame: Frame) -> list[Pose2D]:
        self.looked[-1].append(frame.index)
        return super().__call__(frame)


def test_every_n_has_its_accuracy_on_footage_and_its_speed(tmp_path: Path, capsys, monkeypatch) -> None:
    walker, clip = write_walker(tmp_path, frames=24), SyntheticSource(parse_options(WALKER))
    monkeypatch.setattr(Counting, "looked", [])
    for module, source in ((judging, walker), (bench_detect_every, clip)):
        monkeypatch.setattr(module, "create_detector", lambda *_, source=source, **__: Counting(source))
    out = tmp_path / "every.json"
    words = ["lift-27", "--footage", str(tmp_path), "--clip", WALKER, "--rounds", "2", "--every", "1", "4"]
    bench_detect_every.main([*words, "--json", str(out)])
    figures = json.loads(out.read_text())
    rows = figures["detect_every"]
    assert set(rows) == {"1", "4"} and figures["model"]["name"] == "lift-27"
    for row in rows.values():
        assert set(row) == {"footage", "cpu_ms"} and set(row["footage"]) == {"settled", "0"}
        assert row["cpu_ms"]["both"] == pytest.approx(row["cpu_ms"]["detect"] + row["cpu_ms"]["lift"])
        assert row["cpu_ms"]["lift"] > 0
    assert rows["1"]["footage"]["0"] != rows["4"]["footage"]["0"]
    on_footage, speed = Counting.looked[:2], Counting.looked[2:]
    assert on_footage == [list(range(24)), list(range(0, 24, 4))]
    assert [len(looked) for looked in speed] == [24, 6, 6, 24]  # two rounds, the second one backwards
    lines = [line.split() for line in capsys.readouterr().out.splitlines()[-2:]]
    assert [line[0] for line in lines] == ["1", "4"] and all(line[1:5] == ["-"] * 4 for line in lines)


def test_without_rounds_and_data_there_are_only_dashes(capsys) -> None:
    bench_detect_every.main(["--every", "2", "--rounds", "0"])
    assert capsys.readouterr().out.splitlines()[-1].split() == ["2", *["-"] * 11]


def test_wrong_words_and_clips_are_refused(capsys) -> None:
    for words in (["--every", "0"], ["--rounds", "-1"]):
        with pytest.raises(SystemExit, match=r"^2$"):
            bench_detect_every.main(words)
        assert "numbers from 1" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="20 of them do not count"):
        bench_detect_every.main(["--every", "2", "--clip", "synthetic:frames=20,size=96x64"])
