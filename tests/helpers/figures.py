"""Figures of evaluations."""

from __future__ import annotations


def measured(figure: float | None) -> float:
    """A figure of something that was there to measure."""
    assert figure is not None
    return figure
