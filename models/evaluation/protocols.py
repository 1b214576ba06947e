"""The published protocols: errors on the sequences of a data set, and their tables.

Protocol 1 is MPJPE, protocol 2 P-MPJPE (see ``models/evaluation/metrics.py``). Every frame of every camera counts once
within its column (an action of Human3.6M; an action of one subject of HumanEva-I), every column once in the average.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from models.data.videopose3d import CameraSequence
from models.evaluation.metrics import mpjpe, n_mpjpe, p_mpjpe

F32 = NDArray[np.float32]

METRICS: dict[str, Callable[[NDArray[np.floating], NDArray[np.floating]], NDArray[np.float64]]] = {
    "mpjpe_mm": mpjpe,
    "p_mpjpe_mm": p_mpjpe,
    "n_mpjpe_mm": n_mpjpe,
}
TITLES = {
    "mpjpe_mm": "Protocol 1: MPJPE, mm",
    "p_mpjpe_mm": "Protocol 2: P-MPJPE (rigid alignment with scale), mm",
    "n_mpjpe_mm": "N-MPJPE (best size only), mm",
}

AVERAGE = "average"
"""Key of the mean over the columns in a score."""


class SequenceLifter(Protocol):
    """Lifts whole sequences."""

    def __call__(self, sequence: CameraSequence) -> F32:
        """Poses [T, J, 3], metres, relative to the pelvis, camera axes."""


@dataclass(frozen=True)
class Scores:
    """Mean errors and counts of a protocol.

    Attributes:
        by_metric: key of ``METRICS`` -> column -> mean error in mm; ``AVERAGE`` is the mean over the columns.
        frames: column -> number of poses in its mean.
    """

    by_metric: dict[str, dict[str, float]]
    frames: dict[str, int]


def judge(
    lift: SequenceLifter,
    sequences: Iterable[CameraSequence],
    column_of: Callable[[CameraSequence], str] = lambda sequence: sequence.label,
    progress: Callable[[CameraSequence], None] = lambda sequence: None,
) -> Scores:
    """Lift every sequence and average its errors by column.

    Args:
        lift: the lifter; its pelvis is set to zero.
        sequences: sequences of one data set.
        column_of: the column that a sequence counts for; by default its action.
        progress: called with each finished sequence.
    """
    errors: dict[str, dict[str, list[NDArray[np.float64]]]] = {}
    for sequence in sequences:
        predicted = lift(sequence).copy()
        predicted[:, 0] = 0
        own = errors.setdefault(column_of(sequence), {name: [] for name in METRICS})
        for name, metric in METRICS.items():
            own[name].append(metric(predicted, sequence.relative_m))
        progress(sequence)
    means = {
        name: {column: 1000 * float(np.concatenate(own[name]).mean()) for column, own in errors.items()}
        for name in METRICS
    }
    for columns in means.values():
        columns[AVERAGE] = float(np.mean(list(columns.values())))
    frames = {column: sum(map(len, own["mpjpe_mm"])) for column, own in errors.items()}
    return Scores(means, frames)


def table(rows: Mapping[str, Mapping[str, float]], columns: Mapping[str, str]) -> str:
    """A table in the published layout: one line per method, one column per action, the average last.

    Args:
        rows: name of the method -> column -> error, as in ``Scores.by_metric``.
        columns: key -> title, in order; a column that a row lacks shows a dash and is not in its average.
    """
    titles = [*columns.values(), "Avg."]
    name_width = max(map(len, rows), default=0)
    widths = [max(len(title), 5) for title in titles]
    lines = [" ".join([" " * name_width, *(title.rjust(width) for title, width in zip(titles, widths, strict=True))])]
    for name, values in rows.items():
        cells = [f"{values[key]:.1f}" if key in values else "-" for key in (*columns, AVERAGE)]
        padded = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append(" ".join([name.ljust(name_width), *padded]))
    return "\n".join(lines)
