"""Settled poses and previews of two networks; the networks are stand-ins that give back or mark their input."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.lift.base import PreviewLifter
from pipeline.lift.paired import PairedLifter
from pipeline.lift.windows import WindowLifter
from pipeline.types import Window
from tests.helpers.networks import Function, FunctionNetwork, card_of


def marked(frame: float, sequence: float) -> Function:
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


def lifter_of(function: Function, window: int = 27, lookahead: int = 13, name: str = "stand-in") -> WindowLifter:
    return WindowLifter(FunctionNetwork(function, card_of(window, lookahead, name=name)))


def pair(preview_lookahead: int = 3) -> PairedLifter:
    preview = lifter_of(marked(3000, 4000), lookahead=preview_lookahead, name="preview")
    return PairedLifter(lifter_of(marked(1000, 2000)), preview)


@pytest.mark.parametrize(
    ("lookahead", "expected"),
    [
        (0, 4026),  # the preview model's sequence head at the newest frame
        (2, 4024),
        (3, 3000),  # what the preview model was trained for
        (7, 2019),  # it does not look so far ahead: the settled one's sequence head
    ],
)
def test_each_look_ahead_gets_its_head(lookahead: int, expected: float) -> None:
    lifter = pair()
    assert isinstance(lifter, PreviewLifter) and lifter.spec.lookahead == 13 and lifter.spec.previews
    settled, shown = lifter.lift_with_previews([window(5)], [window(15), window(16)], lookahead)
    assert [pose.frame_index for pose in settled] == [5] and [pose.frame_index for pose in shown] == [15, 16]
    assert all(pose.settled for pose in settled) and not any(pose.settled for pose in shown)
    # the pelvis is zero by definition
    assert (settled[0].xyz_m[1:] == 1000).all() and all((pose.xyz_m[1:] == expected).all() for pose in shown)
    assert (lifter([window(5)])[0].xyz_m[1:] == 1000).all()


def test_without_windows_nothing_is_lifted() -> None:
    lifter = pair()
    assert lifter.lift_with_previews([], [], 0) == ([], []) == lifter.lift_with_previews([], [], 3)


def test_models_of_different_windows_are_no_pair() -> None:
    long = lifter_of(marked(0, 0), window=81, lookahead=40)
    with pytest.raises(ConfigError, match=r"27 frames.*81 frames.*expect different windows"):
        PairedLifter(lifter_of(marked(0, 0)), long)


def test_both_models_are_reported() -> None:
    assert {role: model.name for role, model in pair().models.items()} == {
        "lifter": "stand-in",
        "preview_lifter": "preview",
    }
