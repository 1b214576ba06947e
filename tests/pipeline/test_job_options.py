"""What a job is asked to do: presets, single options over them, values that make no sense."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.job_options import (
    LOOKAHEADS,
    PRESETS,
    Choice,
    JobOptions,
    ModelOptions,
    MotionOptions,
    ResultOptions,
    SourceOptions,
    choose,
)
from pipeline.run.options import RunOptions
from tests.helpers.stand_ins import StandInConfig

SOURCE = SourceOptions("synthetic")


@pytest.mark.parametrize(
    ("preset", "live", "expected"),
    [
        ("fast", False, Choice("fast", None, "fast", "light")),
        ("fast", True, Choice("fast", None, None, "light")),
        ("balanced", False, Choice("default", None, None, "light")),
        ("balanced", True, Choice("default", None, None, "light")),
        ("accurate", False, Choice("accurate", 81, "best", "light")),
        ("accurate", True, Choice("accurate", None, "standard", "light")),
    ],
)
def test_what_presets_come_to(preset: str, live: bool, expected: Choice) -> None:
    assert choose(JobOptions(SOURCE, preset), live) == expected
    assert list(PRESETS) == ["fast", "balanced", "accurate"]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("preset", list(PRESETS))
def test_single_options_are_stronger_than_the_preset(preset: str, live: bool) -> None:
    config = StandInConfig()
    options = JobOptions(
        SOURCE,
        preset,
        ModelOptions(detector=config, window=243, quality="standard"),
        MotionOptions(smooth="strong"),
    )
    assert choose(options, live) == Choice(config, 243, "standard", "strong")


def test_a_lifter_by_name_has_its_own_window() -> None:
    assert choose(JobOptions(SOURCE, "accurate", ModelOptions(lifter="lift-27")), live=False).window is None
    asked = ModelOptions(lifter="lift-27", window=27)
    assert choose(JobOptions(SOURCE, "accurate", asked), live=False).window == 27


def test_smoothing_off_is_something_that_was_asked_for() -> None:
    assert choose(JobOptions(SOURCE, motion=MotionOptions(smooth="off")), live=True).smooth == "off"


@pytest.mark.parametrize(
    ("options", "name", "value", "words"),
    [
        (lambda: JobOptions(SOURCE, "fasst"), "preset", "fasst", "did you mean 'fast'"),
        (lambda: MotionOptions(smooth="lite"), "smooth", "lite", "did you mean 'light'"),
        (lambda: MotionOptions(latency="lo"), "latency", "lo", "did you mean 'low'"),
        (lambda: MotionOptions(height_m=175.0), "height_m", 175.0, "in metres"),
        (lambda: MotionOptions(focal_px=-3.0), "focal_px", -3.0, "in pixels"),
        (lambda: MotionOptions(focal_px=float("nan")), "focal_px", None, "in pixels"),
        (lambda: MotionOptions(detect_every=0), "detect_every", 0, "1 is every frame"),
        (lambda: ModelOptions(threads=-1), "threads", -1, "0 .* or more"),
        (lambda: ResultOptions(formats=("csv", "bvhh")), "formats", "bvhh", "there are: csv, npz"),
        (lambda: JobOptions(SOURCE, models=ModelOptions(refiner="refine-27")), "refiner", "refine-27", "`focal_px`"),
        (lambda: RunOptions(preview_lookahead=-1), "preview_lookahead", -1, "0 is the newest frame"),
        (lambda: RunOptions(smooth="hard"), "smooth", "hard", "off, light, strong"),
    ],
)
def test_values_that_make_no_sense_are_refused_at_once(options: Any, name: str, value: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        options()
    assert caught.value.field == name and str(caught.value).startswith(name)
    assert value is None or caught.value.value == value


def test_a_refiner_with_a_focal_length_is_well() -> None:
    JobOptions(SOURCE, models=ModelOptions(refiner="refine-27"), motion=MotionOptions(focal_px=900.0))


@pytest.mark.parametrize(("latency", "frames"), list(LOOKAHEADS.items()))
def test_motion_options_become_those_of_a_run(latency: str, frames: int | None) -> None:
    motion = MotionOptions(
        height_m=1.8, focal_px=900.0, smooth="strong", repair_swaps=False, detect_every=3, latency=latency
    )
    assert motion.run_options("light") == RunOptions(
        height_m=1.8,
        focal_px=900.0,
        smooth="light",
        repair_swaps=False,
        detect_every=3,
        preview_lookahead=frames,
    )


def test_nothing_of_a_run_is_forgotten_by_motion_options() -> None:
    names = {field.name for field in dataclasses.fields(MotionOptions)} - {"latency"} | {"preview_lookahead"}
    assert names == {field.name for field in dataclasses.fields(RunOptions)}


def test_options_are_values() -> None:
    one, other = JobOptions(SOURCE), JobOptions(SourceOptions("synthetic"))
    assert one == other and hash(one) == hash(other)
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.preset = "fast"  # type: ignore[misc]
    assert dataclasses.replace(one, preset="fast") != one
