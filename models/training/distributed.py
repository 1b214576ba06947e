"""Training with several processes: plain DistributedDataParallel, started by torchrun.

    torchrun --nproc-per-node 2 app.py train --data DIR --out RUN [options]

``--batch`` stays the number of windows per optimiser step: every process takes its part of the same batch, so the run
has the data and, up to rounding, the losses and weights of a run with one process. Gradients are averaged by
DistributedDataParallel. Batch norms must be told about the whole batch: ``torch.nn.SyncBatchNorm`` does it on a
GPU only, ``SyncedBatchNorm`` here on both. Backend: NCCL with one GPU per process where CUDA is available, else gloo.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.errors import ConfigError, DeviceError

CPU = torch.device("cpu")
_TORCHRUN = "torchrun --nproc-per-node N app.py train ..."


@dataclass(frozen=True)
class Processes:
    """This process among those of a run.

    Attributes:
        rank, size: its number from 0, and how many there are.
        device: the device that it trains on.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def data_device(self) -> torch.device | None:
        """The GPU, if there is one: ``models.training.feed`` makes the batches there."""
        return self.device if self.device.type == "cuda" else None

    @property
    def first(self) -> bool:
        """Whether this is the process that validates, logs and saves."""
        return self.rank == 0

    def part(self, batch: int) -> slice:
        """This process' windows of a batch.

        Raises:
            ConfigError: the batch can't be shared evenly; means over unequal parts would not be the mean of all.
        """
        if batch % self.size:
            raise ConfigError(
                "--batch", batch, f"can't be shared evenly by {self.size} processes; use a multiple of {self.size}"
            )
        share = batch // self.size
        return slice(self.rank * share, (self.rank + 1) * share)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The module to call instead of ``network`` in training; its parameters and state dictionary stay.

        With several processes its batch norms are replaced in place. Every process must make the same calls from here
        on.
        """
        if self.size == 1:
            return network
        synchronise_norms(network)
        devices = [self.device] if self.device.type == "cuda" else None
        # The norms have the same buffers everywhere, so there is nothing to broadcast before each step.
        return DistributedDataParallel(network, device_ids=devices, broadcast_buffers=False)

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a number [] over the processes; all of them must ask."""
        if self.size == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.size


ALONE = Processes()


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes that torchrun started, if it did; leave them at the end.

    Raises:
        ConfigError: the environment of torchrun is incomplete.
        DeviceError: there are more processes than GPUs.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = CPU
    if torch.cuda.is_available():
        if local >= torch.cuda.device_count():
            raise DeviceError(f"process {local} of this machine has no GPU; there are {torch.cuda.device_count()}")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
        torch.set_float32_matmul_precision("high")  # TF32: ten bits of a product's factors are enough to train with
    if size == 1:
        yield Processes(device=device)
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ConfigError("WORLD_SIZE", size, f"is set, but not {', '.join(missing)}; start with: {_TORCHRUN}")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), size, device)
    finally:
        dist.destroy_process_group()


class _SumOverProcesses(torch.autograd.Function):
    """All-reduce whose gradient is all-reduced too, since each process's summand acts on the losses of all."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(value: Tensor) -> Tensor:
    total: Tensor = _SumOverProcesses.apply(value)  # type: ignore[no-untyped-call]  # PyTorch does not annotate it
    return total


class SyncedBatchNorm(nn.BatchNorm1d):
    """``BatchNorm1d`` with the statistics of the batches of all processes, which must have one size.

    [B, D, T] or [B, D]. In eval mode it is ``BatchNorm1d``.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        size = dist.get_world_size()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        mean = _sum_over_processes(x.mean(axes)) / size
        centred = x - mean.view(shape)
        variance = _sum_over_processes((centred * centred).mean(axes)) / size
        self._follow(mean.detach(), variance.detach(), size * x.numel() // x.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        normed: Tensor = centred * scale.view(shape) + self.bias.view(shape)
        return normed

    def _follow(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics as ``BatchNorm1d`` keeps them, with the unbiased variance of ``count`` values."""
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
        self.num_batches_tracked += 1


def synchronise_norms(network: nn.Module) -> None:
    """Replace the ``BatchNorm1d`` in a network by ``SyncedBatchNorm`` with the same parameters and buffers."""
    for module in list(network.modules()):
        for name, norm in list(module.named_children()):
            if type(norm) is nn.BatchNorm1d:
                synced = SyncedBatchNorm(norm.num_features, norm.eps, norm.momentum)
                synced.weight, synced.bias = norm.weight, norm.bias
                for buffer, value in norm.named_buffers():
                    setattr(synced, buffer, value)
                setattr(module, name, synced.train(norm.training))
