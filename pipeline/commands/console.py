"""Output of the command line: results to stdout, remarks to stderr."""

from __future__ import annotations

import sys
from contextlib import suppress


def say(words: str) -> None:
    """Print a result; if the terminal is gone, do nothing."""
    with suppress(OSError):
        print(words, flush=True)


def remark(words: str) -> None:
    """Print a remark to stderr; if the terminal is gone, do nothing."""
    with suppress(OSError):
        print(words, file=sys.stderr, flush=True)
