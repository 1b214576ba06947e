"""The refine module at run time: x and y from the lifter and from the picture, blended where the lens is known."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32
from pipeline.lift.rays import fit_on_rays
from pipeline.runtime import Device, LoadedModel, OnnxModel
from pipeline.runtime.cards import RefinerCard


class Refining(Protocol):
    """What corrects lifted poses by their keypoints."""

    @property
    def loaded(self) -> LoadedModel:
        """What it is and what it runs on."""

    def __call__(self, lifted: F32, keypoints: F32, scale: NDArray[np.floating]) -> F32:
        """Refine poses, see ``Refiner``."""


class Refiner:
    """A refine module from ``weights/``; ``models/network/refine.py`` explains it.

    Args:
        card: the module's card.

    Raises:
        ModelError: as for ``OnnxModel``.
    """

    def __init__(self, card: RefinerCard) -> None:
        self.card = card
        # Two small matrices: running them on the CPU takes less time than sending the poses to a GPU.
        self._model = OnnxModel(card, Device("cpu"), threads=1)

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model."""
        return self._model.loaded

    def __call__(self, lifted: F32, keypoints: F32, scale: NDArray[np.floating]) -> F32:
        """Refine poses.

        Args:
            lifted: float32 [..., 17, 3], metres, relative to the pelvis, axes of the view.
            keypoints: float32 [..., 17, 3], of the same frames, as in ``Window``.
            scale: [...], factor from keypoints to rays, as in ``Window``.

        Returns:
            float32 [..., 17, 3]; z is the lifter's, and so are joints that are not seen.
        """
        shape = lifted.shape
        poses = lifted.reshape(-1, *shape[-2:])
        projected = fit_on_rays(poses, keypoints.reshape(poses.shape), np.asarray(scale, np.float32).reshape(-1))
        both = np.concatenate([poses, projected], -1).astype(np.float32)
        refined: F32 = self._model.run(both)[0]
        return refined.reshape(shape)
