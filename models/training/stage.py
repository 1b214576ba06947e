"""The base class of training stages: the parts in which they differ, for ``models.training.loop``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from models.training.distributed import Processes
from models.training.feed import Batches
from models.training.recipe import Recipe

Forward = Callable[..., Any]
"""A network, or its wrapper (several processes, compiled). PyTorch does not annotate its result."""

Errors = dict[str, float]
"""Name of an error with its unit, as in 'frame_mpjpe_mm' -> its mean over held-out people."""


class Stage(ABC):
    """A run of one stage: its state, and how it makes batches, computes losses, judges and saves.

    Args:
        recipe: the training's recipe.
        network: the network to train, on its device.
        optimisers: optimisers of its parameters, with their full learning rates.
        ema: decay of the moving average of the weights; 0: there is none, ``average`` is the network.

    Attributes:
        file: name of the state's file in the folder of the run.
        title: kind of the training, for cards.
        several_processes: whether processes of torchrun can share the batches.
        largest_gradient: norm that gradients are clipped to; None: they are not.
        average: moving average of the weights, which is judged and exported.
        rates: full learning rates, per optimiser and group of parameters.
        step, seconds: how far the run is.
    """

    file: ClassVar[str] = "checkpoint.pt"
    several_processes: ClassVar[bool] = False
    largest_gradient: ClassVar[float | None] = None
    title: str

    def __init__(self, recipe: Recipe, network: nn.Module, optimisers: list[torch.optim.Optimizer], ema: float) -> None:
        self.recipe, self.network, self.optimisers, self._ema = recipe, network, optimisers, ema
        self.average = deepcopy(network).requires_grad_(False) if ema else network
        self.rates = [[float(group["lr"]) for group in optimiser.param_groups] for optimiser in optimisers]
        self.step, self.seconds = 0, 0.0

    @property
    def progress(self) -> float:
        """Share of the run that is done; 1 at its end."""
        return self.recipe.progress(self.step, self.seconds)

    @torch.no_grad()
    def follow(self) -> None:
        """Let the moving average follow the weights after a step; faster in the first steps."""
        if self.average is self.network:
            return
        decay = min(self._ema, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    @abstractmethod
    def batches(self, data: Path, processes: Processes) -> Batches:
        """This process's endless training batches, from the run's current step on.

        Args:
            data: folder with train.npz.
            processes: this one among those of the run.
        """

    @abstractmethod
    def loss(self, network: Forward, batch: tuple[Tensor, ...]) -> Tensor:
        """Loss [] of a batch in metres.

        Args:
            network: the stage's network, or its wrapper.
            batch: as ``batches`` makes them, on the network's device.
        """

    @abstractmethod
    def judge(self, data: Path) -> Callable[[], Errors]:
        """A function that measures errors in mm on held-out people; its data are made once.

        Args:
            data: folder with val.npz.
        """

    @abstractmethod
    def save(self, out: Path) -> None:
        """Store the state in the folder of the run; a crash while storing leaves the previous file."""

    @abstractmethod
    def load(self, path: Path) -> None:
        """Continue from a stored state.

        Raises:
            DataError: the state is that of another network or stage.
        """
