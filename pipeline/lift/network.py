"""A lifter's network in ONNX Runtime: windows in; joints out, in the axes of the windows' views."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32
from pipeline.errors import ModelError
from pipeline.runtime import Device, LoadedModel, OnnxModel
from pipeline.runtime.cards import LifterCard
from pipeline.skeletons import H36M_17
from pipeline.types import Normalisation

_NORMALISATIONS: tuple[Normalisation, ...] = ("person-view", "image")

_MIRROR = H36M_17.mirror


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """The outputs of a network for B windows of T frames.

    Attributes:
        frame: float32 [B, 17, 3], the target frames' joints: metres, axes of the view. The pelvis is not trained.
        sequence: float32 [B, T, 17, 3], the joints of all frames; None if the network has no full-sequence head.
    """

    frame: F32
    sequence: F32 | None


class Network(Protocol):
    """A lifter's network."""

    @property
    def card(self) -> LifterCard:
        """The model's card."""

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model."""

    @property
    def has_sequence(self) -> bool:
        """Whether it has a full-sequence head."""

    def run(self, keypoints: F32) -> Heads:
        """One pass over float32 [B, T, 17, 3]: x, y, confidence, normalised as the card says."""


class OnnxNetwork:
    """A network from ``weights/``.

    Args:
        card: the model's card.
        device: where to run it.
        threads: CPU threads; 0 = one per core.

    Attributes:
        card: as given.
        has_sequence: whether it has a full-sequence head.
        passes: windows run so far, mirrored ones included.

    Raises:
        ModelError: the file is damaged, or its card asks for a normalisation that this program does not know.
        DeviceError: the device can't be used.
    """

    def __init__(self, card: LifterCard, device: Device, threads: int = 0) -> None:
        normalisation_of(card)
        self.card, self.passes = card, 0
        self._model = OnnxModel(card, device, threads)
        self.has_sequence = self._model.outputs > 1

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model."""
        return self._model.loaded

    def run(self, keypoints: F32) -> Heads:
        """One pass, see ``Network``."""
        self.passes += len(keypoints)
        # lifters that were trained as published take (x, y) without the confidence
        outputs = self._model.run(keypoints[..., : self.card.channels])
        return Heads(outputs[0], outputs[1] if len(outputs) > 1 else None)


class Mirrored:
    """Averages the passes over each window and over its mirror image, as published tables do.

    Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised training", CVPR
    2019. Windows are mirrored in the axes of their view, so each keeps its rotation.

    Args:
        network: the network whose passes are averaged.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self.card, self.has_sequence = network.card, network.has_sequence

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model."""
        return self._network.loaded

    def run(self, keypoints: F32) -> Heads:
        """Two passes, not one of twice the size: TensorRT engines are built for a largest batch."""
        plain, other = self._network.run(keypoints), self._network.run(_mirror(keypoints))
        sequence = None
        if plain.sequence is not None and other.sequence is not None:
            sequence = (plain.sequence + _mirror(other.sequence)) / 2
        return Heads((plain.frame + _mirror(other.frame)) / 2, sequence)


def normalisation_of(card: LifterCard) -> Normalisation:
    """The normalisation that the model's windows need.

    Raises:
        ModelError: this program does not know it.
    """
    for known in _NORMALISATIONS:
        if card.normalisation == known:
            return known
    raise ModelError(
        f"model {card.name} expects {card.normalisation!r} input; this program prepares "
        f"{' and '.join(map(repr, _NORMALISATIONS))} only"
    )


def _mirror(points: NDArray[Any]) -> NDArray[Any]:
    """Points [..., 17, C] as a mirror shows them: sides exchanged, x turned; other channels stay."""
    mirrored = np.take(points, _MIRROR, axis=-2)
    mirrored[..., 0] *= -1
    return mirrored
