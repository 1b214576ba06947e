from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench_lifter
from pipeline.errors import ModelError


def test_each_number_of_threads_and_batch_size_has_a_figure(tmp_path: Path, capsys) -> None:
    out = tmp_path / "lifter.json"
    words = ["lift-27", "--batches", "1", "3", "--threads", "1", "2", "--rounds", "1"]
    bench_lifter.main([*words, "--json", str(out)])
    rows = json.loads(out.read_text())["rows"]
    assert [(row["lifter"], row["threads"], row["batch"]) for row in rows] == [
        ("lift-27", threads, batch) for threads in (1, 2) for batch in (1, 3)
    ]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0][:6] == ["lifter", "threads", "batch", "1", "batch", "3"]
    shown = [(row["ms_per_frame"], float(text)) for row, text in zip(rows, [*lines[1][2:], *lines[2][2:]], strict=True)]
    assert all(ms > 0 and text == pytest.approx(ms, abs=0.0051) for ms, text in shown)


def test_an_unknown_lifter_is_named() -> None:
    with pytest.raises(ModelError, match="lift-28"):
        bench_lifter.main(["lift-28"])
