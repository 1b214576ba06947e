"""``models export``: a trained model as an ONNX file with its card."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.commands.model_files import add_target, shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``models export``."""
    parser.add_argument("checkpoint", type=Path, help="RUN/checkpoint.pt of a lifter, or RUN/refine.pt of a module")
    parser.add_argument("name", help="name of the model, as in my-lift-27")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with train.npz and val.npz")
    add_target(parser)


def execute(options: argparse.Namespace) -> int:
    """Export the model and print its path.

    Raises:
        PoseStrideError: the model can't be exported.
    """
    from models.exchange.trained import export_trained

    model, parity = export_trained(options.checkpoint, options.name, options.data, options.weights, options.overwrite)
    print(f"wrote {model.card} ({shown(parity)})")
    return 0
