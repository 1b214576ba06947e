"""What the program says to its user."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(words: str) -> None:
    """Print the result; a terminal that has gone meanwhile is no reason to fail."""
    with suppress(OSError):
        print(words, flush=True)


def remark(words: str) -> None:
    """Print what is not the result, to stderr, likewise."""
    with suppress(OSError):
        print(words, file=sys.stderr, flush=True)
