"""Single frames first: teach a lifter's per-frame part before its attention.

    python -m models.pretrain --data DIR --out RUN [options]

Lifting is mostly a function of one frame, and the frames of a window are nearly alike: a batch of windows shows few
poses and views. Here the path of one frame through the network (embedding, feed-forward parts of the vanilla encoder,
full-sequence head) is trained on single frames, which costs a few percent of a window and shows many times as many
poses. ``models.train --start-from RUN/checkpoint.pt`` then adds attention and the strided encoder: the attention of the
vanilla layers starts from zero, so that nothing that was learned is lost.

Frames come in threes from 0.2 to 0.7 s of one motion, seen by one camera and normalised together, so that people are
not always in the middle of their box.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from models.data.batches import make_batch
from models.data.keypoint_noise import TRAINING
from models.data.mocap import WindowSampler, load_mocap
from models.losses import mpjpe as mpjpe_loss
from models.metrics import mpjpe, n_mpjpe, p_mpjpe
from models.strided_transformer import Architecture, StridedTransformer, VanillaLayer
from models.train import Recipe, Trainer, architecture_of, begin
from models.validation import validation_windows

_FRAMES = 3
_RATES_HZ = (1.5, 5.0)
# Whole frames without a person teach nothing here.
_NOISE = replace(TRAINING, frame_dropout=0.0, sparse=0.0)


class Frames(IterableDataset[tuple[Tensor, Tensor]]):
    """Endless batches of single frames: keypoints [N, J, C] and truth [N, J, 3] in metres."""

    def __init__(self, data: Path, seed: int, batch: int, first: int) -> None:
        self.data, self.seed, self.batch, self.first = data, seed, batch, first

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        torch.set_num_threads(1)
        sampler = WindowSampler(load_mocap(self.data / "train.npz"), _FRAMES, _FRAMES // 2, _RATES_HZ, _RATES_HZ)
        number = self.first
        while True:
            batch = make_batch(sampler, np.random.default_rng((self.seed, number)), self.batch // _FRAMES, _NOISE)
            yield torch.from_numpy(batch.keypoints).flatten(0, 1), torch.from_numpy(batch.truth_m).flatten(0, 1)
            number += 1


class FrameTrainer(Trainer):
    """Trains the per-frame part of a network; state and files are those of ``Trainer``."""

    def __init__(self, arch: Architecture, recipe: Recipe) -> None:
        super().__init__(arch, recipe)
        with torch.no_grad():
            for network in (self.network, self.average):
                for layer in network.vanilla:
                    assert isinstance(layer, VanillaLayer)
                    for parameter in layer.attention.out.parameters():
                        parameter.zero_()

    def loss(self, frame: Tensor, sequence: Tensor, truth: Tensor) -> Tensor:
        """MPJPE without the pelvis, which is zero by definition."""
        return mpjpe_loss(frame[:, 1:], truth[:, 1:])

    def forward(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """For ``Trainer.update``: there is no sequence."""
        frames = lift_frames(self.network, keypoints)
        return frames, frames


def lift_frames(network: StridedTransformer, keypoints: Tensor) -> Tensor:
    """Poses [N, J, 3] of single frames [N, J, C] by the network without its attention."""
    x: Tensor = network.embed(keypoints.flatten(1)[..., None])[..., 0]
    for layer in network.vanilla:
        assert isinstance(layer, VanillaLayer)
        x = layer.feed_forward(x)
    out: Tensor = network.sequence_head(x[..., None])
    return out.reshape(len(keypoints), keypoints.shape[1], 3)


def pretrain(trainer: FrameTrainer, data: Path, out: Path, save_every_s: float = 60) -> None:
    """Run to ``recipe.steps``, storing the state and appending to the log as it goes."""
    recipe = trainer.recipe
    windows = validation_windows(load_mocap(data / "val.npz"), trainer.network.arch.window, recipe.target)
    keypoints, truth_m = windows.keypoints[:, recipe.target], windows.truth_m[:, recipe.target]
    loader = DataLoader(Frames(data, recipe.seed, recipe.batch, trainer.step), batch_size=None, num_workers=1)
    losses: list[float] = []
    saved = started = time.monotonic()
    before = trainer.seconds
    for frames, truth in loader:
        if trainer.step >= recipe.steps:
            break
        trainer.network.train()
        losses.append(trainer.update(trainer.forward, frames, truth))
        if trainer.step >= recipe.steps or time.monotonic() - saved > save_every_s:
            trainer.seconds = before + time.monotonic() - started
            trainer.average.eval()
            with torch.no_grad():
                predicted = lift_frames(trainer.average, torch.from_numpy(keypoints)).numpy()
            predicted[:, 0] = 0
            entry = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 1)}
            entry["loss_mm"] = round(1000 * float(np.mean(losses)), 2)
            for metric in (mpjpe, n_mpjpe, p_mpjpe):
                entry[f"{metric.__name__}_mm"] = round(1000 * float(metric(predicted, truth_m).mean()), 2)
            print(json.dumps(entry), flush=True)
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")
            trainer.save(out / "checkpoint.pt")
            losses, saved = [], time.monotonic()


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.pretrain``."""
    parser = argparse.ArgumentParser(prog="pretrain", description="Train a lifter's per-frame part on motion capture.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and val.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; an existing run is continued")
    parser.add_argument("--window", type=int, default=27)
    parser.add_argument("--width", type=int, default=128, help="channels (d_model)")
    parser.add_argument("--hidden", type=int, help="width of the hidden layers (default: four times the channels)")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--attention", choices=("full", "strided"), default="strided")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=1536, help="frames per step")
    for name in ("lr", "muon_lr", "decay"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Recipe, name))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start-from", type=Path, metavar="FILE", help="begin with the weights of this checkpoint")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of PyTorch (0: its default)")
    options = parser.parse_args(arguments)
    arch = architecture_of(options)
    if options.threads:
        torch.set_num_threads(options.threads)
    recipe = Recipe(
        steps=options.steps,
        batch=options.batch,
        lr=options.lr,
        muon_lr=options.muon_lr,
        decay=options.decay,
        target=options.window // 2,
        seed=options.seed,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    trainer = FrameTrainer(arch, recipe)
    begin(trainer, options)
    pretrain(trainer, options.data, options.out)


if __name__ == "__main__":
    main()
