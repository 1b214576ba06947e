"""A few training steps by one process, or by several that torchrun started; the first process stores what came out.

python -m tests.helpers.train_steps DATA OUT [--plain-norms]
torchrun --standalone --nproc-per-node 2 -m tests.helpers.train_steps DATA OUT
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

from models.network.strided_transformer import Architecture
from models.training.distributed import joined
from models.training.feed import Batches
from models.training.train import Recipe, Trainer

ARCH = Architecture(27, d_model=16, d_hidden=32, heads=4, vanilla_layers=1, vanilla_attention="strided")
RECIPE = Recipe(steps=8, batch=8, warmup=2, decay=0.5)


def steps(data: Path, out: Path, plain_norms: bool = False) -> None:
    """Store the loss per step and the states of the network and of its average."""
    torch.set_num_threads(1)
    with joined() as processes:
        trainer = Trainer(ARCH, RECIPE)
        part = processes.part(RECIPE.batch)
        forward = DistributedDataParallel(trainer.network) if plain_norms else processes.wrap(trainer.network)
        trainer.network.train()
        batches = iter(Batches(data, RECIPE.batch, ARCH.window, RECIPE.target, part=part))
        losses = [float(processes.mean(trainer.update(forward, *next(batches)))) for _ in range(RECIPE.steps)]
        state = {"network": trainer.network.state_dict(), "average": trainer.average.state_dict()}
        torch.save({"losses": losses, "windows": part.stop - part.start, **state}, out / f"{processes.rank}.pt")


if __name__ == "__main__":
    steps(Path(sys.argv[1]), Path(sys.argv[2]), "--plain-norms" in sys.argv)
