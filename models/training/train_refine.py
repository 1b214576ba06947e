"""Train the refine module of a lifter (``models/network/refine.py``) on motion capture whose cameras are known.

    python -m models.training.train_refine weights/lift-27.onnx --data DIR --out RUN
    python -m models.exchange.export_refine RUN/refine.pt refine-27 --data DIR

The network is trained first and without the module, as published. The module then learns on its poses, with the MPJPE
of the refined target frame as the only loss. By default the network stays what it is, so that one file serves with and
without the module; with ``--network-lr 1e-5`` it is trained further together with the module, as published, and
``RUN/checkpoint.pt`` holds it for ``models.exchange.export_onnx``.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from array_api_compat import torch as xp
from torch import Tensor

from models.data.batches import Batch, make_batch
from models.data.keypoint_noise import CLEAN, DETECTOR_LIKE, TRAINING
from models.data.mocap import every_nth_frame, load_mocap
from models.evaluation.metrics import mpjpe as each_mpjpe
from models.evaluation.metrics import n_mpjpe, p_mpjpe
from models.network.losses import mpjpe
from models.network.refine import HIDDEN, Refine
from models.training.train import Recipe, Trainer
from models.training.warm_start import read_architecture
from pipeline.errors import ConfigError
from pipeline.lift.rays import fit_on_rays
from pipeline.runtime.cards import file_sha256

_CONDITIONS = {"clean": CLEAN, "detector_like": DETECTOR_LIKE}


@dataclass(frozen=True)
class RefineRecipe:
    """What decides the result.

    Attributes:
        steps, batch: optimiser steps and windows per step.
        lr: of the module (Adam, falling to zero by a cosine).
        network_lr: of the network; 0: it is not trained.
        hidden, dropout: of the module.
        known: share of the cameras whose focal length is known within a few percent.
        seed: of data and initial weights.
    """

    steps: int = 3000
    batch: int = 256
    lr: float = 1e-3
    network_lr: float = 0.0
    hidden: int = HIDDEN
    dropout: float = 0.5
    known: float = 1.0
    seed: int = 0


def refine_batch(refine: Refine, frame: Tensor, batch: Batch, target: int) -> tuple[Tensor, Tensor, Tensor]:
    """Poses [B, J, 3] of the target frame as lifted, after refinement, and in truth; metres, pelvis at zero."""
    lifted = torch.cat([torch.zeros_like(frame[:, :1]), frame[:, 1:]], 1)
    keypoints, scale = torch.as_tensor(batch.keypoints[:, target]), torch.as_tensor(batch.scale)
    refined = refine(lifted, fit_on_rays(lifted, keypoints, scale, xp))
    return lifted, refined, torch.as_tensor(batch.truth_m[:, target])


def train_refine(trainer: Trainer, recipe: RefineRecipe, data: Path) -> Refine:
    """Train a module for the trainer's network, and with ``recipe.network_lr`` the network with it."""
    torch.manual_seed(recipe.seed)
    network, target = trainer.network, trainer.recipe.target
    refine = Refine(network.arch.joints, recipe.hidden, recipe.dropout)
    groups: list[dict[str, Any]] = [{"params": list(refine.parameters()), "lr": recipe.lr}]
    if recipe.network_lr:
        groups.append({"params": list(network.parameters()), "lr": recipe.network_lr})
    optimiser = torch.optim.Adam(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    sampler = every_nth_frame(load_mocap(data / "train.npz"), network.arch.window, target, 1)
    network.train(bool(recipe.network_lr))
    refine.train()
    started, losses = time.monotonic(), []
    for step in range(recipe.steps):
        rng = np.random.default_rng((recipe.seed, step))
        batch = make_batch(sampler, rng, recipe.batch, TRAINING, trainer.recipe.as_captured, recipe.known)
        with torch.set_grad_enabled(bool(recipe.network_lr)):
            frame, _ = network(torch.as_tensor(batch.keypoints))
        _, refined, truth = refine_batch(refine, frame, batch, target)
        loss = mpjpe(refined, truth)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if (step + 1) % 250 == 0 or step + 1 == recipe.steps:
            entry = {"step": step + 1, "loss_mm": round(1000 * float(np.mean(losses)), 2)}
            print(json.dumps({**entry, "minutes": round((time.monotonic() - started) / 60, 1)}), flush=True)
            losses.clear()
    network.eval()
    trainer.average.load_state_dict(network.state_dict())
    return refine.eval()


@torch.no_grad()
def judge(trainer: Trainer, refine: Refine, data: Path, count: int = 4096) -> dict[str, dict[str, float]]:
    """Errors in mm without and with refinement: held-out people as captured, random cameras of known focal length."""
    network, target = trainer.average.eval(), trainer.recipe.target
    sampler = every_nth_frame(load_mocap(data / "val.npz"), network.arch.window, target, 1)
    result: dict[str, dict[str, float]] = {}
    for name, noise in _CONDITIONS.items():
        poses = []
        for part in range(0, count, 256):
            rng = np.random.default_rng((7, part))
            batch = make_batch(sampler, rng, min(256, count - part), noise, as_captured=1.0, known=1.0)
            frame, _ = network(torch.as_tensor(batch.keypoints))
            poses.append(refine_batch(refine, frame, batch, target))
        lifted, refined, truth = (torch.cat(parts).numpy() for parts in zip(*poses, strict=True))
        result[name] = {
            f"{kind}_{metric.__name__}_mm": round(1000 * float(metric(found, truth).mean()), 2)
            for kind, found in (("lifted", lifted), ("refined", refined))
            for metric in (each_mpjpe, p_mpjpe, n_mpjpe)
        }
    return result


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.training.train_refine``."""
    parser = argparse.ArgumentParser(prog="train_refine", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lifter", type=Path, help="an exported lifter (.onnx) or a checkpoint (.pt)")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and val.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run")
    for name in ("steps", "batch", "hidden", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(RefineRecipe, name))
    for name in ("lr", "network_lr", "dropout"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(RefineRecipe, name))
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of PyTorch (0: its default)")
    options = parser.parse_args(arguments)
    for name in ("train.npz", "val.npz"):
        if not (options.data / name).is_file():
            raise ConfigError(f"--data {options.data}: no {name} there; see models/data/mocap.py for the layout")
    if options.threads:
        torch.set_num_threads(options.threads)
    given = {name: getattr(options, name) for name in asdict(RefineRecipe()) if hasattr(options, name)}
    recipe = replace(RefineRecipe(), **given)
    arch, target = read_architecture(options.lifter)
    trainer = Trainer(arch, Recipe(target=target, lr=recipe.network_lr, muon_lr=0.0, batch=recipe.batch))
    trainer.start_from(options.lifter, options.data)
    options.out.mkdir(parents=True, exist_ok=True)
    refine = train_refine(trainer, recipe, options.data)
    metrics = judge(trainer, refine, options.data)
    state = {
        "recipe": asdict(recipe),
        "lifter": {"file": options.lifter.name, "sha256": file_sha256(options.lifter)},
        "metrics": metrics,
        "state": refine.state_dict(),
    }
    torch.save(state, options.out / "refine.pt")
    if recipe.network_lr:
        trainer.what = "windows, together with a refine module (models.training.train_refine)"
        trainer.step = recipe.steps
        trainer.save(options.out / "checkpoint.pt")
    print(json.dumps(metrics), flush=True)


if __name__ == "__main__":
    main()
