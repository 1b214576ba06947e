"""The command line as a user meets it: results, messages, exit codes; ordinary bad input."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import app
from pipeline.runtime import cards
from tests.helpers.video import regular_times, truncate, write_video

ROOT = Path(app.__file__).parent
CLIP = ROOT / "demo_videos" / "balance_portrait.mp4"
PICTURE = ROOT / "tests" / "data" / "sports2d_000.jpg"


def run(*arguments: object, out: Path) -> int:
    return app.main(["run", *map(str, arguments), "--out", str(out), "--detector", "fast", "--device", "cpu"])


def rows(out: Path, name: str = "poses3d.csv") -> list[dict[str, str]]:
    with (out / name).open(newline="") as file:
        return list(csv.DictReader(file))


def frames_of(out: Path, name: str = "poses3d.csv") -> list[int]:
    """Frame numbers in the CSV, after checking that each has its 17 joints in one block."""
    numbers = [int(row["frame"]) for row in rows(out, name)]
    assert numbers == [n for n in numbers[::17] for _ in range(17)]
    return numbers[::17]


def video_times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def person() -> list[np.ndarray]:
    """Pictures with a person: a still photograph, shifted a little from frame to frame."""
    picture = cv2.resize(cv2.imread(str(PICTURE)), (640, 360), interpolation=cv2.INTER_AREA)  # type: ignore[arg-type]
    return [np.roll(picture, n, axis=1) for n in range(40)]


@pytest.fixture(scope="module")
def empty() -> np.ndarray:
    return np.full((360, 640, 3), 90, np.uint8)


def make(path: Path, images: list[np.ndarray], times: list[float] | None = None, **options) -> Path:
    height, width = images[0].shape[:2]
    return write_video(path, times or regular_times(len(images)), images=images, size_px=(width, height), **options)


# ---- the main job


def test_a_video_gives_all_results(tmp_path: Path, person, capsys) -> None:
    source = make(tmp_path / "clip.mp4", person[:30], audio_s=1.0)
    out = tmp_path / "out"
    assert run(source, "--npz", "--height", 1.8, out=out) == 0
    assert sorted(p.name for p in out.iterdir()) == [
        "overlay.mp4",
        "poses2d.csv",
        "poses3d.csv",
        "poses3d.npz",
        "poses3d_smooth.csv",
        "poses3d_smooth.npz",
        "run.json",
    ]
    assert frames_of(out) == frames_of(out, "poses3d_smooth.csv") == frames_of(out, "poses2d.csv") == list(range(30))
    table = rows(out)
    assert list(table[0]) == ["frame", "time_s", "track_id", "joint", "x_m", "y_m", "z_m", "score", "origin", "settled"]
    assert {row["origin"] for row in table} == {"measured"}
    times = video_times(out / "overlay.mp4")
    assert times == pytest.approx(regular_times(30), abs=0.001)
    with av.open(str(out / "overlay.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "h264" and len(container.streams.audio) == 1
    report = json.loads((out / "run.json").read_text())
    assert report["status"] == "complete" and report["counts"]["frames"] == 30
    lifter = report["models"]["lifter"]
    assert (
        lifter["sha256"] == cards.find_card("lift-27", cards.LifterCard).sha256
        and report["chosen"]["quality"] == "best"
    )
    assert report["timings"]["latency_ms_median"] > 0 and report["conventions"]["body_height_m"] == 1.8
    printed = capsys.readouterr().out
    assert "30 frames, person in 30" in printed and "latency" in printed and str(out / "poses3d.csv") in printed


def test_poses_are_refined_where_the_lens_is_known(tmp_path: Path) -> None:
    source = "synthetic:frames=8,size=320x240"
    for name, words in (("plain", []), ("refined", ["--refine"])):
        assert run(source, "--no-display", "--focal-px", 300, "--model", "lift-27", *words, out=tmp_path / name) == 0
    found = {name: rows(tmp_path / name) for name in ("plain", "refined")}
    xyz = {name: np.array([[float(row[f"{axis}_m"]) for axis in "xyz"] for row in found[name]]) for name in found}
    assert xyz["plain"].shape == xyz["refined"].shape == (8 * 17, 3)
    apart = np.abs(xyz["plain"] - xyz["refined"]).max(0)
    assert 1e-3 < apart[0] < 0.2 and 1e-3 < apart[1] < 0.2
    report = json.loads((tmp_path / "refined" / "run.json").read_text())
    assert report["models"]["refiner"]["name"] == "refine-27"
    assert "refiner" not in json.loads((tmp_path / "plain" / "run.json").read_text())["models"]


def test_a_real_person_on_real_video_has_a_human_shape(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run(CLIP, "--end", 1.0, "--no-video", "--wide", out=out) == 0
    with (out / "poses3d.csv").open(newline="") as file:
        wide = list(csv.DictReader(file))
    assert [int(row["frame"]) for row in wide] == list(range(60))

    def joint(name: str) -> np.ndarray:
        return np.array([[float(row[f"{name}_{axis}_m"]) for axis in "xyz"] for row in wide])

    for bone, low, high in (("knee-ankle", 0.3, 0.5), ("hip-knee", 0.3, 0.55), ("shoulder-elbow", 0.2, 0.4)):
        for side in "lr":
            a, b = (joint(f"{side}_{part}") for part in bone.split("-"))
            assert low < np.median(np.linalg.norm(a - b, axis=1)) < high, (bone, side)


def test_a_folder_of_images(tmp_path: Path, person) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(12):
        cv2.imwrite(str(folder / f"p{n}.jpg"), person[n])
    assert run(folder, "--fps", 10, "--no-video", out=tmp_path / "out") == 0
    assert frames_of(tmp_path / "out") == list(range(12))
    assert float(rows(tmp_path / "out")[-1]["time_s"]) == pytest.approx(1.1)


def test_synthetic(tmp_path: Path) -> None:
    assert run("synthetic:frames=6,size=320x240", out=tmp_path / "out") == 0
    assert frames_of(tmp_path / "out") == list(range(6))


# ---- ordinary bad input: a clear message or a correct result


def fails(capsys, code: int, *words: str) -> None:
    error = capsys.readouterr().err
    lines = [line for line in error.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in error, error
    for word in words:
        assert word in lines[0], lines[0]
    assert code in (1, 2)


def test_no_such_file(tmp_path: Path, capsys) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"")
    fails(capsys, run(tmp_path / "clap.mp4", out=tmp_path / "o"), "clap.mp4", "clip.mp4")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("content", [b"", b"this is no video\n" * 50], ids=["empty", "text"])
def test_files_that_are_no_videos(tmp_path: Path, capsys, content: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    fails(capsys, run(tmp_path / "clip.mp4", out=tmp_path / "o"), "clip.mp4")


def test_a_folder_without_images(tmp_path: Path, capsys) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    fails(capsys, run(tmp_path / "notes", out=tmp_path / "o"), "notes")


def test_a_truncated_video_keeps_what_there_is(tmp_path: Path, person) -> None:
    source = truncate(make(tmp_path / "clip.mp4", person[:36], faststart=True), 0.6)
    assert run(source, "--no-video", out=tmp_path / "out") == 0
    frames = frames_of(tmp_path / "out")
    assert frames == list(range(len(frames))) and 3 <= len(frames) < 36
    assert json.loads((tmp_path / "out" / "run.json").read_text())["source"]["warnings"]


def test_a_video_without_any_person(tmp_path: Path, empty, capsys) -> None:
    source = make(tmp_path / "clip.mp4", [empty] * 12)
    assert run(source, out=tmp_path / "out") == 0
    assert frames_of(tmp_path / "out") == list(range(12))
    assert {(row["x_m"], row["origin"]) for row in rows(tmp_path / "out")} == {("", "missing")}
    assert len(video_times(tmp_path / "out" / "overlay.mp4")) == 12
    assert "no person was found" in capsys.readouterr().out


def test_a_person_who_comes_leaves_and_returns(tmp_path: Path, person, empty) -> None:
    images = [empty] * 20 + person[:20] + [empty] * 15 + person[:15]
    assert run(make(tmp_path / "clip.mp4", images), "--no-video", out=tmp_path / "out") == 0
    assert frames_of(tmp_path / "out") == list(range(70))
    missing = [row["x_m"] == "" for row in rows(tmp_path / "out")][::17]
    assert all(missing[:20]) and all(missing[40:55])
    # the search may need some frames to find a person again
    assert sum(missing[20:40]) <= 6 and sum(missing[55:]) <= 6


def test_a_portrait_video_with_rotation_metadata(tmp_path: Path, person) -> None:
    lying = [cv2.rotate(image, cv2.ROTATE_90_COUNTERCLOCKWISE) for image in person[:20]]
    source = make(tmp_path / "clip.mp4", lying, rotation_deg=-90)
    with av.open(str(source)) as container:
        assert next(container.decode(video=0)).rotation != 0
    assert run(source, "--no-video", out=tmp_path / "out") == 0
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (report["source"]["width_px"], report["source"]["height_px"]) == (640, 360)
    table = rows(tmp_path / "out")
    head = np.mean([float(row["y_m"]) for row in table if row["joint"] == "head"])
    assert head < -0.4  # above the pelvis: the person stands


def test_variable_frame_rate_keeps_its_times(tmp_path: Path, person) -> None:
    times = np.cumsum([0.0] + [0.02, 0.05, 0.033] * 9).round(3).tolist()
    source = make(tmp_path / "clip.mp4", person[: len(times)], times)
    assert run(source, out=tmp_path / "out") == 0
    assert [float(row["time_s"]) for row in rows(tmp_path / "out")][::17] == pytest.approx(times, abs=0.001)
    assert video_times(tmp_path / "out" / "overlay.mp4") == pytest.approx(times, abs=0.001)


@pytest.mark.parametrize("count", [1, 5])
def test_fewer_frames_than_the_window(tmp_path: Path, person, count: int) -> None:
    assert run(make(tmp_path / "clip.mp4", person[:count]), out=tmp_path / "out") == 0
    assert frames_of(tmp_path / "out") == list(range(count))
    assert all(row["x_m"] for row in rows(tmp_path / "out"))


def test_existing_results_are_not_overwritten_unasked(tmp_path: Path, capsys) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "poses3d.csv").write_text("precious")
    code = run("synthetic:frames=2,size=160x120", "--no-video", out=out)
    assert code == 2
    fails(capsys, code, "poses3d.csv", "--overwrite")
    assert (out / "poses3d.csv").read_text() == "precious"
    assert run("synthetic:frames=2,size=160x120", "--no-video", "--overwrite", out=out) == 0
    assert frames_of(out) == [0, 1]


def test_an_unwritable_output_folder(tmp_path: Path, capsys) -> None:
    (tmp_path / "file").write_text("in the way")
    code = run("synthetic:frames=2,size=160x120", out=tmp_path / "file")
    assert code == 1
    fails(capsys, code, "file")


@pytest.fixture
def own_weights(tmp_path: Path, monkeypatch) -> Path:
    """A copy of ``weights/`` that a test may damage."""
    folder = tmp_path / "weights"
    shutil.copytree(cards.WEIGHTS_DIR, folder, ignore=shutil.ignore_patterns("*.py", "conversion", "*.md"))
    for function in (cards.find_card, cards.list_cards):
        defaults = tuple(folder if value == cards.WEIGHTS_DIR else value for value in function.__defaults__ or ())
        monkeypatch.setattr(function, "__defaults__", defaults)
    return folder


@pytest.mark.parametrize("name", ["lift-27.onnx", "movenet-lightning.onnx"])
def test_a_damaged_or_missing_weight_file(tmp_path: Path, own_weights: Path, capsys, name: str) -> None:
    whole = (own_weights / name).read_bytes()
    (own_weights / name).write_bytes(whole[: len(whole) // 2])
    code = run("synthetic:frames=2,size=160x120", out=tmp_path / "a")
    assert code == 1
    fails(capsys, code, name, "damaged", "restore")
    assert app.main(["models", "verify"]) == 1
    assert "FAILED" in capsys.readouterr().out
    (own_weights / name).unlink()
    code = run("synthetic:frames=2,size=160x120", out=tmp_path / "b")
    assert code == 1
    fails(capsys, code, name, "missing")
    assert app.main(["doctor"]) == 1


def test_ctrl_c_keeps_finished_rows_and_a_playable_video(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "app.py", "run", "synthetic:frames=100000,size=320x240", "--out", str(out)]
    process = subprocess.Popen([*command, "--detector", "fast"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        part = out / "poses3d.csv.part"
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and not (part.exists() and part.stat().st_size > 30_000):
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in error
    frames = frames_of(out)
    assert frames == list(range(len(frames))) and len(frames) > 10
    assert len(video_times(out / "overlay.mp4")) == len(frames)
    report = json.loads((out / "run.json").read_text())
    assert report["status"] == "interrupted" and report["counts"]["frames"] == len(frames)
    assert not list(out.glob("*.part"))


# ---- usage


@pytest.mark.parametrize(("verb", "package"), [("run", "tqdm"), ("doctor", "av")])
def test_a_python_without_the_packages_is_told_what_to_do(verb: str, package: str) -> None:
    words = f"import sys; sys.modules[{package!r}] = None; import app; sys.exit(app.main([{verb!r}, '--help']))"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=False)
    error = done.stderr.strip().splitlines()
    assert done.returncode == 1 and len(error) == 1
    assert f"lacks the package '{package}'" in error[0] and "requirements-run.txt" in error[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--detector", "acurate"], ("acurate", "accurate")),
        (["--device", "gpu"], ("gpu", "cuda")),
        (["--model", "lift-28"], ("lift-28", "lift-27")),
        (["--window", "28"], ("--window 28", "27")),
        (["--window", "81", "--model", "lift-27"], ("--model 'lift-27'", "27", "--window 81")),
        (["--height", "175"], ("--height 175", "metres")),
        (["--focal-px", "-3"], ("--focal-px -3",)),
        (["--refine"], ("--refine", "--focal-px")),
        (["--refine", "refine-28", "--focal-px", "900"], ("refine-28", "refine-27")),
        (["--threads", "-1"], ("--threads -1",)),
        (["--start", "-1"], ("--start -1",)),
        (["--start", "3", "--end", "2"], ("--end 2", "--start (3 s)")),
        (["--preset", "acurate"], ("--preset 'acurate'", "did you mean 'accurate'")),
        (["--formats", "csw"], ("--formats 'csw'", "did you mean 'csv'")),
        (["--fps", "25"], ("--fps 25", "synthetic")),
    ],
)
def test_wrong_values_name_the_right_ones(tmp_path: Path, capsys, arguments: list[str], words) -> None:
    code = app.main(["run", "synthetic:frames=2,size=160x120", "--out", str(tmp_path / "out"), *arguments])
    fails(capsys, code, *words)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["run", "0", "--overwite"], "--overwrite"),
        (["rum", "0"], "run"),
        ([], "VERB"),
        (["run"], "SOURCE"),
        (["run", "0", "--start", "soon"], "soon"),
    ],
)
def test_wrong_usage_ends_with_2(capsys, arguments: list[str], word: str) -> None:
    with pytest.raises(SystemExit) as stop:
        app.main(arguments)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert word in error and "Traceback" not in error


def test_an_unexpected_error_is_one_line_unless_debug(monkeypatch, capsys) -> None:
    def broken(options):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("pipeline.commands.doctor.execute", broken)
    assert app.main(["doctor"]) == 1
    assert capsys.readouterr().err.strip().splitlines() == [
        "error: unexpected ZeroDivisionError: oh; run again with --debug and report it"
    ]
    assert app.main(["doctor", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_models_and_doctor(capsys) -> None:
    assert app.main(["models", "list"]) == 0 and app.main(["models", "verify"]) == 0
    printed = capsys.readouterr().out
    assert "movenet-thunder" in printed and "lift-27" in printed and "FAILED" not in printed
    assert app.main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "lifter lift-27 runs on the CPU" in printed and "PROBLEM" not in printed


@pytest.mark.parametrize("live", [False, True])
def test_bench_writes_its_figures(tmp_path: Path, capsys, live: bool) -> None:
    file = tmp_path / "bench.json"
    arguments = ["bench", "synthetic:frames=20,size=160x120", "--detector", "fast", "--json", str(file)]
    assert app.main(arguments + ["--live"] * live) == 0
    figures = json.loads(file.read_text())
    timings, counts = figures["timings"], figures["counts"]
    assert timings["fps"] > 0 and timings["latency_ms_p95"] >= timings["latency_ms_median"] > 0
    stages = {"wait" if live else "decode", "detect", "lift", "draw", "write"}
    assert set(timings["stages"]) == stages == set(figures["shares"])
    assert figures["shares"].pop("wait", None) is None
    assert sum(figures["shares"].values()) == pytest.approx(1, abs=0.01) and figures["peak_memory_mb"] > 10
    assert counts["frames"] + counts["dropped_frames"] == 20 and (live or counts["dropped_frames"] == 0)
    assert "frames/s" in capsys.readouterr().out


def test_help_names_every_verb_and_works_everywhere() -> None:
    text = subprocess.run(
        [sys.executable, str(ROOT / "app.py"), "--help"],
        cwd=os.sep,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    for verb in ("run", "models", "doctor", "bench"):
        assert f"    {verb} " in text


def test_overwriting_leaves_no_results_of_another_run(tmp_path: Path) -> None:
    """Fewer results than before: the others would not belong to the new rows. Foreign files stay."""
    assert run("synthetic:frames=5,size=160x120", "--npz", out=tmp_path) == 0
    (tmp_path / "notes.txt").write_text("mine")
    assert run("synthetic:frames=6,size=160x120", "--no-video", "--smooth", "off", "--overwrite", out=tmp_path) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.txt", "poses2d.csv", "poses3d.csv", "run.json"]


def test_nothing_is_removed_unasked(tmp_path: Path) -> None:
    (tmp_path / "overlay.mp4").write_bytes(b"another run's")
    assert run("synthetic:frames=5,size=160x120", "--no-video", out=tmp_path) == 0
    assert (tmp_path / "overlay.mp4").read_bytes() == b"another run's"


def test_a_run_that_breaks_down_says_so_in_its_run_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the unexpected")

    monkeypatch.setattr("pipeline.export.result_files.ResultFiles.write", broken)
    (tmp_path / "run.json").write_text('{"status": "complete"}')
    assert run("synthetic:frames=5,size=160x120", "--overwrite", out=tmp_path) == 1
    report = json.loads((tmp_path / "run.json").read_text())
    assert report["status"] == "failed" and report["error"] == "the unexpected"
    assert "unexpected RuntimeError" in capsys.readouterr().err
