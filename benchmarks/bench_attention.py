"""Full against strided attention: multiply-adds and milliseconds per window, PyTorch and ONNX Runtime on the CPU.

    python -m benchmarks.bench_attention                              # published width
    python -m benchmarks.bench_attention --width 128 --hidden 256     # our small one

Both encoders have the kind of attention named; the weights are random, which changes no time. Both kinds and both
runtimes take turns in every round, and medians over the rounds are compared, so that a busy moment of the machine hits
all alike. Prints the tables of docs/attention.md.
"""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measuring import medians_ms, new_parser, start, write_figures
from models.exchange.export_onnx import export
from models.network.attention import KINDS
from models.network.flops import multiply_adds
from models.network.strided_transformer import STRIDES, Architecture, StridedTransformer

RUNTIMES = PYTORCH, ONNX_RUNTIME = "PyTorch", "ONNX Runtime"
_CALLS_OF_SMALL_BATCHES = 8

Run = Callable[[torch.Tensor], object]


@dataclass(frozen=True)
class Cost:
    """Multiply-adds per window with one kind of attention: all, its products, and all as PyTorch counts them."""

    multiply_adds: int
    products: int
    counted: float


@dataclass(frozen=True)
class Time:
    """Median milliseconds per window."""

    batch: int
    runtime: str
    kind: str
    ms: float


@dataclass(frozen=True)
class Found:
    """What a network with this window costs, by kind of attention, and takes."""

    window: int
    costs: dict[str, Cost]
    times: list[Time]

    def ms(self, batch: int, runtime: str) -> dict[str, float]:
        """Milliseconds by kind."""
        return {time.kind: time.ms for time in self.times if (time.batch, time.runtime) == (batch, runtime)}


def counted(network: StridedTransformer) -> float:
    """Multiply-adds per window as PyTorch counts them (its FLOPs are two per multiply-add)."""
    arch = network.arch
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, arch.window, arch.joints, arch.channels))
    return float(counter.get_total_flops()) / 2


def in_onnx_runtime(network: StridedTransformer, path: Path, threads: int) -> Run:
    """The network, exported to this path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # within torch.export
        export(network, path)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # threads that wait for work in a loop would take time from the other runtime's turn
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"keypoints": x.numpy()})


def _repeated(run: Run, x: torch.Tensor, calls: int) -> None:
    for _ in range(calls):
        run(x)


def times_of(runs: dict[tuple[str, str], Run], x: torch.Tensor, rounds: int) -> list[Time]:
    """The time of each run, by runtime and kind, on one batch."""
    batch = len(x)
    calls = max(1, _CALLS_OF_SMALL_BATCHES // batch)
    found = medians_ms({key: partial(_repeated, run, x, calls) for key, run in runs.items()}, rounds)
    return [Time(batch, runtime, kind, round(ms / calls / batch, 4)) for (runtime, kind), ms in found.items()]


def measure(arch: Architecture, batches: Sequence[int], runtimes: Sequence[str], rounds: int, threads: int) -> Found:
    """A network with this window and these widths, with either kind of attention."""
    rng = np.random.default_rng(0)
    costs: dict[str, Cost] = {}
    runs: dict[tuple[str, str], Run] = {}
    times: list[Time] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            torch.manual_seed(0)
            network = StridedTransformer(replace(arch, vanilla_attention=kind, strided_attention=kind)).eval()
            parts = multiply_adds(network.arch)
            products = sum(count for name, count in parts.items() if name.endswith("attention"))
            costs[kind] = Cost(sum(parts.values()), products, counted(network))
            if PYTORCH in runtimes:
                runs[PYTORCH, kind] = torch.inference_mode()(network)
            if ONNX_RUNTIME in runtimes:
                runs[ONNX_RUNTIME, kind] = in_onnx_runtime(network, Path(folder) / f"{kind}.onnx", threads)
        for batch in batches:
            x = rng.normal(size=(batch, arch.window, arch.joints, arch.channels)).astype(np.float32)
            times += times_of(runs, torch.from_numpy(x), rounds)
    return Found(arch.window, costs, times)


def cost_table(results: Sequence[Found]) -> str:
    """Markdown: millions of multiply-adds per window."""
    lines = [
        "| frames | full: all | attention only | strided: all | attention only | ratio of all | counter agrees |",
        "|---|---|---|---|---|---|---|",
    ]
    for found in results:
        costs = [found.costs[kind] for kind in KINDS]
        cells = [f"{n / 1e6:.2f}" for cost in costs for n in (cost.multiply_adds, cost.products)]
        off = {kind: cost.counted for kind, cost in found.costs.items() if cost.counted != cost.multiply_adds}
        ratio = found.costs["full"].multiply_adds / found.costs["strided"].multiply_adds
        lines.append(f"| {found.window} | {' | '.join(cells)} | {ratio:.2f} | {f'no: {off}' if off else 'yes'} |")
    return "\n".join(lines)


def time_table(results: Sequence[Found]) -> str:
    """Markdown: milliseconds per window, and full / strided (above 1, strided attention is the faster one)."""
    runtimes = list(dict.fromkeys(time.runtime for found in results for time in found.times))
    lines = [
        "| frames | batch | " + " | ".join(f"{runtime}: full | strided | ratio" for runtime in runtimes) + " |",
        "|---" * (2 + 3 * len(runtimes)) + "|",
    ]
    for found in results:
        for batch in dict.fromkeys(time.batch for time in found.times):
            cells = []
            for runtime in runtimes:
                ms = found.ms(batch, runtime)
                cells += [f"{ms['full']:.2f}", f"{ms['strided']:.2f}", f"{ms['full'] / ms['strided']:.2f}"]
            lines.append(f"| {found.window} | {batch} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Print both tables.

    Raises:
        ExportError: the figures can't be written.
    """
    parser = new_parser("bench_attention", __doc__)
    parser.add_argument("--windows", type=int, nargs="+", default=sorted(STRIDES), choices=sorted(STRIDES))
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--runtimes", nargs="+", default=list(RUNTIMES), choices=RUNTIMES, help="default: both")
    parser.add_argument("--width", type=int, default=256, help="channels (d_model; published: 256)")
    parser.add_argument("--hidden", type=int, default=512, help="width of the feed-forward parts (published: 512)")
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=15, help="per median")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each runtime")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it reports packages that are not needed
    results = []
    for window in options.windows:
        arch = Architecture(window, d_model=options.width, d_hidden=options.hidden, heads=options.heads)
        results.append(measure(arch, options.batches, options.runtimes, options.rounds, options.threads))
    size = f"{options.width} channels, hidden {options.hidden}, {options.heads} heads"
    print(f"Millions of multiply-adds per window, {size}\n\n{cost_table(results)}\n")
    print(f"Milliseconds per window, {options.threads} thread(s), medians of {options.rounds}\n\n{time_table(results)}")
    write_figures(options.json, {**vars(options), "json": None, "results": [asdict(found) for found in results]})


if __name__ == "__main__":
    start(main)
