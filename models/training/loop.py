"""The training loop of all stages. Their differences are in ``frames``, ``windows`` and ``refine``.

The state (weights, their moving average, optimisers, step) is stored every few minutes and at the end; the same
command continues it. ``RUN/log.jsonl`` holds the curve. With a GPU, batches are made on it too, see
``models/training/feed.py``; for several processes see ``models/training/distributed.py``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models.training.distributed import ALONE, Processes
from models.training.feed import feed
from models.training.stage import Errors, Forward, Stage
from pipeline.errors import ConfigError

LOG = "log.jsonl"


@dataclass(frozen=True)
class Run:
    """Folders and settings of a training that do not change its result.

    Attributes:
        data: folder with train.npz and val.npz.
        out: folder of the run.
        save_every_s: seconds between saved states, and between log entries.
        compiled: whether to use torch.compile: slow start, faster steps.
    """

    data: Path
    out: Path
    save_every_s: float = 180.0
    compiled: bool = False


@dataclass(frozen=True)
class LogEntry:
    """A line of the log.

    Attributes:
        step, seconds: how far the run is.
        loss_m: mean loss since the entry before, metres.
        errors: errors on held-out people.
    """

    step: int
    seconds: float
    loss_m: float
    errors: Errors

    def line(self) -> str:
        """The entry as JSON, in minutes and millimetres."""
        about = {"step": self.step, "minutes": round(self.seconds / 60, 1), "loss_mm": round(1000 * self.loss_m, 2)}
        return json.dumps({**about, **self.errors})


def resume(stage: Stage, out: Path) -> bool:
    """Continue from the state in the folder of a run; returns whether there is one.

    Raises:
        DataError: the state is that of another network or stage.
    """
    state = out / stage.file
    if state.exists():
        stage.load(state)
    return state.exists()


def train(stage: Stage, run: Run, processes: Processes = ALONE) -> None:
    """Train to the end of the recipe; the first process judges, logs and saves as it goes.

    Raises:
        ConfigError: the stage, or an option, does not work with several processes.
    """
    _check_processes(stage, run, processes)
    run.out.mkdir(parents=True, exist_ok=True)
    batches = stage.batches(run.data, processes)
    judge = stage.judge(run.data) if processes.first else None
    network: Forward = torch.compile(stage.network) if run.compiled else processes.wrap(stage.network)
    losses: list[Tensor] = []
    saved_s = started_s = time.monotonic()
    seconds_before = stage.seconds
    for batch in feed(batches):
        if stage.progress >= 1:
            break
        loss = update(stage, network, tuple(part.to(processes.device) for part in batch))
        losses.append(processes.mean(loss))
        stage.seconds = seconds_before + time.monotonic() - started_s
        if judge is not None and (stage.progress >= 1 or time.monotonic() - saved_s > run.save_every_s):
            entry = LogEntry(stage.step, stage.seconds, float(torch.stack(losses).mean()), judge())
            print(entry.line(), flush=True)
            with (run.out / LOG).open("a", encoding="utf-8") as log:
                log.write(entry.line() + "\n")
            stage.save(run.out)
            losses, saved_s = [], time.monotonic()


def update(stage: Stage, network: Forward, batch: tuple[Tensor, ...]) -> Tensor:
    """One optimiser step; returns the loss [] in metres, on its device: nothing waits for it.

    Args:
        stage: the stage, whose weights change.
        network: the stage's network, or its wrapper.
        batch: on the network's device.
    """
    rate = stage.recipe.rate(stage.step, stage.progress)
    for optimiser, full_rates in zip(stage.optimisers, stage.rates, strict=True):
        for group, full_rate in zip(optimiser.param_groups, full_rates, strict=True):
            group["lr"] = full_rate * rate
        optimiser.zero_grad(set_to_none=True)
    stage.network.train()
    loss = stage.loss(network, batch)
    loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's annotations end here
    if stage.largest_gradient is not None:
        nn.utils.clip_grad_norm_(stage.network.parameters(), stage.largest_gradient)
    for optimiser in stage.optimisers:
        optimiser.step()
    stage.step += 1
    stage.follow()
    return loss.detach()


def _check_processes(stage: Stage, run: Run, processes: Processes) -> None:
    if processes.size == 1:
        return
    if not stage.several_processes:
        raise ConfigError(
            "WORLD_SIZE",
            processes.size,
            f"is too many for {stage.title}, which one process trains; start without torchrun",
        )
    if run.compiled:
        raise ConfigError("--compile", None, f"works with one process, not with {processes.size}; leave it out")
    if stage.recipe.minutes:
        raise ConfigError("--minutes", None, f"works with one process, not with {processes.size}; use --steps")
