"""IO binding: runs of a session whose outputs go into arrays allocated beforehand."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

DTYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8}
"""Element types of our models by ONNX Runtime's names."""


class BoundRun:
    """Calls a session whose outputs all have fixed shapes; see ``can_bind``.

    Each call has a binding and arrays of its own, so threads may share a model, and results are never overwritten.
    """

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self._inputs = {node.name: (tuple(node.shape), DTYPES[node.type]) for node in session.get_inputs()}
        self._outputs = [(node.name, tuple(node.shape), DTYPES[node.type]) for node in session.get_outputs()]

    def __call__(self, feed: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Run on inputs by name; returns the outputs in the session's order.

        Raises:
            ValueError: an input of another shape or type than the session's.
        """
        binding = self._session.io_binding()
        for name, array in feed.items():
            if (array.shape, array.dtype) != self._inputs[name]:
                shape, dtype = self._inputs[name]
                raise ValueError(f"{name} must be {np.dtype(dtype)} {shape}, not {array.dtype} {array.shape}")
            # Bound anew for each run: ONNX Runtime copies to the GPU at this moment (IOBinding::BindInput), so an
            # array that is bound once and filled later would be read on the CPU and ignored on a GPU.
            binding.bind_cpu_input(name, np.ascontiguousarray(array))
        results: list[NDArray[Any]] = []
        for name, shape, dtype in self._outputs:
            result = np.empty(shape, dtype)
            binding.bind_output(name, "cpu", 0, dtype, shape, result.ctypes.data)
            results.append(result)
        self._session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        return results


def can_bind(session: ort.InferenceSession) -> bool:
    """Whether every input and output has a fixed shape and a known element type."""
    nodes = [*session.get_inputs(), *session.get_outputs()]
    return all(node.type in DTYPES and all(isinstance(size, int) for size in node.shape) for node in nodes)
