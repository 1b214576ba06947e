"""Text of CSV rows, built by hand: ``csv.writer`` with formatted cells takes about twice as long."""

from __future__ import annotations

import numpy as np

from pipeline.arrays import F32, U8
from pipeline.types import Origin

TIME_DECIMALS = 6
SCORE_DECIMALS = 3
_LABELS = {int(origin): origin.label for origin in Origin}


def joint_cells(values: F32, decimals: int, score: F32, origin: U8) -> list[str]:
    """The cells of each joint: its coordinates, its score and its origin, joined by commas.

    Args:
        values: [J, D] coordinates; a NaN leaves its cell empty.
        decimals: decimal places of the coordinates.
        score: [J]; left empty where no coordinate of the joint is known.
        origin: [J], values of ``Origin``.
    """
    # Rounding first and adding 0 turns -0.0 into 0.0: '-0.00000' would look like a difference.
    rounded = np.round(values.astype(np.float64), decimals) + 0.0
    width = values.shape[1]
    if np.isfinite(rounded).all() and np.isfinite(score).all():
        form = ",".join([f"%.{decimals}f"] * width + [f"%.{SCORE_DECIMALS}f", "%s"])
        rows = zip(*rounded.T.tolist(), score.tolist(), [_LABELS[o] for o in origin.tolist()], strict=True)
        return [form % row for row in rows]
    return [
        _cells_with_gaps(row, decimals, s, _LABELS[o])
        for row, s, o in zip(rounded.tolist(), score.tolist(), origin.tolist(), strict=True)
    ]


def _cells_with_gaps(row: list[float], decimals: int, score: float, label: str) -> str:
    cells = [f"{value:.{decimals}f}" if np.isfinite(value) else "" for value in row]
    known = any(cells) and np.isfinite(score)
    return ",".join([*cells, f"{score:.{SCORE_DECIMALS}f}" if known else "", label])


def tidy_rows(head: str, joints: tuple[str, ...], cells: list[str]) -> bytes:
    """One line per joint: ``head``, the joint's name, its cells."""
    lines = [f"{head},{joint},{text}\n" for joint, text in zip(joints, cells, strict=True)]
    return "".join(lines).encode()


def wide_row(head: str, cells: list[str]) -> bytes:
    """One line: ``head``, then the cells of all joints."""
    return f"{head},{','.join(cells)}\n".encode()


def header(columns: list[str]) -> bytes:
    """The first line of a file."""
    return (",".join(columns) + "\n").encode()


def key(frame_index: int, time_s: float, track_id: int) -> str:
    """The cells ``frame,time_s,track_id`` that begin every row."""
    return f"{frame_index},{time_s:.{TIME_DECIMALS}f},{track_id}"


def wide_columns(joints: tuple[str, ...], suffixes: tuple[str, ...]) -> list[str]:
    """``pelvis_x_m, pelvis_y_m, ...`` for each joint."""
    return [f"{joint}_{suffix}" for joint in joints for suffix in suffixes]
