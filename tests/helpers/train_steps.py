"""A few training steps by one process, or by several that torchrun started; the first process stores what came out.

python -m tests.helpers.train_steps DATA OUT [--plain-norms]
torchrun --standalone --nproc-per-node 2 -m tests.helpers.train_steps DATA OUT
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import torch
from torch.nn.parallel import DistributedDataParallel

from models.network.strided_transformer import Architecture
from models.training.distributed import joined
from models.training.loop import update
from models.training.recipe import LifterRecipe
from models.training.windows import Windows

ARCH = Architecture(27, d_model=16, d_hidden=32, heads=4, vanilla_layers=1, vanilla_attention="strided")
RECIPE = LifterRecipe(steps=8, batch=8, warmup=2, decay=0.5)


def steps(data: Path, out: Path, plain_norms: bool = False) -> None:
    """Store the loss per step and the states of the network and of its average."""
    torch.set_num_threads(1)
    with joined() as processes:
        stage = Windows(ARCH, RECIPE)
        forward = DistributedDataParallel(stage.network) if plain_norms else processes.wrap(stage.network)
        batches = stage.batches(data, processes)
        losses = [float(processes.mean(update(stage, forward, batch))) for batch in islice(iter(batches), RECIPE.steps)]
        state = {"network": stage.network.state_dict(), "average": stage.average.state_dict()}
        torch.save({"losses": losses, "windows": RECIPE.batch // processes.size, **state}, out / f"{processes.rank}.pt")


if __name__ == "__main__":
    steps(Path(sys.argv[1]), Path(sys.argv[2]), "--plain-norms" in sys.argv)
