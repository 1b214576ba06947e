from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_swaps
from benchmarks.bench_swaps import KINDS, bursts, exchanged, walker_tracks
from tests.helpers.mocap import write_mocap


@pytest.mark.parametrize("of_mocap", [False, True])
def test_swapped_joints_are_counted_before_and_after(tmp_path: Path, capsys, of_mocap: bool) -> None:
    out = tmp_path / "swaps.json"
    words = ["--rates", "15", "--tracks", "2", "--json", str(out)]
    if of_mocap:
        words += ["--data", str(write_mocap(tmp_path / "people.npz", clips=2, frames=400))]
    bench_swaps.main(words)
    rows = json.loads(out.read_text())["rows"]
    assert [row["bursts"] for row in rows] == ["none", *KINDS]
    none, arms, _, everything, _ = rows
    assert none["tracks"] == 2 and none["swapped_before_percent"] == 0
    assert 0 < arms["swapped_before_percent"] < everything["swapped_before_percent"]
    assert arms["error_before_percent"] > none["error_before_percent"] > 0
    assert all(row["swapped_after_percent"] <= row["swapped_before_percent"] for row in rows)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["15", row["bursts"]] for row in rows]
    assert float(lines[3].split()[2]) == pytest.approx(arms["swapped_before_percent"], abs=0.0051)


def test_bursts_swap_the_pairs_of_their_kind() -> None:
    (track,) = walker_tracks(30.0, 1, seed=1)
    swapped = bursts(track, "arms", np.random.default_rng(0))
    assert swapped.shape == (180, 8) and swapped[:, [3, 4]].any() and not swapped[:, [0, 1, 2, 5, 6, 7]].any()
    xy = exchanged(track.xy_px, swapped)
    now = swapped[:, 3]  # elbows: COCO 7 and 8
    assert (xy[now, 7] == track.xy_px[now, 8]).all() and (xy[~now] == track.xy_px[~now]).all()
    assert (exchanged(xy, swapped) == track.xy_px).all()
