"""``run.json``: the report of a job as a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.export.part_file import PartFile


def write_run_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object, whole or not at all.

    Paths become text, NumPy values become plain ones, and NaN and infinity become null (they are not JSON).

    Raises:
        ExportError: it can't be written.
    """
    text = json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)
    PartFile(path, (text + "\n").encode()).close()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
