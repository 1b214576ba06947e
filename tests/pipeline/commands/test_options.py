"""Words of the command line become options of a job: every one of them arrives."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

import app
from pipeline.commands import bench, run
from pipeline.commands.options import model_options, motion_options, source_options
from pipeline.errors import ConfigError
from pipeline.job_options import (
    JobOptions,
    ModelOptions,
    MotionOptions,
    ResultOptions,
    SourceOptions,
    choose,
)
from pipeline.run.options import RunOptions
from pipeline.sources import LiveOptions


def parsed(*words: str, verb: str = "run") -> argparse.Namespace:
    return app.parse([verb, "clip.mp4", *words])


def asked(*words: str) -> JobOptions:
    return run.job_options(parsed(*words))


def at(options: JobOptions, path: str) -> Any:
    found: Any = options
    for name in path.split("."):
        found = getattr(found, name)
    return found


# Words, where they arrive, and as what.
WORDS: list[tuple[tuple[str, ...], str, object]] = [
    (("--start", "1.5"), "source.start_s", 1.5),
    (("--end", "2.5"), "source.end_s", 2.5),
    (("--fps", "12"), "source.fps", 12.0),
    (("--size", "640x480"), "live.width_px", 640),
    (("--size", "640x480"), "live.height_px", 480),
    (("--fourcc", "MJPG"), "live.fourcc", "MJPG"),
    (("--mirror",), "live.mirror", True),
    (("--reconnect",), "live.reconnect", True),
    (("--timeout", "3"), "live.patience_s", 3.0),
    (("--preset", "fast"), "preset", "fast"),
    (("--detector", "accurate"), "models.detector", "accurate"),
    (("--model", "lift-81"), "models.lifter", "lift-81"),
    (("--window", "243"), "models.window", 243),
    (("--quality", "best"), "models.quality", "best"),
    (("--device", "cpu"), "models.device", "cpu"),
    (("--threads", "2"), "models.threads", 2),
    (("--refine", "--focal-px", "900"), "models.refiner", "refine-27"),
    (("--refine", "other", "--focal-px", "900"), "models.refiner", "other"),
    (("--focal-px", "900"), "motion.focal_px", 900.0),
    (("--height", "1.8"), "motion.height_m", 1.8),
    (("--smooth", "strong"), "motion.smooth", "strong"),
    (("--latency", "balanced"), "motion.latency", "balanced"),
    (("--detect-every", "3"), "motion.detect_every", 3),
    (("--keep-swaps",), "motion.repair_swaps", False),
    (("--formats", "npz, csv,npz"), "results.formats", ("npz", "csv")),
    (("--npz",), "results.formats", ("csv", "npz")),
    (("--wide",), "results.wide", True),
    (("--no-video",), "results.video", False),
    (("--record",), "results.record", True),
    (("--overwrite",), "results.overwrite", True),
]
NO_OPTIONS_OF_A_JOB = {"--out", "--no-display", "--debug", "--help", "-h"}
NO_WORDS = {"source.name", "source.paced", "live.fps", "live.backoff"}  # the source itself; bench; --fps; not offered


@pytest.mark.parametrize(("words", "path", "value"), WORDS)
def test_a_word_arrives_and_nothing_else_changes(words: tuple[str, ...], path: str, value: object) -> None:
    options, plain = asked(*words), asked()
    assert at(options, path) == value != at(plain, path)
    expected = {path} | {other for known, other, _ in WORDS if set(known) <= set(words)}
    assert changed(plain, options) == expected


def leaves(options: JobOptions) -> set[str]:
    """All fields, groups by their fields."""
    found = set()
    for field in dataclasses.fields(options):
        value = getattr(options, field.name)
        if dataclasses.is_dataclass(value):
            found |= {f"{field.name}.{inner.name}" for inner in dataclasses.fields(value)}
        else:
            found.add(field.name)
    return found


def changed(one: JobOptions, other: JobOptions) -> set[str]:
    return {path for path in leaves(one) if at(one, path) != at(other, path)}


def test_without_words_a_job_has_its_defaults() -> None:
    assert asked() == JobOptions(SourceOptions("clip.mp4"))
    assert LiveOptions() == asked().live and ResultOptions() == asked().results


def test_every_field_of_a_job_has_a_word() -> None:
    assert leaves(asked()) == {path for _, path, _ in WORDS} | NO_WORDS


def test_every_word_of_run_is_walked_here() -> None:
    _, verbs = app.build_parsers(["run"])
    walked = {word for words, _, _ in WORDS for word in words if word.startswith("--")}
    assert set(verbs["run"].options()) == walked | NO_OPTIONS_OF_A_JOB


def test_smooth_strong_arrives_in_the_run() -> None:
    """From the word to the pipeline; the preset's is light."""
    for words, smooth in ((("--smooth", "strong"), "strong"), ((), "light"), (("--smooth", "off"), "off")):
        options = asked(*words)
        assert options.motion.run_options(choose(options, live=False).smooth).smooth == smooth


def test_all_words_of_motion_arrive_in_the_run() -> None:
    options = asked(
        *("--height", "1.9", "--focal-px", "800", "--smooth", "strong", "--keep-swaps"),
        *("--detect-every", "2", "--latency", "balanced"),
    )
    assert options.motion.run_options(choose(options, live=True).smooth) == RunOptions(
        height_m=1.9, focal_px=800.0, smooth="strong", repair_swaps=False, detect_every=2, preview_lookahead=3
    )


def test_bench_shares_words_with_run() -> None:
    words = ("--start", "1", "--preset", "fast", "--window", "81", "--smooth", "strong", "--latency", "best")
    one, other = parsed(*words), parsed(*words, verb="bench")
    assert source_options(one) == source_options(other) == SourceOptions("clip.mp4", 1.0)
    assert model_options(one) == model_options(other) == ModelOptions(window=81)
    assert motion_options(one) == motion_options(other) == MotionOptions(smooth="strong", latency="best")
    assert source_options(other, paced=True).paced


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("--size", "big"), "size"),
        (("--size", "1x1"), "size"),
        (("--fourcc", "MJ"), "fourcc"),
        (("--timeout", "0"), "patience_s"),
        (("--latency", "lo"), "latency"),
        (("--formats", ""), "formats"),
        (("--formats", "csv,xml"), "formats"),
        (("--refine",), "refiner"),
    ],
)
def test_values_that_are_not_valid_are_refused_before_the_source_is_opened(words: tuple[str, ...], field: str) -> None:
    with pytest.raises(ConfigError) as caught:
        asked(*words)
    assert caught.value.field == field


def test_the_folder_of_results_is_a_path() -> None:
    assert parsed("--out", "a/b").out == Path("a/b") and parsed().out is None


def test_bench_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--json .* lies in no folder"):
        bench.execute(parsed("--json", str(tmp_path / "no" / "file.json"), verb="bench"))
