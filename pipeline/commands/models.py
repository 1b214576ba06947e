"""``models list|verify``: the models in ``weights/``."""

from __future__ import annotations

import argparse

from pipeline.errors import ModelError
from pipeline.runtime.cards import WEIGHTS_DIR, Card, list_cards


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``models``."""
    parser.add_argument(
        "what", choices=("list", "verify"), help="list the models, or compare the files with their cards"
    )


def execute(options: argparse.Namespace) -> int:
    """List or verify; exit code 1 if a file does not fit its card.

    Raises:
        ModelError: there are no models at all, or a card is damaged.
    """
    cards = list_cards(Card)
    if not cards:
        raise ModelError(f"no models in {WEIGHTS_DIR}; restore it (git checkout weights/)")
    return _verify(cards) if options.what == "verify" else _list(cards)


def _list(cards: list[Card]) -> int:
    for card in cards:
        size = f"{card.model_path.stat().st_size / 1e6:.1f} MB" if card.model_path.is_file() else "MISSING"
        print(f"{card.name:20} {card.kind:9} {size:>9}  {card.description} ({card.licence})")
    return 0


def _verify(cards: list[Card]) -> int:
    failures = 0
    for card in cards:
        try:
            card.verify()
            print(f"{card.name:20} ok")
        except ModelError as error:
            failures += 1
            print(f"{card.name:20} FAILED: {error}")
    return 1 if failures else 0
