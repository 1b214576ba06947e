"""Stand-ins for a lifter's network: what goes in and what comes out is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.runtime.cards import Card
from pipeline.types import Window
from pipeline.window.person_view import NORMALISATION

Network = Callable[[np.ndarray], list[np.ndarray]]


def card_of(network: Network, window: int = 27, lookahead: int = 13, channels: int = 3) -> Card:
    """A card whose 'file' is this function; for ``OnnxLifter`` with ``StandInModel``."""
    data = {
        "window": window,
        "lookahead": lookahead,
        "normalisation": NORMALISATION,
        "architecture": {"channels": channels},
        "network": network,
    }
    return Card(Path("stand-in.json"), "stand-in", "lifter", Path("stand-in.onnx"), "", data)


class StandInModel:
    """Takes the place of ``pipeline.lift.onnx.OnnxModel``; remembers the sizes of its batches."""

    provider = choice = "stand-in"
    outputs = 2

    def __init__(self, card: Card, device: object, threads: int = 0) -> None:
        self._network = card.data["network"]
        self.batches: list[int] = []

    def run(self, keypoints: np.ndarray) -> list[np.ndarray]:
        self.batches.append(len(keypoints))
        return self._network(keypoints)


def showing(target: int) -> Network:
    """A network that gives back its input: 3D joints go in where keypoints belong, see ``with_joints``."""
    return lambda keypoints: [keypoints[:, target].copy(), keypoints.copy()]


def with_joints(window: Window, joints_m: np.ndarray, rotation: np.ndarray) -> Window:
    """The window with joints [T, 17, 3] in camera axes in place of keypoints, seen in axes turned by ``rotation``."""
    turned = (joints_m @ rotation.T).astype(np.float32)
    return Window(
        window.track_id,
        window.target_index,
        window.target_time_s,
        window.time_s,
        turned,
        rotation.astype(np.float32),
        window.score,
        window.origin,
    )
