"""One code for NumPy and PyTorch, so that training data can be made on the device that trains.

The functions of this package take arrays of either kind, ask ``namespace`` for the functions of the array API standard
that go with them, and draw from a ``Random``: a ``numpy.random.Generator``, or a ``TorchRandom``
(``models/data/torch_random.py``), which has the few methods of it that are used here. On a GPU a batch then never
leaves its memory, and the CPU, which could not make windows fast enough, is free. NumPy remains the reference, and
evaluation uses it: PyTorch is imported only for tensors.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Array = Any
"""A NumPy array or a PyTorch tensor; the ``WindowSampler`` decides which one, and on which device."""


class Random(Protocol):
    """Part of ``numpy.random.Generator``; sizes are an int or a tuple, bounds and moments are numbers."""

    def random(self, size: Any) -> Any:
        """Uniform in [0, 1)."""

    def uniform(self, low: float, high: float, size: Any) -> Any:
        """Uniform in [low, high)."""

    def normal(self, loc: float, scale: float, size: Any) -> Any:
        """Normal with mean ``loc`` and standard deviation ``scale``."""

    def integers(self, low: int, high: int, size: Any, *, endpoint: bool = False) -> Any:
        """Integers from ``low`` up to, and with ``endpoint`` including, ``high``."""


def namespace(array: Array) -> Any:
    """The functions of the array API that work on this kind of array."""
    if isinstance(array, np.ndarray):
        return np
    from array_api_compat import torch

    return torch


def like(array: Array, values: Any, dtype: str | None = None) -> Array:
    """Constants as an array of the same kind, on the same device; ``dtype`` by its name."""
    if isinstance(array, np.ndarray):
        return np.asarray(values, dtype)
    xp = namespace(array)
    return xp.asarray(values, dtype=getattr(xp, dtype) if dtype else None, device=array.device)


def float32(array: Array) -> Array:
    """The array in single precision."""
    xp = namespace(array)
    return xp.astype(array, xp.float32, copy=False)
