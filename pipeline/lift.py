"""Windows to 3D poses by an exported Strided Transformer in ONNX Runtime."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.cards import Card
from pipeline.errors import ModelError
from pipeline.image_plane import IMAGE_NORMALISATION
from pipeline.normalise import NORMALISATION
from pipeline.runtime import Device, OnnxModel
from pipeline.types import Pose3D, Window

BATCH = 32
"""Windows per call of the network: more gains nothing on a CPU and delays the results."""

NORMALISATIONS = (NORMALISATION, IMAGE_NORMALISATION)
"""What windows can be prepared for."""


class Lifter(Protocol):
    """Lifts windows."""

    window: int
    lookahead: int

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """One pose per window, of its target frame, in the same order."""


class OnnxLifter:
    """A lifter from ``weights/``.

    Args:
        card: of kind 'lifter'.
        device: where to run it.
        threads: CPU threads; 0 = one per core.

    Attributes:
        window, lookahead: T, and how many of its frames lie after the target.
        normalisation: what its windows must be prepared with, one of ``NORMALISATIONS``.
        provider: what ONNX Runtime runs it on.

    Raises:
        ModelError: damaged file, or a card of another kind of input.
        DeviceError: the device can't be used.
    """

    def __init__(self, card: Card, device: Device, threads: int = 0) -> None:
        if card.data["normalisation"] not in NORMALISATIONS:
            raise ModelError(
                f"model {card.name} expects {card.data['normalisation']!r} input; this program prepares "
                f"{' and '.join(map(repr, NORMALISATIONS))} only"
            )
        self.card = card
        self.normalisation: str = card.data["normalisation"]
        self._channels: int = card.data["architecture"].get("channels", 3)
        self.window: int = card.data["window"]
        self.lookahead: int = card.data["lookahead"]
        self._model = OnnxModel(card, device, threads)
        self.provider = self._model.provider

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Lift; root-relative metres of a 1.70 m body in camera axes, see ``Pose3D``.

        Raises:
            ModelError: the network gave values that are not finite.
        """
        poses: list[Pose3D] = []
        for start in range(0, len(windows), BATCH):
            poses += self._lift(windows[start : start + BATCH])
        return poses

    def _lift(self, windows: list[Window]) -> list[Pose3D]:
        # lifters that were trained as published take (x, y) without the confidence
        frame = self._joints(self._model.run(np.stack([window.keypoints[..., : self._channels] for window in windows])))
        if not np.isfinite(frame).all():
            raise ModelError(
                f"model {self.card.name} gave values that are not finite near frame {windows[0].target_index}; "
                "run 'python app.py models verify', and report it if that is well"
            )
        frame[:, 0] = 0  # the pelvis is the origin by definition; the network's value for it is never trained
        # view axes back to camera axes: the rows are x, so x @ R is R^T x
        xyz = np.matmul(frame, np.stack([window.rotation for window in windows])).astype(np.float32)
        return [
            Pose3D(w.track_id, w.target_index, w.target_time_s, joints, w.score, w.origin, settled=True)
            for w, joints in zip(windows, xyz, strict=True)
        ]

    def _joints(self, outputs: list[NDArray[Any]]) -> NDArray[Any]:
        """[B, 17, 3] of the network's outputs that are the target frame's: those of the single-frame head."""
        return outputs[0]
