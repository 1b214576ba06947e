"""Shared parts of the verbs that write a model: an ONNX file with its card."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.runtime.cards import WEIGHTS_DIR


def add_target(parser: argparse.ArgumentParser) -> None:
    """Declare where a model is written."""
    parser.add_argument(
        "--weights", type=Path, default=WEIGHTS_DIR, metavar="DIR", help="folder to write to (default: weights/)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a model of this name")


def shown(parity: dict[str, float]) -> str:
    """Parity in words: the largest difference over all batch sizes."""
    return f"differs from PyTorch by {1000 * max(parity.values()):.1e} mm at most"
