"""The GPU benchmark on whatever machine this is: the CPU's rows have figures, what can't be used says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench_gpu
from pipeline.errors import DeviceError
from pipeline.lift.create import DEFAULT_MODEL


def test_the_cpu_has_figures_and_a_missing_gpu_a_reason(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(bench_gpu, "gpu_problem", lambda *_: "no driver")
    monkeypatch.setattr("pipeline.runtime.gpu.gpu_problem", lambda *_: "no driver")
    monkeypatch.setattr(bench_gpu, "nvidia_smi", lambda: None)
    monkeypatch.setattr(bench_gpu, "find_driver", lambda: None)
    file = tmp_path / "gpu.json"
    detectors = ["--detector", "movenet-none", "--detector", bench_gpu.LIGHTNING]
    bench_gpu.main([*detectors, "--repeats", "1", "--batches", "1", "3", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    lifter = [row for row in rows if row["network"] == DEFAULT_MODEL]
    cpu = [row for row in lifter if row["way"].startswith("CPU")]
    gpu = [row for row in lifter if row["way"].startswith("CUDA")]
    assert {row["batch"] for row in cpu} == {1, 3}
    assert all(row["ms_median"] > 0 and row["calls"] > 0 and row["note"] == "cpu" for row in cpu)
    assert all(row["off_by"] < 1e-5 for row in cpu if row["way"] != cpu[0]["way"])
    assert len(gpu) == 6 and all(row["ms_median"] is None and "no driver" in row["note"] for row in gpu)
    missing = [row for row in rows if row["network"] == "movenet-none"]
    assert len(missing) == 1 and "movenet-none" in missing[0]["note"]
    assert any(row["network"] == bench_gpu.LIGHTNING for row in rows)


def test_a_driver_that_hangs_is_not_called(monkeypatch) -> None:
    def hangs():
        raise DeviceError("nvidia-smi gave no answer")

    def never(*_):
        raise AssertionError("the driver was called")

    monkeypatch.setattr(bench_gpu, "nvidia_smi", hangs)
    monkeypatch.setattr(bench_gpu, "find_driver", never)
    monkeypatch.setattr(bench_gpu, "gpu_problem", never)
    with pytest.raises(DeviceError, match="no answer"):
        bench_gpu.main([])


def test_all_detectors_that_there_are_take_part_unless_some_are_named(tmp_path: Path, monkeypatch) -> None:
    measured: list[str] = []

    def note(card, *_):
        measured.append(card.name)
        return iter(())

    monkeypatch.setattr(bench_gpu, "measure", note)
    bench_gpu.main([])
    assert measured == [DEFAULT_MODEL, bench_gpu.THUNDER, bench_gpu.LIGHTNING, bench_gpu.HEAVY]
