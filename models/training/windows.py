"""The stage that trains a lifter on windows: both heads, and the velocity of the sequence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from models.data.mocap import load_mocap
from models.network.losses import frame_weights, mpjpe, sequence_mpjpe, velocity_error
from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.distributed import CPU, Processes
from models.training.feed import Batches
from models.training.lifter import LifterStage
from models.training.recipe import LifterRecipe
from models.training.stage import Errors, Forward
from models.training.validation import validate, validation_windows


class Windows(LifterStage):
    """A run on windows of the network's length."""

    several_processes = True

    def __init__(self, arch: Architecture, recipe: LifterRecipe, device: torch.device = CPU) -> None:
        super().__init__(arch, recipe, device)
        self.title = "windows (app.py train)"
        self._alpha = frame_weights(arch.window, recipe.target).to(device) if recipe.weighted else None

    def batches(self, data: Path, processes: Processes) -> Batches:
        recipe = self.recipe
        return Batches(
            data,
            recipe.batch,
            self.lifter.arch.window,
            recipe.target,
            recipe.every,
            recipe.seed,
            first=self.step,
            part=processes.part(recipe.batch),
            as_captured=recipe.as_captured,
            lower_body=recipe.lower_body,
            device=processes.data_device,
        )

    def loss(self, network: Forward, batch: tuple[Tensor, ...]) -> Tensor:
        """Weighted sequence loss + target-frame loss + velocity term; the pelvis is zero by definition."""
        keypoints, truth = batch
        frame, sequence = (poses[..., 1:, :] for poses in network(keypoints))
        truth = truth[..., 1:, :]
        total = sequence_mpjpe(sequence, truth, self._alpha) + mpjpe(frame, truth[:, self.recipe.target])
        if self.recipe.velocity:
            total = total + self.recipe.velocity * velocity_error(sequence, truth)
        return total

    def judge(self, data: Path) -> Callable[[], Errors]:
        recipe, average = self.recipe, cast(StridedTransformer, self.average)
        windows = validation_windows(
            load_mocap(data / "val.npz"), self.lifter.arch.window, recipe.target, every=recipe.every
        )
        return lambda: validate(average, windows, recipe.target)
