"""The words of the endurance run; what it measures: tests/pipeline/run/test_endurance.py."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from benchmarks import bench_endurance

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").is_file(), reason="reads /proc/self")

WORDS = ["--frames", "80", "--sample-every", "20", "--draw-every", "20"]


def test_a_short_run_has_its_samples_rows_and_verdict(tmp_path: Path, capsys) -> None:
    out, rows = tmp_path / "endurance.json", tmp_path / "poses3d.csv"
    status = bench_endurance.main([*WORDS, "--limit-mb", "500", "--json", str(out), "--csv", str(rows)])
    figures = json.loads(out.read_text())
    assert figures["handed"] == figures["rows"] == 80 and figures["dropped"] == 0 and figures["in_order"]
    assert [sample["rows"] for sample in figures["samples"]] == [20, 40, 60, 80]
    assert all(sample["rss_mb"] > 10 and sample["blocks"] > 1000 for sample in figures["samples"])
    assert figures["lifter"] == "stand-in" and figures["run"]["preview_lookahead"] == 0
    assert status == bool(figures["problems"])
    with rows.open() as file:
        assert len({row["frame"] for row in csv.DictReader(file)}) == 80
    said = capsys.readouterr().out
    assert "80 frames handed out" in said
    assert ("nothing left behind" in said) != ("NOT as it must be" in said) and ("NOT" in said) == bool(status)


def test_growth_is_a_failure(monkeypatch, capsys) -> None:
    memory = iter(range(0, 4000, 10))
    monkeypatch.setattr(bench_endurance, "rss_mb", lambda: float(next(memory)))
    assert bench_endurance.main(WORDS) == 1
    assert "memory grew by 20.0 MB" in capsys.readouterr().out


def test_too_few_samples_are_refused(capsys) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        bench_endurance.main(["--frames", "70", "--sample-every", "20"])
    assert "four samples" in capsys.readouterr().err
