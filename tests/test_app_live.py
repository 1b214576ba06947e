"""The command line on live sources: a real MJPEG stream on loopback through the whole program."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import av
import pytest

import app
from tests.helpers.http_video import Plan, http_video


def run(address: str, out: Path, *arguments: object) -> int:
    words = ["run", address, "--out", str(out), "--detector", "fast", "--device", "cpu", "--threads", "1"]
    return app.main([*words, *map(str, arguments)])


def frames_of(out: Path, name: str = "poses3d.csv") -> list[int]:
    with (out / name).open(newline="") as file:
        return [int(row["frame"]) for row in csv.DictReader(file)][::17]


def test_a_stream_leaves_rows_and_with_record_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with http_video(Plan(rate_hz=20, frames=40, sizes_px=((320, 240),)), path="/mjpeg") as address:
        assert run(address, tmp_path, "--record", "--no-display", "--end", 1.5) == 0
    report = json.loads((tmp_path / "run.json").read_text())
    counts = report["counts"]
    frames = frames_of(tmp_path)
    # Frames that nobody had time for have no rows; those that have some are in order and in all files.
    assert frames == sorted(set(frames)) and len(frames) == counts["frames"] > 0
    assert frames == frames_of(tmp_path, "poses2d.csv") == frames_of(tmp_path, "poses3d_smooth.csv")
    assert report["source"]["kind"] == "stream" and report["timings"]["latency_ms_median"] > 0
    assert report["timings"]["settled_ms_median"] > 0
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        pictures = sum(1 for _ in container.decode(video=0))
    assert pictures == counts["pictures"] - counts["not_recorded"] > 0
    assert counts["pictures"] + counts["not_drawn"] == counts["frames"]
    assert str(tmp_path / "overlay.mp4") in capsys.readouterr().out


@pytest.mark.parametrize("latency", ["low", "balanced", "best"])
def test_without_a_screen_there_are_rows_and_no_video(
    tmp_path: Path, latency: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with http_video(Plan(rate_hz=20, sizes_px=((320, 240),)), path="/mjpeg") as address:
        assert run(address, tmp_path, "--latency", latency, "--end", 0.6) == 0
    assert frames_of(tmp_path) and not list(tmp_path.glob("*.mp4"))
    printed = capsys.readouterr()
    assert "no window" in printed.err and "latency" in printed.out and "settled after" in printed.out
    # The newest frame is known long before its rows, which wait for the frames after it.
    timings = json.loads((tmp_path / "run.json").read_text())["timings"]
    assert 0 < timings["latency_ms_median"] < timings["settled_ms_median"]
    assert timings["screen_ms_median"] is None


def test_a_stream_that_breaks_keeps_its_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(rate_hz=20, frames=15, end="stall", sizes_px=((320, 240),))
    with http_video(plan, path="/mjpeg") as address:
        assert run(address, tmp_path, "--no-display", "--timeout", 1.0) == 1
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["status"] == "failed" and len(frames_of(tmp_path)) == report["counts"]["frames"] > 0
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:") and "--reconnect" in error


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--latency", "lo"), ("did you mean 'low'?",)),
        (("--smooth", "lighter"), ("did you mean 'light'?", "--smooth")),
        (("--detect-every", 0), ("--detect-every 0",)),
        (("--quality", "fast"), ("--quality", "--latency")),
    ],
)
def test_wrong_values_are_named(
    tmp_path: Path, arguments: tuple[object, ...], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with http_video(Plan(sizes_px=((320, 240),)), path="/mjpeg") as address:
        assert run(address, tmp_path, *arguments, "--no-display", "--end", 1) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error:") and all(word in error for word in words)


def test_a_password_stays_out_of_the_results(tmp_path: Path) -> None:
    with http_video(Plan(rate_hz=20, sizes_px=((320, 240),)), path="/mjpeg?token=SECRET") as address:
        address = address.replace("http://", "http://joe:SECRET@")
        assert run(address, tmp_path, "--no-display", "--end", 0.4) == 0
    assert "SECRET" not in (tmp_path / "run.json").read_text()
