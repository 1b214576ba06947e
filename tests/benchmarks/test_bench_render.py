from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import bench_render
from pipeline.errors import SourceError
from tests.helpers.video import regular_times, write_video

WORDS = ["--size", "160x96", "--frames", "10"]
STAGES = ["overlay", "3D panel", "compose (all drawing)", "CSV 3D, tidy", "CSV 3D, wide", "CSV 2D, tidy", "NPZ"]


def test_every_stage_of_drawing_and_writing_has_a_figure(tmp_path: Path, capsys) -> None:
    out = tmp_path / "render.json"
    bench_render.main([*WORDS, "--json", str(out)])
    figures = json.loads(out.read_text())
    videos = [f"video, {preset}" for preset in bench_render.PRESETS]
    assert [row["name"] for row in figures["rows"]] == STAGES + videos
    assert all(row["ms_median"] > 0 for row in figures["rows"])
    assert all((row["mbit_s"] is not None and row["mbit_s"] > 0) == (row["name"] in videos) for row in figures["rows"])
    assert (figures["width_px"], figures["height_px"], figures["frames"]) == (160, 96, 10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("160 x 96, 10 frames") and len(lines) == 2 + len(figures["rows"])
    assert all(line.startswith(name) for line, name in zip(lines[2:], STAGES + videos, strict=True))


def test_pictures_may_come_from_a_video(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", regular_times(4))
    made = bench_render.pictures(10, 160, 96, video)
    assert len(made) == 10 and {image.shape for image in made} == {(96, 160, 3)}
    assert all(made[n] is made[n - 4] for n in range(4, 10)) and (made[0] != made[1]).any()


def test_wrong_words_are_refused(tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        bench_render.main(["--frames", "3"])
    assert "at least 10" in capsys.readouterr().err
    with pytest.raises(SourceError, match="none"):
        bench_render.main([*WORDS, "--video", str(tmp_path / "none.mp4")])


def test_the_person_sways_within_the_picture() -> None:
    people = bench_render.people(40, 160, 96)
    assert all((one.pose2d.xy_px > 0).all() and (one.pose2d.xy_px < (160, 96)).all() for one in people)
    assert (people[0].pose3d.xyz_m != people[14].pose3d.xyz_m).any()
    assert [one.pose3d.frame_index for one in people] == list(range(40))
