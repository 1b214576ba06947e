"""The common part of the stages that train a lifter's network: weights, optimisers, files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.checkpoint import LifterState, StageRecord, fields_of_lifter, read_lifter, write_state
from models.training.distributed import CPU
from models.training.feed import Batches
from models.training.muon import Muon
from models.training.recipe import LifterRecipe
from models.training.stage import Stage
from models.training.warm_start import stages_of, start_from
from pipeline.errors import DataError

_STATISTICS = 512  # windows from which the statistics of a folded batch norm are measured
_FRAMES = "single frames"  # how the titles of that stage begin, in checkpoints of all versions
_WEIGHT_DECAY = 0.01


class LifterStage(Stage):
    """A run that trains a lifter.

    Args:
        arch: the network.
        recipe: the training's recipe.
        device: where it is trained.

    Attributes:
        lifter: the network, the same as ``network``.
        stages_before: stages of the runs that its initial weights came from, see ``models.training.warm_start``.
    """

    largest_gradient = 1.0
    recipe: LifterRecipe

    def __init__(self, arch: Architecture, recipe: LifterRecipe, device: torch.device = CPU) -> None:
        torch.manual_seed(recipe.seed)
        # Augmentation never repeats a window, so dropout only slows the training.
        self.lifter = StridedTransformer(arch, dropout=0.0, embedding_dropout=0.0).to(device)
        self.prepare()
        matrices: list[Tensor] = []
        others: list[Tensor] = []
        for name, parameter in self.lifter.named_parameters():
            inner = name.startswith(("vanilla", "strided")) and parameter.ndim == 2
            (matrices if inner else others).append(parameter)
        muon = Muon(matrices, lr=recipe.muon_lr, weight_decay=_WEIGHT_DECAY)
        adam = torch.optim.AdamW(others, lr=recipe.lr, weight_decay=_WEIGHT_DECAY, betas=(0.9, 0.98))
        super().__init__(recipe, self.lifter, [muon, adam], recipe.ema)
        self.stages_before: list[StageRecord] = []

    def prepare(self) -> None:
        """Change the initial weights, if the stage needs it."""

    def state(self) -> LifterState:
        """The state that ``save`` stores; the tensors are the run's own."""
        return {
            "what": self.title,
            "architecture": self.lifter.arch.to_dict(),
            "recipe": fields_of_lifter(self.recipe),
            "stages_before": self.stages_before,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "seconds": self.seconds,
        }

    def save(self, out: Path) -> None:
        write_state(out / self.file, self.state())

    def load(self, path: Path) -> None:
        state = read_lifter(path)
        if state["architecture"] != self.lifter.arch.to_dict():
            raise DataError(f"{path} holds another architecture ({state['architecture']}); choose another folder")
        theirs = state.get("what", self.title)  # the first versions did not say
        if theirs.startswith(_FRAMES) != self.title.startswith(_FRAMES):
            raise DataError(f"{path} is of another stage ({theirs}); choose another folder")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, stored in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        self.step, self.seconds = state["step"], state["seconds"]
        self.stages_before = state.get("stages_before", [])

    def start_from(self, checkpoint: Path, data: Path) -> None:
        """Start from the weights of another network, see ``models.training.warm_start``.

        Args:
            checkpoint: a checkpoint of a lifter's training (.pt), or an exported lifter (.onnx) with its card.
            data: folder with train.npz.

        Raises:
            PoseStrideError: the checkpoint can't be used; the message says why.
        """
        recipe, window = self.recipe, self.lifter.arch.window
        windows = Batches(data, _STATISTICS, window, recipe.target, recipe.every, recipe.seed)
        untrained = start_from(self.lifter, checkpoint, lambda: next(iter(windows))[0])
        self.stages_before = stages_of(checkpoint)
        self.average.load_state_dict(self.network.state_dict())
        if untrained:
            print(f"not in {checkpoint}, so untrained: {', '.join(untrained)}", flush=True)
