"""Milliseconds per frame of a lifter in ONNX Runtime, by batch size and threads; medians of interleaved rounds.

python -m benchmarks.bench_lifter [MODEL ...]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from pipeline.runtime import Device, OnnxModel
from pipeline.runtime.cards import Card, find_card, list_cards

_ROUNDS = 15


def measure(card: Card, batches: list[int], threads: list[int]) -> dict[tuple[int, int], float]:
    """Median milliseconds per frame by (threads, batch)."""
    arch = card.data["architecture"]
    rng = np.random.default_rng(0)
    models = {n: OnnxModel(card, Device("cpu"), n) for n in threads}
    inputs = {
        n: rng.normal(size=(n, arch["window"], arch["joints"], arch["channels"])).astype(np.float32) for n in batches
    }
    times: dict[tuple[int, int], list[float]] = {(t, b): [] for t in threads for b in batches}
    for round_number in range(_ROUNDS + 2):
        for t, b in times:
            started = time.perf_counter()
            models[t].run(inputs[b])
            if round_number >= 2:  # the first calls allocate
                times[t, b].append((time.perf_counter() - started) / b)
    return {key: 1000 * float(np.median(values)) for key, values in times.items()}


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="lifters of weights/ (default: all)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 32])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    cards = [find_card(name, "lifter") for name in options.models] or list_cards("lifter")
    print(f"{'lifter':16}{'threads':>8}" + "".join(f"{f'batch {b}':>12}" for b in options.batches) + "   ms per frame")
    for card in cards:
        found = measure(card, options.batches, options.threads)
        for t in options.threads:
            print(f"{card.name:16}{t:>8}" + "".join(f"{found[t, b]:>12.2f}" for b in options.batches))


if __name__ == "__main__":
    main()
