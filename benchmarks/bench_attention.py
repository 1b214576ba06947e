"""Full against strided attention: multiply-adds and milliseconds per window, PyTorch and ONNX Runtime on the CPU.

    python -m benchmarks.bench_attention                              # published width
    python -m benchmarks.bench_attention --width 128 --hidden 256     # our small one

Both encoders have the kind of attention named; the weights are random, which changes no time. Both kinds and both
runtimes take turns in every round, and medians over the rounds are compared, so that a busy moment of the machine hits
all alike. Prints the tables of docs/attention.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from torch.utils.flop_counter import FlopCounterMode

from models.exchange.export_onnx import export
from models.network.attention import KINDS
from models.network.flops import multiply_adds
from models.network.strided_transformer import STRIDES, Architecture, StridedTransformer

RUNTIMES = ("PyTorch", "ONNX Runtime")
_WARM_UP = 2  # the first calls allocate
_CALLS_OF_SMALL_BATCHES = 8


def counted(network: StridedTransformer) -> float:
    """Multiply-adds per window as PyTorch counts them (its FLOPs are two per multiply-add)."""
    arch = network.arch
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, arch.window, arch.joints, arch.channels))
    return counter.get_total_flops() / 2


def sessions(network: StridedTransformer, path: Path, threads: int) -> dict[str, Callable[[torch.Tensor], object]]:
    """The network in both runtimes, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # within torch.export
        export(network, path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # threads that wait for work in a loop would take time from the other runtime's turn
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return {
        "PyTorch": torch.inference_mode()(network),
        "ONNX Runtime": lambda x: session.run(None, {"keypoints": x.numpy()}),
    }


def medians_ms(
    runs: dict[tuple[str, str], Callable[[torch.Tensor], object]], x: torch.Tensor, rounds: int
) -> dict[tuple[str, str], float]:
    """Median milliseconds per window of each run; they take turns."""
    calls = max(1, _CALLS_OF_SMALL_BATCHES // len(x))
    times: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
    for number in range(_WARM_UP + rounds):
        for key, run in runs.items():
            started = time.perf_counter()
            for _ in range(calls):
                run(x)
            if number >= _WARM_UP:
                times[key].append((time.perf_counter() - started) / calls / len(x))
    return {key: 1000 * float(np.median(values)) for key, values in times.items()}


def measure(arch: Architecture, batches: list[int], rounds: int, threads: int) -> dict[str, Any]:
    """Cost by kind, and ``ms`` by batch, runtime and kind, of a network with this window and these widths."""
    rng = np.random.default_rng(0)
    found: dict[str, Any] = {"window": arch.window, "multiply_adds": {}, "counted": {}, "products": {}, "ms": {}}
    runs = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            torch.manual_seed(0)
            network = StridedTransformer(replace(arch, vanilla_attention=kind, strided_attention=kind)).eval()
            parts = multiply_adds(network.arch)
            found["multiply_adds"][kind] = sum(parts.values())
            found["products"][kind] = sum(count for name, count in parts.items() if name.endswith("attention"))
            found["counted"][kind] = counted(network)
            for runtime, run in sessions(network, Path(folder) / f"{kind}.onnx", threads).items():
                runs[runtime, kind] = run
        for batch in batches:
            x = rng.normal(size=(batch, arch.window, arch.joints, arch.channels)).astype(np.float32)
            ms = medians_ms(runs, torch.from_numpy(x), rounds)
            found["ms"][batch] = {r: {kind: round(ms[r, kind], 4) for kind in KINDS} for r in RUNTIMES}
    return found


def cost_table(results: list[dict[str, Any]]) -> str:
    """Markdown: millions of multiply-adds per window."""
    lines = [
        "| frames | full: all | attention only | strided: all | attention only | ratio of all | counter agrees |",
        "|---|---|---|---|---|---|---|",
    ]
    for found in results:
        total, products = found["multiply_adds"], found["products"]
        cells = [f"{n / 1e6:.2f}" for kind in KINDS for n in (total[kind], products[kind])]
        agrees = "yes" if found["counted"] == total else f"no: {found['counted']}"
        ratio = total["full"] / total["strided"]
        lines.append(f"| {found['window']} | {' | '.join(cells)} | {ratio:.2f} | {agrees} |")
    return "\n".join(lines)


def time_table(results: list[dict[str, Any]]) -> str:
    """Markdown: milliseconds per window, and full / strided (above 1, strided attention is the faster one)."""
    lines = [
        "| frames | batch | " + " | ".join(f"{r}: full | strided | ratio" for r in RUNTIMES) + " |",
        "|---" * (2 + 3 * len(RUNTIMES)) + "|",
    ]
    for found in results:
        for batch, by_runtime in found["ms"].items():
            cells = []
            for ms in by_runtime.values():
                cells += [f"{ms['full']:.2f}", f"{ms['strided']:.2f}", f"{ms['full'] / ms['strided']:.2f}"]
            lines.append(f"| {found['window']} | {batch} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="bench_attention", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--windows", type=int, nargs="+", default=sorted(STRIDES), choices=sorted(STRIDES))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--width", type=int, default=256, help="channels (d_model; published: 256)")
    parser.add_argument("--hidden", type=int, default=512, help="width of the feed-forward parts (published: 512)")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15, help="per median")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each runtime")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports packages that are not needed
    results = []
    for window in options.windows:
        arch = Architecture(window, d_model=options.width, d_hidden=options.hidden, heads=options.heads)
        results.append(measure(arch, options.batches, options.rounds, options.threads))
    size = f"{options.width} channels, hidden {options.hidden}, {options.heads} heads"
    print(f"Millions of multiply-adds per window, {size}\n\n{cost_table(results)}\n")
    print(f"Milliseconds per window, {options.threads} thread(s), medians of {options.rounds}\n\n{time_table(results)}")
    if options.json:
        options.json.write_text(json.dumps(vars(options) | {"json": None, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
