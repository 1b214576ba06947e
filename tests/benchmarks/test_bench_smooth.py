from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_smooth
from benchmarks.bench_smooth import jump_lag_ms, mean_accel, swing_lag_ms
from pipeline.types import Pose3D


def test_a_preset_shakes_less_than_none_and_has_its_delay(tmp_path: Path, capsys) -> None:
    out = tmp_path / "smooth.json"
    words = ["--rates", "30", "--people", "1", "--still", "2", "--walk", "2", "--presets", "off", "strong"]
    bench_smooth.main([*words, "--json", str(out)])
    figures = json.loads(out.read_text())
    off, live, files = figures["rows"]
    assert [row["filter"] for row in (off, live, files)] == ["", "One Euro", "zero phase"]
    assert off["still"]["accel"] > live["still"]["accel"] > files["still"]["accel"] > 0
    assert off["delay_ms"] == live["delay_ms"] == 0 < files["delay_ms"]
    assert live["swings"][1][0] > 20 and files["swings"][1][0] == pytest.approx(0, abs=0.1)  # lag of a small swing
    assert 0 < figures["truth_accel_mm"]["30.0"] < off["walk"]["accel"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 1 + 3 and [line.split()[1] for line in lines[2:]] == ["truth", "off", "One", "zero"]
    assert float(lines[3].split()[2]) == pytest.approx(off["still"]["std"], abs=0.051)


def late(poses: list[Pose3D]) -> list[Pose3D]:
    """Three frames late, and half as large."""
    held = [poses[0]] * 3 + poses[:-3]
    return [replace(pose, xyz_m=before.xyz_m / np.float32(2)) for pose, before in zip(poses, held, strict=True)]


def test_lags_of_known_filters() -> None:
    assert jump_lag_ms(30.0, 0.5, lambda poses: poses) == pytest.approx((0, 1000 / 30 * 0.4), abs=0.1)
    assert swing_lag_ms(30.0, 0.5, lambda poses: poses) == pytest.approx((0, 100))
    assert swing_lag_ms(30.0, 0.5, late) == pytest.approx((100, 50), abs=0.1)


def test_acceleration_of_a_parabola() -> None:
    xyz_mm = np.zeros((10, 16, 3))
    xyz_mm[..., 1] = (np.arange(10.0) ** 2)[:, None]
    assert mean_accel(xyz_mm) == pytest.approx(2)


def test_clips_that_are_too_short_are_refused(capsys) -> None:
    with pytest.raises(SystemExit):
        bench_smooth.main(["--still", "1"])
    assert "--still" in capsys.readouterr().err
