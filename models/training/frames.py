"""The stage that trains a lifter's per-frame part on single frames, before its attention.

Lifting is mostly a function of one frame, and the frames of a window are nearly alike: a batch of windows shows few
poses and views. Here the path of one frame through the network (embedding, feed-forward parts of the vanilla encoder,
full-sequence head) is trained on single frames, which costs a few percent of a window and shows many times as many
poses. The stage of windows, started from this one's checkpoint, then adds attention and the strided encoder: the
attention of the vanilla layers starts from zero, so that nothing that was learned is lost.

Frames come in threes, see ``models.training.feed.Frames``, so that people are not always in the middle of their box.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from models.data.mocap import load_mocap
from models.network.losses import mpjpe
from models.network.strided_transformer import Architecture, StridedTransformer, VanillaLayer
from models.training.distributed import CPU, Processes
from models.training.feed import Batches, Frames
from models.training.lifter import LifterStage
from models.training.recipe import LifterRecipe
from models.training.stage import Errors, Forward
from models.training.validation import errors_mm, validation_windows


class SingleFrames(LifterStage):
    """A run on single frames; it stores the same files as a run on windows."""

    def __init__(self, arch: Architecture, recipe: LifterRecipe, device: torch.device = CPU) -> None:
        super().__init__(arch, recipe, device)
        self.title = "single frames (app.py train --stage frames)"

    @torch.no_grad()
    def prepare(self) -> None:
        for layer in self.lifter.vanilla:
            assert isinstance(layer, VanillaLayer)
            for parameter in layer.attention.out.parameters():
                parameter.zero_()

    def batches(self, data: Path, processes: Processes) -> Batches:
        recipe = self.recipe
        return Frames(
            data,
            recipe.batch,
            recipe.seed,
            self.step,
            recipe.as_captured,
            recipe.lower_body,
            processes.data_device,
        )

    def loss(self, network: Forward, batch: tuple[Tensor, ...]) -> Tensor:
        """MPJPE without the pelvis, which is zero by definition."""
        keypoints, truth = batch
        return mpjpe(lift_frames(cast(StridedTransformer, network), keypoints)[:, 1:], truth[:, 1:])

    def judge(self, data: Path) -> Callable[[], Errors]:
        recipe, average = self.recipe, cast(StridedTransformer, self.average)
        windows = validation_windows(load_mocap(data / "val.npz"), self.lifter.arch.window, recipe.target)
        device = next(average.parameters()).device
        keypoints = torch.from_numpy(windows.keypoints[:, recipe.target]).to(device)
        truth_m = windows.truth_m[:, recipe.target]

        @torch.no_grad()
        def judge() -> Errors:
            predicted = lift_frames(average.eval(), keypoints).cpu().numpy()
            predicted[:, 0] = 0
            return errors_mm(predicted, truth_m)

        return judge


def lift_frames(network: StridedTransformer, keypoints: Tensor) -> Tensor:
    """Poses [N, J, 3] of single frames [N, J, C] by the network without its attention."""
    x: Tensor = network.embed(keypoints.flatten(1)[..., None])[..., 0]
    for layer in network.vanilla:
        assert isinstance(layer, VanillaLayer)
        x = layer.feed_forward(x)
    out: Tensor = network.sequence_head(x[..., None])
    return out.reshape(len(keypoints), keypoints.shape[1], 3)
