"""Single frames first: teach a lifter's per-frame part before its attention.

    python -m models.training.pretrain --data DIR --out RUN [options]

Lifting is mostly a function of one frame, and the frames of a window are nearly alike: a batch of windows shows few
poses and views. Here the path of one frame through the network (embedding, feed-forward parts of the vanilla encoder,
full-sequence head) is trained on single frames, which costs a few percent of a window and shows many times as many
poses. ``train --start-from RUN/checkpoint.pt`` then adds attention and the strided encoder: the attention of the
vanilla layers starts from zero, so that nothing that was learned is lost.

Frames come in threes, see ``models.training.feed.Frames``, so that people are not always in the middle of their box.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from models.data.mocap import load_mocap
from models.evaluation.metrics import mpjpe, n_mpjpe, p_mpjpe
from models.network.losses import mpjpe as mpjpe_loss
from models.network.strided_transformer import Architecture, StridedTransformer, VanillaLayer
from models.training.distributed import ALONE, CPU, Processes, joined
from models.training.feed import Frames, feed
from models.training.train import Recipe, Trainer, architecture_of, begin
from models.training.validation import validation_windows
from pipeline.errors import ConfigError


class FrameTrainer(Trainer):
    """Trains the per-frame part of a network; state and files are those of ``Trainer``."""

    what = "single frames (models.training.pretrain)"

    def __init__(self, arch: Architecture, recipe: Recipe, device: torch.device = CPU) -> None:
        super().__init__(arch, recipe, device)
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


def pretrain(
    trainer: FrameTrainer, data: Path, out: Path, save_every_s: float = 60, processes: Processes = ALONE
) -> None:
    """Run to ``recipe.steps``, storing the state and appending to the log as it goes."""
    recipe = trainer.recipe
    windows = validation_windows(load_mocap(data / "val.npz"), trainer.network.arch.window, recipe.target)
    seen = torch.from_numpy(windows.keypoints[:, recipe.target]).to(processes.device)
    truth_m = windows.truth_m[:, recipe.target]
    frames = Frames(
        data,
        recipe.batch,
        recipe.seed,
        trainer.step,
        recipe.as_captured,
        recipe.lower_body,
        processes.data_device,
    )
    losses: list[Tensor] = []
    saved = started = time.monotonic()
    before = trainer.seconds
    for keypoints, truth in feed(frames):
        if trainer.progress >= 1:
            break
        trainer.network.train()
        losses.append(trainer.update(trainer.forward, keypoints.to(processes.device), truth.to(processes.device)))
        trainer.seconds = before + time.monotonic() - started
        if trainer.progress >= 1 or time.monotonic() - saved > save_every_s:
            trainer.average.eval()
            with torch.no_grad():
                predicted = lift_frames(trainer.average, seen).cpu().numpy()
            predicted[:, 0] = 0
            entry = {"step": trainer.step, "minutes": round(trainer.seconds / 60, 1)}
            entry["loss_mm"] = round(1000 * float(torch.stack(losses).mean()), 2)
            for metric in (mpjpe, n_mpjpe, p_mpjpe):
                entry[f"{metric.__name__}_mm"] = round(1000 * float(metric(predicted, truth_m).mean()), 2)
            print(json.dumps(entry), flush=True)
            with (out / "log.jsonl").open("a") as log:
                log.write(json.dumps(entry) + "\n")
            trainer.save(out / "checkpoint.pt")
            losses, saved = [], time.monotonic()


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.training.pretrain``."""
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
    for name in ("lr", "muon_lr", "decay", "minutes", "as_captured", "lower_body"):
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=getattr(Recipe, name))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--save-every", type=float, default=60, metavar="S", help="seconds between states and log entries"
    )
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
        minutes=options.minutes,
        as_captured=options.as_captured,
        lower_body=options.lower_body,
        target=options.window // 2,
        seed=options.seed,
    )
    options.out.mkdir(parents=True, exist_ok=True)
    with joined() as processes:
        if processes.size > 1:
            raise ConfigError("single frames are trained by one process; start it without torchrun")
        trainer = FrameTrainer(arch, recipe, processes.device)
        begin(trainer, options)
        pretrain(trainer, options.data, options.out, options.save_every, processes)


if __name__ == "__main__":
    main()
