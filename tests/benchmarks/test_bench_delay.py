"""Delay against accuracy; more of it on motion capture: tests/models/evaluation/test_live.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench_delay, judging
from pipeline.errors import DataError, ModelError
from tests.helpers.footage import write_walker
from tests.helpers.mocap import write_mocap
from tests.helpers.stand_ins import TrueDetector

FRAMES = 24


def test_footage_and_motion_capture_have_a_table_each(tmp_path: Path, capsys, monkeypatch) -> None:
    walker = write_walker(tmp_path, FRAMES)
    monkeypatch.setattr(judging, "create_detector", lambda *_, **__: TrueDetector(walker))
    out, data = tmp_path / "delay.json", write_mocap(tmp_path / "people.npz", clips=2, frames=40)
    words = ["lift-27+lift-27-live", "--footage", str(tmp_path), "--data", str(data), "--cameras", "1", "--clips", "1"]
    bench_delay.main([*words, "--lookaheads", "0", "3", "99", "--json", str(out)])
    figures = json.loads(out.read_text())
    (result,) = figures["results"]
    assert (result["model"], result["provisional_by"]["name"]) == ("lift-27", "lift-27-live")
    assert len(result["sha256"]) == 64 and result["lookahead"] == 13 and figures["clips"] == 1
    assert set(result["footage"]) == set(result["mocap"]) == {"settled", "0", "3"}
    for tier in result["footage"].values():
        view = tier["views"]["walker_left"]
        assert view["frames"] == FRAMES - 3 and view["s_mpjpe_mm"] == tier["average"]["s_mpjpe_mm"]
        assert 0 < view["p_mpjpe_mm"] < 200
    tables = capsys.readouterr().out.split("\n\n")
    assert "motion capture at 30 Hz" in tables[0] and "footage at 30 Hz, 1 views" in tables[1]
    rows = [line.split() for line in tables[1].splitlines()[2:]]
    assert [row[:3] for row in rows] == [
        ["preview", "0", "0"],
        ["preview", "3", "100"],
        ["settled", "13", "433"],
    ]
    settled = result["footage"]["settled"]["average"]["s_mpjpe_mm"]
    assert float(rows[2][3]) == pytest.approx(settled, abs=0.051)


def test_a_model_alone_gives_both_kinds_of_poses(tmp_path: Path, capsys) -> None:
    out, data = tmp_path / "delay.json", write_mocap(tmp_path / "people.npz", clips=2, frames=40)
    words = ["lift-27", "--data", str(data), "--cameras", "1", "--clips", "1", "--lookaheads", "3"]
    bench_delay.main([*words, "--json", str(out)])
    (result,) = json.loads(out.read_text())["results"]
    assert set(result) == {"model", "sha256", "lookahead", "mocap"} and set(result["mocap"]) == {"settled", "3"}
    assert capsys.readouterr().out.splitlines()[1].startswith("lift-27, motion capture")


@pytest.mark.parametrize(("words", "said"), [([], "nothing to judge on"), (["--lookaheads", "-1"], "0 is the newest")])
def test_wrong_words_are_refused(words: list[str], said: str, tmp_path: Path, capsys) -> None:
    data = ["--data", str(tmp_path / "none.npz")] if words else []
    with pytest.raises(SystemExit, match=r"^2$"):
        bench_delay.main([*words, *data])
    assert said in capsys.readouterr().err


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no NAME_truth"):
        bench_delay.main(["--footage", str(tmp_path)])
    data = write_mocap(tmp_path / "people.npz", clips=2, frames=40)
    with pytest.raises(ModelError, match="lift-28"):
        bench_delay.main(["lift-27+lift-28", "--data", str(data)])
