"""The cache of TensorRT's engines: one per user, of limited size.

TensorRT tries out kernels for minutes before the first run. ONNX Runtime can keep the result in a folder and names
the files by GPU and TensorRT version, but never deletes old ones.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import onnxruntime as ort

from pipeline.runtime.cards import Card

log = logging.getLogger(__name__)

LIMIT_BYTES = 2 * 2**30
"""Most bytes for the engines of all models together; those unused for longest are deleted first."""


def cache_dir() -> Path:
    """The folder of the cache; each model has a folder of its own in it.

    Raises:
        RuntimeError: the user has no home folder.
    """
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA", "")
        base = Path(local) if local else Path.home() / "AppData" / "Local"
    else:
        # the XDG rules: a relative path is to be ignored
        given = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "posestride" / "tensorrt"


def engine_dir(card: Card, precision: str, limit_bytes: int = LIMIT_BYTES) -> Path | None:
    """The folder for a model's engines at 'fp16' or 'fp32', after making room; None, with a warning, if that fails."""
    try:
        root = cache_dir()
        # engines hold code for the GPU, so only their owner may write them
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = root / f"{card.name}-{card.sha256[:12]}-{precision}-ort{ort.__version__}"
        folder.mkdir(mode=0o700, exist_ok=True)
        os.utime(folder)  # the time of last use
        _make_room(root, folder, limit_bytes)
        if not any(folder.iterdir()):
            log.warning("TensorRT builds the engine of model %s (%s), once; this takes minutes", card.name, precision)
        return folder
    except (OSError, RuntimeError) as error:
        log.warning("TensorRT engines can't be kept (%s); each start builds them again, which takes minutes", error)
        return None


def size_bytes(folder: Path) -> int:
    """Size of the files below a folder; 0 if there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _make_room(root: Path, in_use: Path, limit_bytes: int) -> None:
    total = size_bytes(root)
    for folder in sorted((path for path in root.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime):
        if total <= limit_bytes:
            return
        if folder != in_use:
            total -= size_bytes(folder)
            shutil.rmtree(folder, ignore_errors=True)
