"""One code for NumPy and PyTorch: training data are made where the network is trained.

The functions of this package take arrays of either kind, ask ``namespace`` for the functions of the array API standard
that go with them, and draw from a ``Random``: a ``numpy.random.Generator``, or a ``TorchRandom``, which has the few
methods of it that are used here. On a GPU a batch then never leaves its memory, and the processor, which would make
fewer windows than the GPU can take, is free. NumPy remains the reference, and what evaluation runs on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import array_api_compat.torch
import numpy as np
import torch
from torch import Tensor

Array = Any
"""A NumPy array or a PyTorch tensor; which one, and on which device, is decided by the ``WindowSampler``."""


class Random(Protocol):
    """What is used of ``numpy.random.Generator``; sizes are an int or a tuple, bounds and moments are numbers."""

    def random(self, size: Any) -> Any:
        """Uniform in [0, 1)."""

    def uniform(self, low: float, high: float, size: Any) -> Any:
        """Uniform in [low, high)."""

    def normal(self, loc: float, scale: float, size: Any) -> Any:
        """Normal with mean ``loc`` and standard deviation ``scale``."""

    def integers(self, low: int, high: int, size: Any, *, endpoint: bool = False) -> Any:
        """Integers from ``low`` up to, and with ``endpoint`` including, ``high``."""


class TorchRandom:
    """``Random`` for tensors on a device, float32.

    Args:
        seed: any integers; together they give the sequence.
        device: where the numbers are made. Another device gives other numbers.
    """

    def __init__(self, seed: Sequence[int], device: torch.device) -> None:
        self.device = device
        self._generator = torch.Generator(device)
        self._generator.manual_seed(int(np.random.SeedSequence(tuple(seed)).generate_state(1, np.uint64)[0] >> 1))

    def random(self, size: Any) -> Tensor:
        """See ``Random``."""
        return torch.rand(size, generator=self._generator, device=self.device)

    def uniform(self, low: float, high: float, size: Any) -> Tensor:
        """See ``Random``."""
        return low + (high - low) * self.random(size)

    def normal(self, loc: float, scale: float, size: Any) -> Tensor:
        """See ``Random``."""
        shape = (size,) if isinstance(size, int) else size
        return loc + scale * torch.randn(shape, generator=self._generator, device=self.device)

    def integers(self, low: int, high: int, size: Any, *, endpoint: bool = False) -> Tensor:
        """See ``Random``."""
        shape = (size,) if isinstance(size, int) else size
        return torch.randint(low, high + endpoint, shape, generator=self._generator, device=self.device)


def namespace(array: Array) -> Any:
    """The functions of the array API that work on this kind of array."""
    return array_api_compat.torch if isinstance(array, Tensor) else np


def like(array: Array, values: Any, dtype: str | None = None) -> Array:
    """Constants as an array of the same kind, on the same device; ``dtype`` by its name."""
    if isinstance(array, Tensor):
        return torch.as_tensor(values, dtype=getattr(torch, dtype) if dtype else None, device=array.device)
    return np.asarray(values, dtype)


def float32(array: Array) -> Array:
    """The array in single precision."""
    return array.to(torch.float32) if isinstance(array, Tensor) else np.asarray(array, np.float32)
