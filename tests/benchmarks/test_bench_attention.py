from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import bench_attention
from benchmarks.bench_attention import Cost, Found, Time, cost_table, time_table
from pipeline.runtime.cards import LifterCard, find_card

SMALL = ["--width", "16", "--hidden", "16", "--heads", "2", "--rounds", "1"]


def test_both_kinds_are_counted_and_timed_in_both_runtimes(tmp_path: Path, capsys, monkeypatch) -> None:
    # exporting takes half a minute, and has tests of its own
    weights = find_card("lift-27", LifterCard).model_path
    monkeypatch.setattr(bench_attention, "export", lambda network, path: shutil.copy(weights, path))
    out = tmp_path / "attention.json"
    bench_attention.main([*SMALL, "--windows", "27", "--batches", "1", "2", "--json", str(out)])
    figures = json.loads(out.read_text())
    (found,) = figures["results"]
    full, strided = (found["costs"][kind] for kind in ("full", "strided"))
    assert strided["products"] < full["products"] < full["multiply_adds"]
    assert full["multiply_adds"] - full["products"] == strided["multiply_adds"] - strided["products"]
    assert all(cost["counted"] == cost["multiply_adds"] for cost in (full, strided))
    assert {(time["batch"], time["runtime"], time["kind"]) for time in found["times"]} == {
        (batch, runtime, kind)
        for batch in (1, 2)
        for runtime in ("PyTorch", "ONNX Runtime")
        for kind in ("full", "strided")
    }
    assert all(time["ms"] > 0 for time in found["times"]) and figures["width"] == 16
    said = capsys.readouterr().out
    assert "| yes |" in said and "| 27 | 2 | " in said


def test_a_runtime_can_be_left_out(tmp_path: Path, capsys, monkeypatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError("exported in vain")

    monkeypatch.setattr(bench_attention, "export", never)
    bench_attention.main([*SMALL, "--windows", "81", "--batches", "1", "--runtimes", "PyTorch"])
    assert "ONNX" not in capsys.readouterr().out


def test_tables_of_known_figures() -> None:
    costs = {"full": Cost(4_000_000, 2_000_000, 4e6), "strided": Cost(2_000_000, 500_000, 3e6)}
    found = Found(27, costs, [Time(1, "PyTorch", "full", 3.0), Time(1, "PyTorch", "strided", 2.0)])
    assert (
        cost_table([found]).splitlines()[-1] == "| 27 | 4.00 | 2.00 | 2.00 | 0.50 | 2.00 | no: {'strided': 3000000.0} |"
    )
    assert time_table([found]).splitlines()[-1] == "| 27 | 1 | 3.00 | 2.00 | 1.50 |"


def test_an_unknown_window_is_refused(capsys) -> None:
    with pytest.raises(SystemExit):
        bench_attention.main(["--windows", "28"])
    assert "27" in capsys.readouterr().err
