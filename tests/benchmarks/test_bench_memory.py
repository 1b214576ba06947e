from __future__ import annotations

import json
from pathlib import Path

from benchmarks import bench_memory


def test_a_run_of_its_own_has_its_peak(tmp_path: Path, capsys) -> None:
    out = tmp_path / "memory.json"
    bench_memory.main(["--size", "96x64", "--frames", "3", "--json", str(out)])
    (row,) = json.loads(out.read_text())["rows"]
    assert row["frames"] == 3 and 50 < row["peak_memory_mb"] < 2000 and row["fps"] > 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["3", f"{row['peak_memory_mb']:.0f}"]
