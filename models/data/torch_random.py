"""Random numbers as tensors, made on a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor


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
