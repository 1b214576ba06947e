"""Names of array types, and a function that makes arrays read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
Bools = NDArray[np.bool_]


def read_only(*arrays: NDArray[Any]) -> None:
    """Make these arrays read-only: they belong to a value that several places share."""
    for array in arrays:
        array.setflags(write=False)
