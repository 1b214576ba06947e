"""Stand-ins for a lifter's network: what goes in and what comes out is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.lift.network import Heads
from pipeline.runtime import LoadedModel
from pipeline.runtime.cards import LifterCard
from pipeline.types import Window

Function = Callable[[np.ndarray], list[np.ndarray]]


def card_of(window: int = 27, lookahead: int = 13, channels: int = 3, name: str = "stand-in") -> LifterCard:
    """A card of a lifter that has no file."""
    return LifterCard(
        path=Path(f"{name}.json"),
        name=name,
        model_path=Path(f"{name}.onnx"),
        sha256="",
        opset=17,
        description="for tests",
        licence="Apache-2.0",
        source="nowhere",
        parity={},
        window=window,
        lookahead=lookahead,
        channels=channels,
        joints=17,
        normalisation="person-view",
        joints_in="h36m17",
        joints_out="h36m17",
        input_rates_hz=(15, 60),
        architecture={},
        training={},
        training_data=(),
        metrics={},
    )


class FunctionNetwork:
    """A ``pipeline.lift.network.Network`` that is a function; remembers the sizes of its batches.

    Args:
        function: keypoints [B, T, 17, C] to the outputs: [B, 17, 3], and [B, T, 17, 3] unless it has no sequence head.
        card: what it says of itself.
    """

    def __init__(self, function: Function, card: LifterCard | None = None, has_sequence: bool = True) -> None:
        self._function, self.card, self.has_sequence = function, card or card_of(), has_sequence
        self.batches: list[int] = []

    @property
    def loaded(self) -> LoadedModel:
        return LoadedModel(self.card.name, self.card.sha256, "stand-in", "stand-in")

    @property
    def passes(self) -> int:
        """Windows seen so far."""
        return sum(self.batches)

    def run(self, keypoints: np.ndarray) -> Heads:
        self.batches.append(len(keypoints))
        outputs = self._function(keypoints[..., : self.card.channels])
        return Heads(outputs[0], outputs[1] if len(outputs) > 1 else None)


def showing(target: int) -> Function:
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
