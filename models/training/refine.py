"""The stage that trains a lifter's refine module (``models/network/refine.py``), with known cameras.

The network is trained first and without the module, as published. The module then learns on its poses, with the MPJPE
of the refined target frame as the only loss. By default the network stays unchanged, so that one file serves with and
without the module; with ``network_lr`` (1e-5) it is trained further together with the module, as published, and
``RUN/checkpoint.pt`` holds it, to be exported as any other lifter.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from array_api_compat import torch as xp
from numpy.typing import NDArray
from torch import Tensor, nn

from models.data.batches import make_batch
from models.data.keypoint_noise import CLEAN, DETECTOR_LIKE
from models.data.mocap import every_nth_frame, load_mocap
from models.network.losses import mpjpe
from models.network.refine import Refine
from models.network.strided_transformer import StridedTransformer
from models.training.checkpoint import (
    FileReference,
    OptimiserState,
    RefineErrors,
    RefineState,
    Tensors,
    fields_of_refine,
    read_lifter,
    read_refine,
    write_state,
)
from models.training.distributed import CPU, Processes
from models.training.feed import Batches, RefineBatches
from models.training.recipe import LifterRecipe, RefineRecipe
from models.training.stage import Errors, Forward, Stage
from models.training.validation import errors_mm
from models.training.warm_start import read_architecture
from models.training.windows import Windows
from pipeline.errors import DataError
from pipeline.lift.rays import fit_on_rays
from pipeline.runtime.cards import file_sha256

F32 = NDArray[np.float32]

_CONDITIONS = {"clean": CLEAN, "detector_like": DETECTOR_LIKE}
_JUDGED = 4096  # windows
_JUDGED_AT_ONCE = 256


class RefinedLifter(nn.Module):
    """A lifter's network with a refine module behind it.

    Args:
        lifter: the network.
        refine: the module.
        frozen: whether the network stays unchanged in training.
        target: index of the target frame.
    """

    def __init__(self, lifter: StridedTransformer, refine: Refine, frozen: bool, target: int) -> None:
        super().__init__()
        self.lifter, self.refine, self.frozen, self.target = lifter.requires_grad_(not frozen), refine, frozen, target

    def train(self, mode: bool = True) -> RefinedLifter:
        """Set training mode, but not for a frozen network."""
        super().train(mode)
        self.lifter.train(mode and not self.frozen)
        return self

    def forward(self, keypoints: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Poses [B, J, 3] of the target frame as lifted and after refinement; metres, pelvis at zero.

        Args:
            keypoints: [B, T, J, C], as the lifter takes them.
            scale: [B], factor from keypoints to rays, as in ``models.data.batches.Batch``.
        """
        frame, _ = self.lifter(keypoints)
        lifted = torch.cat([torch.zeros_like(frame[:, :1]), frame[:, 1:]], 1)
        return lifted, self.refine(lifted, fit_on_rays(lifted, keypoints[:, self.target], scale, xp))


