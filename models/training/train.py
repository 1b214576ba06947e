"""Train a lifter on motion capture.

    python -m models.training.train --data DIR --out RUN [options]

The state (weights, their moving average, optimisers, step) is stored every few minutes and at the end; the same
command continues it. ``RUN/log.jsonl`` holds the curve, ``RUN/checkpoint.pt`` the state. The learning rate is constant
after a warm-up and falls linearly to zero over the last part of ``--steps``, so a run can be prolonged before the fall;
with ``--minutes`` the clock decides instead. On a GPU, batches are made there too, see ``models/training/feed.py``.
With several processes: ``torchrun --nproc-per-node 2 -m models.training.train ...``, see ``distributed.py``.
"""

from __future__ import annotations

import argparse
import json
import time
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from models.data.bodies import AS_CAPTURED
from models.data.keypoint_noise import TRAINING
from models.data.mocap import load_mocap
from models.network.losses import frame_weights, mpjpe, sequence_mpjpe, velocity_error
from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.distributed import ALONE, CPU, Processes, joined
from models.training.feed import Batches, feed
from models.training.muon import Muon
from models.training.validation import validate, validation_windows
from models.training.warm_start import stages_of, start_from
from pipeline.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """What decides the result of a run, besides architecture and data.

    Attributes:
        steps, batch: optimiser steps and windows per step.
        lr, muon_lr: of AdamW (embeddings, norms, heads, convolutions) and Muon (matrices of the encoders).
        warmup, decay: steps of the rise, fraction of the steps of the fall.
        ema: decay of the moving average of the weights.
        target: index of the target frame.
        weighted: frame-weighted sequence loss (alpha_t) or plain mean.
        velocity: weight of the velocity term.
        seed: of data and initial weights.
        every: windows look at every n-th frame: 9 frames, 3 apart, cover what 27 do at a third of the cost.
        minutes: if not 0, the run's length in time, in place of ``steps``.
        as_captured: share of windows whose motion is not changed, see ``models.data.bodies.vary``.
        lower_body: share of windows without legs, as a webcam on a desk sees them.
    """

    steps: int = 30000
    batch: int = 64
    lr: float = 1e-3
    muon_lr: float = 2e-3
    warmup: int = 300
    decay: float = 0.35
    ema: float = 0.999
    target: int = 13
    weighted: bool = True
    velocity: float = 0.5
    seed: int = 0
    every: int = 1
    minutes: float = 0.0
    as_captured: float = AS_CAPTURED
    lower_body: float = TRAINING.lower_body

    def progress(self, step: int, seconds: float) -> float:
        """How much of the run is done; 1 at its end."""
        return seconds / (60 * self.minutes) if self.minutes else step / self.steps

    def rate(self, step: int, progress: float) -> float:
        """Factor on the learning rates."""
        fall = (1 - progress) / max(self.decay, 1e-9)
        return max(0.0, min(1.0, (step + 1) / self.warmup, fall))


_STATISTICS = 512  # windows from which the statistics of a folded batch norm are measured


