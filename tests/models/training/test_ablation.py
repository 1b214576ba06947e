"""The comparison of the network with its modifications."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import app
from models.training import ablation
from models.training.ablation import ARMS, Ablation, compare, runs_under, table
from pipeline.errors import DataError
from tests.helpers.mocap import write_mocap


def write_log(folder: Path, steps: int, error: float) -> None:
    folder.mkdir(parents=True)
    entries = [
        {"step": step, **{metric: error * scale for metric in ablation._METRICS}}
        for step, scale in ((steps // 2, 2.0), (steps, 1.0))
    ]
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def test_rows_are_means_over_the_seeds(tmp_path: Path) -> None:
    runs = runs_under(tmp_path, 2)
    assert len(runs) == 6 and len({run.folder for run in runs}) == 6
    for run, error in zip(runs, (10.0, 20.0, 30.0, 12.0, 20.0, 36.0), strict=True):
        write_log(run.folder, 8, error)
    rows = table(runs, 8, {"full": 1.0, "strided": 2.0})
    assert [row["frame_mpjpe_mm"]["mean"] for row in rows] == [11.0, 20.0, 33.0]
    assert rows[0]["frame_mpjpe_mm"]["sd"] == pytest.approx(1.41) and rows[0]["ms_per_window"] == 1.0
    assert [row["arm"] for row in rows] == [arm.name for arm in ARMS] and rows[2]["seeds"] == 2
    assert table(runs, 9, {"full": 1.0, "strided": 2.0}) == []  # nobody got so far


def test_it_trains_prints_and_draws_and_does_not_train_again(tmp_path: Path, capsys, monkeypatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_mocap(data / "train.npz", clips=2, frames=60)
    write_mocap(data / "val.npz", clips=2, frames=60)
    out = tmp_path / "out"
    options = ["train", "--stage", "ablation", "--data", str(data), "--out", str(out), "--seeds", "1", "--steps", "2"]
    options += ["--batch", "2", "--width", "16", "--hidden", "16", "--threads", "1"]
    monkeypatch.setattr(ablation, "_TIMED", 3)
    assert app.main(options) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n") >= 5 and "| strided + alpha_t | 1 |" in printed
    assert (out / "comparison.png").read_bytes()[:4] == b"\x89PNG"
    arms = json.loads((out / "comparison.json").read_text())["arms"]
    assert arms[0]["frame_mpjpe_mm"]["mean"] != arms[1]["frame_mpjpe_mm"]["mean"]
    monkeypatch.setattr(ablation, "_command", lambda *_: pytest.fail("trained again"))
    assert app.main(options) == 0


def test_a_failed_training_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ended with status"):
        compare(Ablation(tmp_path, tmp_path / "out", 1, 1, 1, 60.0, 2, 2, 16, 16))
