"""Settled and provisional poses of two networks; the networks are stand-ins that give back or mark their input."""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np
import pytest

from pipeline.commands.options import add_model_arguments, add_motion_arguments, load_models
from pipeline.errors import ConfigError, ModelError
from pipeline.lift.onnx import OnnxLifter, PreviewLifter
from pipeline.lift.paired import PairedLifter
from pipeline.runtime import Device
from pipeline.types import Window
from tests.helpers.networks import StandInModel, card_of

CPU = Device("cpu")


@pytest.fixture(autouse=True)
def _no_onnx(monkeypatch) -> None:
    monkeypatch.setattr("pipeline.lift.onnx.OnnxModel", StandInModel)


def marked(frame: float, sequence: float):
    """A network whose heads give these numbers; the sequence head adds the place in the window."""

    def network(keypoints: np.ndarray) -> list[np.ndarray]:
        batch, length = keypoints.shape[:2]
        places = np.arange(length, dtype=np.float32)[None, :, None, None]
        return [
            np.full((batch, 17, 3), frame, np.float32),
            np.broadcast_to(sequence + places, (batch, length, 17, 3)).astype(np.float32),
        ]

    return network


def window(index: int) -> Window:
    keypoints = np.full((27, 17, 3), index, np.float32)
    times_s = (index + np.arange(27)) / 30
    origin = np.ones(17, np.uint8)
    return Window(
        0, index, index / 30, times_s, keypoints, np.eye(3, dtype=np.float32), np.ones(17, np.float32), origin
    )


def pair(early_lookahead: int = 3) -> PairedLifter:
    settled = OnnxLifter(card_of(marked(1000, 2000), lookahead=13), CPU)
    return PairedLifter(settled, OnnxLifter(card_of(marked(3000, 4000), lookahead=early_lookahead), CPU))


@pytest.mark.parametrize(
    ("lookahead", "expected"),
    [
        (0, 4026),  # the early one's sequence head at the newest frame
        (2, 4024),
        (3, 3000),  # what the early one was trained for
        (7, 2019),  # it does not look so far ahead: the settled one's sequence head
    ],
)
def test_each_look_ahead_gets_its_head(lookahead: int, expected: float) -> None:
    lifter = pair()
    assert isinstance(lifter, PreviewLifter) and lifter.lookahead == 13
    settled, shown = lifter.lift_both([window(5)], [window(15), window(16)], lookahead)
    assert [pose.frame_index for pose in settled] == [5] and [pose.frame_index for pose in shown] == [15, 16]
    assert all(pose.settled for pose in settled) and not any(pose.settled for pose in shown)
    # the pelvis is zero by definition
    assert (settled[0].xyz_m[1:] == 1000).all() and all((pose.xyz_m[1:] == expected).all() for pose in shown)
    assert (lifter([window(5)])[0].xyz_m[1:] == 1000).all()


def test_without_windows_nothing_is_lifted() -> None:
    lifter = pair()
    assert lifter.lift_both([], [], 0) == ([], []) and lifter.lift_both([], [], 3) == ([], [])


def test_models_of_different_windows_are_no_pair() -> None:
    long = OnnxLifter(card_of(marked(0, 0), window=81, lookahead=40), CPU)
    with pytest.raises(ConfigError, match=r"27 frames.*81 frames.*expect different windows"):
        PairedLifter(OnnxLifter(card_of(marked(0, 0)), CPU), long)


@pytest.mark.parametrize(
    ("words", "live", "draws", "paired"),
    [
        ((), True, True, True),
        (("--latency", "balanced"), True, True, True),
        (("--window", "27"), True, True, True),
        (("--latency", "best"), True, True, False),
        (("--model", "lift-27"), True, True, False),
        ((), True, False, False),
        ((), False, True, False),
    ],
)
def test_live_runs_draw_what_the_live_model_says(monkeypatch, words, live: bool, draws: bool, paired: bool) -> None:
    monkeypatch.setattr("pipeline.commands.options.create_detector", lambda *_: None)
    cards = {
        name: replace(card_of(marked(1, 2), lookahead=lookahead), name=name)
        for name, lookahead in (("lift-27", 13), ("lift-27-live", 3))
    }
    monkeypatch.setattr("pipeline.commands.options.find_card", lambda name, kind: cards[name])
    monkeypatch.setattr("pipeline.commands.options.list_cards", lambda kind: list(cards.values()))
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    add_motion_arguments(parser)
    lifter = load_models(parser.parse_args([*words, "--device", "cpu"]), live, draws).lifter
    assert isinstance(lifter, PairedLifter) is paired


def test_a_missing_live_model_says_what_to_do(monkeypatch) -> None:
    def find(name: str, kind: str):
        if name == "lift-27-live":
            raise ModelError("no lifter named 'lift-27-live'")
        return replace(card_of(marked(1, 2)), name=name)

    monkeypatch.setattr("pipeline.commands.options.find_card", find)
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    add_motion_arguments(parser)
    with pytest.raises(ModelError, match=r"no lifter named 'lift-27-live'; .*--model lift-27"):
        load_models(parser.parse_args(["--device", "cpu"]), live=True)
