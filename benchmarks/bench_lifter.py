"""Milliseconds per frame of a lifter in ONNX Runtime, by batch size and threads; medians of interleaved rounds.

    python -m benchmarks.bench_lifter [MODEL ...] [--batches 1 16 32] [--threads 1 2] [--json FILE]

With no names: all lifters of weights/, on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np

from benchmarks.measuring import CPU, medians_ms, new_parser, start, write_figures
from pipeline.runtime import OnnxModel
from pipeline.runtime.cards import LifterCard, find_card, list_cards


@dataclass(frozen=True)
class Speed:
    """Median milliseconds per frame of a lifter."""

    lifter: str
    threads: int
    batch: int
    ms_per_frame: float


def measure(card: LifterCard, batches: Sequence[int], threads: Sequence[int], rounds: int) -> list[Speed]:
    """One figure for each number of threads and batch size."""
    rng = np.random.default_rng(0)
    models = {n: OnnxModel(card, CPU, n) for n in threads}
    inputs = {n: rng.normal(size=(n, card.window, card.joints, card.channels)).astype(np.float32) for n in batches}
    calls: dict[tuple[int, int], Callable[[], object]] = {
        (t, b): partial(models[t].run, inputs[b]) for t in threads for b in batches
    }
    return [Speed(card.name, t, b, ms / b) for (t, b), ms in medians_ms(calls, rounds).items()]


def main(arguments: list[str] | None = None) -> None:
    """Print one table.

    Raises:
        PoseStrideError: a model is missing, or the figures can't be written.
    """
    parser = new_parser("bench_lifter", __doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="lifters of weights/ (default: all)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 32])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=15, help="per median, default %(default)s")
    options = parser.parse_args(arguments)
    cards = [find_card(name, LifterCard) for name in options.models] or list_cards(LifterCard)
    print(f"{'lifter':16}{'threads':>8}" + "".join(f"{f'batch {b}':>12}" for b in options.batches) + "   ms per frame")
    speeds: list[Speed] = []
    for card in cards:
        found = measure(card, options.batches, options.threads, options.rounds)
        for t in options.threads:
            row = [speed.ms_per_frame for speed in found if speed.threads == t]
            print(f"{card.name:16}{t:>8}" + "".join(f"{ms:>12.2f}" for ms in row), flush=True)
        speeds += found
    write_figures(options.json, {"rows": [asdict(speed) for speed in speeds]})


if __name__ == "__main__":
    start(main)
