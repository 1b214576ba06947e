from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench_window
from benchmarks.bench_window import Delays, row_of
from pipeline.errors import DeviceError
from tests.helpers.xvfb import needs_xvfb


@needs_xvfb
def test_both_kinds_of_window_have_their_figures(tmp_path: Path, capsys) -> None:
    out = tmp_path / "window.json"
    bench_window.main(["--size", "160x90", "--pictures", "12", "--rounds", "1", "--json", str(out)])
    figures = json.loads(out.read_text())
    assert [row["window"] for row in figures["rows"]] == ["inside", "own process"]
    for row in figures["rows"]:
        assert row["pictures"] == 2 and 0 < row["busy_ms_median"] <= row["busy_ms_p95"]
        assert 0 < row["seen_ms_median"] <= row["seen_ms_p95"] < 1000  # each was seen, none waited for in vain
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("160x90, 2 pictures each") and "ms later (median)" in lines[-1]


def test_figures_of_known_times() -> None:
    row = row_of("inside", [Delays(float(n), 2.0 * n) for n in range(1, 102)])
    assert (row.pictures, row.busy_ms_median, row.busy_ms_p95) == (101, 51, 96)
    assert (row.seen_ms_median, row.seen_ms_p95) == (102, 192)


def test_without_xvfb_it_says_what_is_missing(monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DeviceError, match="needs Xvfb"):
        bench_window.main(["--pictures", "11", "--rounds", "1"])


def test_too_few_pictures_are_refused(capsys) -> None:
    with pytest.raises(SystemExit):
        bench_window.main(["--pictures", "10"])
    assert "more than 10" in capsys.readouterr().err