class Trainer:
    """The state of a run.

    Attributes:
        what: the kind of training, for cards.
        step, seconds: how far the run is.
        stages_before: recipes of the runs that its first weights came from, see ``models.training.warm_start``.
    """

    what = "windows (models.training.train)"

    def __init__(self, arch: Architecture, recipe: Recipe, device: torch.device = CPU) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.step, self.seconds = recipe, 0, 0.0
        self.stages_before: list[dict[str, Any]] = []
        # Augmentation never repeats a window, so dropout only slows the training.
        self.network = StridedTransformer(arch, dropout=0.0, embedding_dropout=0.0).to(device)
        self.average = deepcopy(self.network).requires_grad_(False)
        matrices: list[Tensor] = []
        others: list[Tensor] = []
        for name, parameter in self.network.named_parameters():
            inner = name.startswith(("vanilla", "strided")) and parameter.ndim == 2
            (matrices if inner else others).append(parameter)
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=recipe.muon_lr, weight_decay=0.01),
            torch.optim.AdamW(others, lr=recipe.lr, weight_decay=0.01, betas=(0.9, 0.98)),
        ]
        self._base_rates = [recipe.muon_lr, recipe.lr]
        self.alpha = frame_weights(arch.window, recipe.target).to(device) if recipe.weighted else None

    def start_from(self, checkpoint: Path, data: Path) -> None:
        """Begin with another checkpoint's weights, see ``models.training.warm_start``; ``data`` as for ``train``."""
        recipe, window = self.recipe, self.network.arch.window
        windows = Batches(data, _STATISTICS, window, recipe.target, recipe.every, recipe.seed)
        new = start_from(self.network, checkpoint, lambda: next(iter(windows))[0])
        self.stages_before = stages_of(checkpoint)
        self.average.load_state_dict(self.network.state_dict())
        if new:
            print(f"not in {checkpoint}, so untrained: {', '.join(new)}", flush=True)

    def loss(self, frame: Tensor, sequence: Tensor, truth: Tensor) -> Tensor:
        """Weighted sequence loss + target-frame loss + velocity term; the pelvis is zero by definition."""
        frame, sequence, truth = frame[:, 1:], sequence[:, :, 1:], truth[:, :, 1:]
        total = sequence_mpjpe(sequence, truth, self.alpha) + mpjpe(frame, truth[:, self.recipe.target])
        if self.recipe.velocity:
            total = total + self.recipe.velocity * velocity_error(sequence, truth)
        return total

    @property
    def progress(self) -> float:
        """How much of the run is done; 1 at its end."""
        return self.recipe.progress(self.step, self.seconds)

    def update(self, forward: Any, keypoints: Tensor, truth: Tensor) -> Tensor:
        """One optimiser step; returns the loss in metres, where it was computed: nothing waits for it."""
        rate = self.recipe.rate(self.step, self.progress)
        for optimiser, base in zip(self.optimisers, self._base_rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = base * rate
            optimiser.zero_grad(set_to_none=True)
        frame, sequence = forward(keypoints)
        loss = self.loss(frame, sequence, truth)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        self.step += 1
        self._follow()
        return loss.detach()

    @torch.no_grad()
    def _follow(self) -> None:
        decay = min(self.recipe.ema, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def save(self, path: Path) -> None:
        """Store the state; a crash while storing leaves the previous file."""
        temporary = path.with_suffix(".part")
        torch.save(
            {
                "what": self.what,
                "architecture": self.network.arch.to_dict(),
                "recipe": asdict(self.recipe),
                "stages_before": self.stages_before,
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
                "step": self.step,
                "seconds": self.seconds,
            },
            temporary,
        )
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Continue from a stored state of the same architecture."""
        state = torch.load(path, weights_only=True, map_location="cpu")
        if state["architecture"] != self.network.arch.to_dict():
            raise ConfigError(f"{path} holds another architecture ({state['architecture']}); choose another --out")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        for optimiser, stored in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        self.step, self.seconds = state["step"], state["seconds"]
        self.stages_before = state.get("stages_before", [])


def train(
    trainer: Trainer,
    data: Path,
    out: Path,
    compiled: bool = False,
    save_every_s: float = 180,
    processes: Processes = ALONE,
) -> None:
    """Run to ``recipe.steps``; the first process stores the state and appends to the log as it goes."""
    arch, recipe = trainer.network.arch, trainer.recipe
    batches = Batches(
        data,
        recipe.batch,
        arch.window,
        recipe.target,
        recipe.every,
        recipe.seed,
        first=trainer.step,
        part=processes.part(recipe.batch),
        as_captured=recipe.as_captured,
        lower_body=recipe.lower_body,
        device=processes.data_device,
    )
    windows = None
    if processes.first:
        windows = validation_windows(load_mocap(data / "val.npz"), arch.window, recipe.target, every=recipe.every)
    forward = torch.compile(trainer.network) if compiled else processes.wrap(trainer.network)
    losses: list[Tensor] = []
    saved = started = time.monotonic()
    before = trainer.seconds
    for keypoints, truth in feed(batches):
        if trainer.progress >= 1:
            break
        trainer.network.train()
        loss = trainer.update(forward, keypoints.to(processes.device), truth.to(processes.device))
        losses.append(processes.mean(loss))
        trainer.seconds = before + time.monotonic() - started
        if windows is not None and (trainer.progress >= 1 or time.monotonic() - saved > save_every_s):
            entry = {
                "step": trainer.step,
                "minutes": round(trainer.seconds / 60, 1),
                "loss_mm": round(1000 * float(torch.stack(losses).mean()), 2),
                **validate(trainer.average, windows, recipe.target),
            }
            print(json.dumps(entry), flush=True)
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")
            trainer.save(out / "checkpoint.pt")
            losses, saved = [], time.monotonic()


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(prog="train", description="Train a lifter on motion capture.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and val.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an existing run is continued")
    parser.add_argument("--window", type=int, default=27)
    parser.add_argument("--every", type=int, default=1, help="look at every n-th frame only (default: 1)")
    parser.add_argument("--strides", help="strides of the strided encoder, as in 3,3,1 (default: the published ones)")
    parser.add_argument("--target", type=int, help="index of the target frame (default: the centre)")
    parser.add_argument("--width", type=int, default=128, help="channels (d_model)")
    parser.add_argument("--hidden", type=int, help="width of the hidden layers (default: four times the channels)")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--attention", choices=("full", "strided"), default="strided")
    parser.add_argument("--plain-sequence-loss", action="store_true", help="without the frame weights alpha_t")
    for name in ("steps", "batch", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Recipe, name))
    for name in ("lr", "muon_lr", "velocity", "decay", "minutes", "as_captured", "lower_body"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Recipe, name))
    parser.add_argument(
        "--save-every", type=float, default=180, metavar="S", help="seconds between states and log entries"
    )
    parser.add_argument("--start-from", type=Path, metavar="FILE", help="begin with the weights of this checkpoint")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of PyTorch (0: its default)")
    parser.add_argument("--compile", action="store_true", help="torch.compile: slow start, faster steps")
    return parser.parse_args(arguments)


def architecture_of(options: argparse.Namespace) -> Architecture:
    """The network that the options of ``train`` or ``pretrain`` ask for.

    Raises:
        ConfigError: there is no such network; or the data that they name are not there.
    """
    for name in ("train.npz", "val.npz"):
        if not (options.data / name).is_file():
            raise ConfigError(f"--data {options.data}: no {name} there; see models/data/mocap.py for the layout")
    try:
        words = (getattr(options, "strides", None) or "").split(",")
        return Architecture(
            window=options.window,
            strides=tuple(int(word) for word in words if word),
            d_model=options.width,
            d_hidden=options.hidden or 4 * options.width,
            heads=options.heads,
            vanilla_attention=options.attention,
            strided_attention=options.attention,
        )
    except ValueError as error:
        raise ConfigError(f"no such network: {error}") from error


def begin(trainer: Trainer, options: argparse.Namespace) -> None:
    """Continue the run in ``--out``, or begin one, with the weights of ``--start-from`` if they are given."""
    state = options.out / "checkpoint.pt"
    if state.exists():
        trainer.load(state)
    elif options.start_from is not None:
        trainer.start_from(options.start_from, options.data)


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.training.train`` and of ``app.py train``."""
    options = parse(arguments)
    arch = architecture_of(options)
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = Recipe(
        steps=options.steps,
        batch=options.batch,
        lr=options.lr,
        muon_lr=options.muon_lr,
        decay=options.decay,
        target=options.window // 2 if options.target is None else options.target,
        weighted=not options.plain_sequence_loss,
        velocity=options.velocity,
        minutes=options.minutes,
        as_captured=options.as_captured,
        lower_body=options.lower_body,
        seed=options.seed,
        every=options.every,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    with joined() as processes:
        if options.compile and processes.size > 1:
            raise ConfigError(f"--compile works with one process, not with {processes.size}; leave it out")
        if options.minutes and processes.size > 1:
            raise ConfigError(f"--minutes works with one process, not with {processes.size}; use --steps")
        trainer = Trainer(arch, recipe, processes.device)
        begin(trainer, options)
        train(trainer, options.data, options.out, options.compile, options.save_every, processes)


if __name__ == "__main__":
    main()
