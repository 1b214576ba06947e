"""``models card``: figures of ``evaluate``, written into the lifter's card."""

from __future__ import annotations

import argparse
from pathlib import Path

from models.exchange.card_figures import annotate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``models card``."""
    parser.add_argument("card", type=Path, help="card of a lifter (.json)")
    parser.add_argument("figures", type=Path, nargs="+", help="files written by 'app.py evaluate --json'")


def execute(options: argparse.Namespace) -> int:
    """Write the figures into the card, and list the data sets that it now has figures for.

    Raises:
        DataError: a file can't be read, or holds no figures of this card's weights.
        ModelError: the card is not valid.
    """
    print(f"{options.card}: {', '.join(annotate(options.card, options.figures))}")
    return 0
