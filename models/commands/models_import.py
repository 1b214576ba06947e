"""``models import``: a published checkpoint of the Strided Transformer, as an ONNX file with its card."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.commands.model_files import add_target, shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``models import``."""
    parser.add_argument("checkpoint", type=Path, help="a published no_refine_*.pth (network) or refine_*.pth (module)")
    parser.add_argument("name", help="name of the model, as in official-351")
    add_target(parser)


def execute(options: argparse.Namespace) -> int:
    """Import the model and print its path.

    Raises:
        PoseStrideError: the model can't be imported.
    """
    from models.exchange.checkpoints import import_published

    model, parity = import_published(options.checkpoint, options.name, options.weights, options.overwrite)
    print(f"wrote {model.card} ({shown(parity)})")
    return 0
