from __future__ import annotations

import argparse

import pytest

import app
from pipeline.commands.options import add_model_arguments, load_models
from pipeline.errors import ConfigError
from pipeline.lift.onnx import OnnxLifter, PreviewLifter
from pipeline.lift.overlap import OverlapLifter
from pipeline.lift.quality import QUALITIES, create_lifter, find_quality
from pipeline.runtime import Device
from tests.helpers.networks import StandInModel, card_of, showing


@pytest.fixture(autouse=True)
def _no_onnx(monkeypatch) -> None:
    monkeypatch.setattr("pipeline.lift.onnx.OnnxModel", StandInModel)


def test_each_quality_gives_its_lifter() -> None:
    card, cpu = card_of(showing(13)), Device("cpu")
    lifters = {name: create_lifter(card, cpu, 1, name) for name in QUALITIES}
    assert type(lifters["fast"]) is OverlapLifter and not lifters["fast"].flip
    assert type(lifters["standard"]) is OnnxLifter and not lifters["standard"].flip
    assert type(lifters["best"]) is OnnxLifter and lifters["best"].flip
    assert type(create_lifter(card, cpu)) is OnnxLifter
    # live runs draw provisional poses in the best quality too
    assert isinstance(lifters["best"], PreviewLifter)


@pytest.mark.parametrize(("name", "message"), [("fats", "did you mean 'fast'"), ("x", "fast, standard, best")])
def test_unknown_names_get_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"--quality '{name}' is not known; .*{message}"):
        find_quality(name)


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    return parser.parse_args(words)


def test_live_sources_refuse_what_needs_many_frames_at_once() -> None:
    with pytest.raises(ConfigError, match=r"--quality fast is for recordings: .*--latency"):
        load_models(parsed("--quality", "fast"), live=True)
    assert find_quality("best", live=True).flip


@pytest.mark.parametrize(
    ("window", "live", "words", "expected"),
    [
        (27, False, (), "best"),
        (81, False, (), "standard"),
        (27, True, (), "standard"),
        (27, False, ("--quality", "standard"), "standard"),
        (81, False, ("--quality", "best"), "best"),
    ],
)
def test_short_windows_of_recordings_are_seen_twice(monkeypatch, window, live, words, expected) -> None:
    monkeypatch.setattr("pipeline.commands.options.create_detector", lambda *_: None)
    monkeypatch.setattr("pipeline.commands.options.find_card", lambda *_: card_of(showing(13), window=window))
    models = load_models(parsed(*words, "--model", "stand-in", "--device", "cpu"), live)
    assert models.quality == expected and models.lifter.flip is (expected == "best")  # type: ignore[union-attr]


def test_the_command_line_names_a_wrong_quality(tmp_path, capsys) -> None:
    words = ["bench", "demo_videos/balance_portrait.mp4", "--quality", "bets", "--device", "cpu", "--no-video"]
    assert app.main(words) == 2
    error = capsys.readouterr().err
    assert "did you mean 'best'" in error and len(error.strip().splitlines()) == 1