class RefineModule(Stage):
    """A run that trains a refine module for one lifter.

    Args:
        lifter: its checkpoint (.pt), or the exported lifter (.onnx) with its card.
        recipe: the training's recipe.
        data: folder with train.npz.
        device: where it is trained.

    Attributes:
        refine: the module.
        metrics: latest errors without and with the module.

    Raises:
        PoseStrideError: the lifter can't be used.
    """

    file = "refine.pt"
    recipe: RefineRecipe

    def __init__(self, lifter: Path, recipe: RefineRecipe, data: Path, device: torch.device = CPU) -> None:
        self.title = "a refine module (app.py train --stage refine)"
        arch, target = read_architecture(lifter)
        of_lifter = LifterRecipe(target=target, lr=recipe.network_lr, muon_lr=0.0, batch=recipe.batch)
        self._windows = Windows(arch, of_lifter, device)
        self._windows.title = "windows, together with a refine module (app.py train --stage refine)"
        self._windows.start_from(lifter, data)
        self._lifter: FileReference = {"file": lifter.name, "sha256": file_sha256(lifter)}
        torch.manual_seed(recipe.seed)
        self.refine = Refine(arch.joints, recipe.hidden, recipe.dropout).to(device)
        network = RefinedLifter(self._windows.lifter, self.refine, not recipe.network_lr, target)
        groups = [{"params": list(self.refine.parameters()), "lr": recipe.lr}]
        if recipe.network_lr:
            groups.append({"params": list(self._windows.lifter.parameters()), "lr": recipe.network_lr})
        super().__init__(recipe, network, [torch.optim.Adam(groups)], ema=0.0)
        self.metrics: RefineErrors = {}

    def batches(self, data: Path, processes: Processes) -> Batches:
        recipe = self.recipe
        return RefineBatches(
            data,
            recipe.batch,
            self._windows.lifter.arch.window,
            self._windows.recipe.target,
            seed=recipe.seed,
            first=self.step,
            as_captured=recipe.as_captured,
            lower_body=recipe.lower_body,
            known=recipe.known,
            device=processes.data_device,
        )

    def loss(self, network: Forward, batch: tuple[Tensor, ...]) -> Tensor:
        """MPJPE of the refined target frame."""
        keypoints, truth, scale = batch
        _, refined = network(keypoints, scale)
        return mpjpe(refined, truth[:, self._windows.recipe.target])

    def judge(self, data: Path) -> Callable[[], Errors]:
        """A function that measures errors without and with the module.

        They are those of held-out people as captured, seen by random cameras of known focal length.
        """
        target, arch = self._windows.recipe.target, self._windows.lifter.arch
        sampler = every_nth_frame(load_mocap(data / "val.npz"), arch.window, target, 1)
        network = cast(RefinedLifter, self.average)
        device = next(network.parameters()).device

        @torch.no_grad()
        def judge() -> Errors:
            network.eval()
            self.metrics = {}
            for name, noise in _CONDITIONS.items():
                lifted: list[F32] = []
                refined: list[F32] = []
                truth: list[F32] = []
                for first in range(0, _JUDGED, _JUDGED_AT_ONCE):
                    rng = np.random.default_rng((7, first))
                    batch = make_batch(sampler, rng, _JUDGED_AT_ONCE, noise, as_captured=1.0, known=1.0)
                    keypoints, scale = (torch.as_tensor(part).to(device) for part in (batch.keypoints, batch.scale))
                    for poses, found in zip((lifted, refined), network(keypoints, scale), strict=True):
                        poses.append(found.cpu().numpy())
                    truth.append(batch.truth_m[:, target])
                true_m = np.concatenate(truth)
                self.metrics[name] = {
                    f"{kind}_{error}": value
                    for kind, poses in (("lifted", lifted), ("refined", refined))
                    for error, value in errors_mm(np.concatenate(poses), true_m).items()
                }
            return {f"{name}_{error}": mm for name, errors in self.metrics.items() for error, mm in errors.items()}

        return judge

    def state(self) -> RefineState:
        """The state that ``save`` stores; the tensors are the run's own."""
        state: RefineState = {
            "recipe": fields_of_refine(self.recipe),
            "lifter": self._lifter,
            "metrics": self.metrics,
            "state": self.refine.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "step": self.step,
            "seconds": self.seconds,
            "random": torch.get_rng_state(),
        }
        if self.recipe.network_lr:
            state["network"] = self._windows.lifter.state_dict()
        return state

    def save(self, out: Path) -> None:
        if self.recipe.network_lr:
            windows = self._windows
            windows.average.load_state_dict(windows.lifter.state_dict())
            windows.step, windows.seconds = self.step, self.seconds
            windows.save(out)
        write_state(out / self.file, self.state())

    def load(self, path: Path) -> None:
        state = read_refine(path)
        hidden = state["recipe"]["hidden"]
        if hidden != self.recipe.hidden:
            raise DataError(f"{path} has a hidden layer of {hidden}, not {self.recipe.hidden}; choose another folder")
        if state["lifter"]["sha256"] != self._lifter["sha256"]:
            raise DataError(
                f"{path} was trained for another lifter ({state['lifter']['file']}); give that one, or another folder"
            )
        with_network = bool(state["recipe"]["network_lr"])
        if bool(self.recipe.network_lr) != with_network:
            how = "with its network: give --network-lr" if with_network else "without its network: leave --network-lr"
            raise DataError(f"{path} was trained {how}, or choose another folder")
        self.refine.load_state_dict(state["state"])
        if with_network:
            self._windows.lifter.load_state_dict(_network_in(state, path))
        self.metrics = state["metrics"]
        # Earlier versions stored finished modules only, without optimisers.
        self.step, self.seconds = state.get("step", state["recipe"]["steps"]), state.get("seconds", 0.0)
        stored: list[OptimiserState] = state.get("optimisers", [])
        for optimiser, of_optimiser in zip(self.optimisers, stored, strict=bool(stored)):
            optimiser.load_state_dict(of_optimiser)
        if "random" in state:
            torch.set_rng_state(state["random"])


def _network_in(state: RefineState, path: Path) -> Tensors:
    """Weights of the network that was trained with the module; earlier versions stored them beside it only."""
    return state["network"] if "network" in state else read_lifter(path.with_name("checkpoint.pt"))["network"]
