"""Compare the plain network with its two modifications: strided attention, and the frame-weighted sequence loss.

    python -m models.training.compare --data DIR --out RUN [--steps N] [--batch B] [--seeds 3] [--at-once K]

Every arm is trained from random weights for the same steps on the same data, once per seed, by ``train``, at 27
frames. What is finished under ``RUN`` is not trained again, so a broken run continues and a finished one only prints.
Out come a table (errors of the held-out people, mean and standard deviation over the seeds; milliseconds per window of
the network on the CPU), ``RUN/comparison.json`` and the curves as ``RUN/comparison.png``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from models.network.strided_transformer import Architecture, StridedTransformer
from pipeline.errors import ConfigError

WINDOW = 27
_METRICS = {"frame_mpjpe_mm": "MPJPE", "frame_p_mpjpe_mm": "P-MPJPE", "sequence_mpjpe_mm": "MPJPE, sequence head"}
_TIMED = 300
_SHOWN = 1.3  # the plot shows errors up to so many times the lowest
_COLOURS = {"base": "#444444", "strided": "#1f77b4", "strided + alpha_t": "#d62728"}


@dataclass(frozen=True)
class Arm:
    """One of the networks that are compared.

    Attributes:
        name: in table and plot.
        attention: 'full' or 'strided', in both encoders.
        weighted: whether the sequence loss has the frame weights alpha_t.
    """

    name: str
    attention: str
    weighted: bool


ARMS = (Arm("base", "full", False), Arm("strided", "strided", False), Arm("strided + alpha_t", "strided", True))


@dataclass(frozen=True)
class Run:
    """An arm with one seed."""

    arm: Arm
    seed: int
    folder: Path

    def log(self) -> list[dict[str, Any]]:
        """What ``models.training.train`` has written so far."""
        file = self.folder / "log.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def runs_under(out: Path, seeds: int) -> list[Run]:
    """All runs of a comparison, seed by seed, so that a broken one has whole comparisons in it."""
    return [Run(arm, seed, out / f"{arm.name.replace(' + ', '-')}-{seed}") for seed in range(seeds) for arm in ARMS]


def train_all(runs: list[Run], options: argparse.Namespace) -> None:
    """Train what is not finished, ``options.at_once`` runs at a time.

    Raises:
        ConfigError: a training failed; its output is above.
    """
    waiting = [run for run in runs if not _finished(run, options.steps)]
    active: dict[Run, subprocess.Popen[bytes]] = {}
    try:
        while waiting or active:
            while waiting and len(active) < options.at_once:
                run = waiting.pop(0)
                active[run] = subprocess.Popen(_command(run, options))
            time.sleep(0.5)
            for run, process in list(active.items()):
                if process.poll() is None:
                    continue
                del active[run]
                if process.returncode:
                    raise ConfigError(f"the training in {run.folder} ended with status {process.returncode}, see above")
    finally:
        for process in active.values():
            process.terminate()


def _finished(run: Run, steps: int) -> bool:
    return any(entry["step"] == steps for entry in run.log())


def _command(run: Run, options: argparse.Namespace) -> list[str]:
    words = [sys.executable, "-m", "models.training.train", "--window", str(WINDOW), "--out", str(run.folder)]
    words += ["--seed", str(run.seed), "--attention", run.arm.attention]
    for name in ("data", "steps", "batch", "width", "hidden", "threads"):
        words += [f"--{name}", str(getattr(options, name))]
    words += ["--save-every", str(options.save_every)]
    return words if run.arm.weighted else [*words, "--plain-sequence-loss"]


def table(runs: list[Run], steps: int, ms: dict[str, float]) -> list[dict[str, Any]]:
    """One row per arm that has finished runs: its figures after ``steps``."""
    rows = []
    for arm in ARMS:
        last = [entry for run in runs if run.arm == arm for entry in run.log() if entry["step"] == steps]
        if not last:
            continue
        row: dict[str, Any] = {"arm": arm.name, "seeds": len(last), "ms_per_window": round(ms[arm.attention], 3)}
        for metric in _METRICS:
            values = [entry[metric] for entry in last]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            row[metric] = {"mean": round(statistics.mean(values), 2), "sd": round(spread, 2)}
        rows.append(row)
    return rows


@torch.no_grad()
def milliseconds(width: int, hidden: int) -> dict[str, float]:
    """Median time of the network for one window on one CPU thread, by attention; measured in turn."""
    torch.set_num_threads(1)
    window = torch.randn(1, WINDOW, 17, 3)
    networks = {
        kind: StridedTransformer(
            Architecture(WINDOW, d_model=width, d_hidden=hidden, vanilla_attention=kind, strided_attention=kind)
        ).eval()
        for kind in ("full", "strided")
    }
    times: dict[str, list[float]] = {kind: [] for kind in networks}
    for _ in range(_TIMED):
        for kind, network in networks.items():
            start = time.perf_counter()
            network(window)
            times[kind].append(1000 * (time.perf_counter() - start))
    return {kind: statistics.median(values) for kind, values in times.items()}


def plot(runs: list[Run], path: Path) -> None:
    """Error of the held-out people over the steps, one line per run, one colour per arm."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, (metric, label) in zip(figure.subplots(1, 2), list(_METRICS.items())[:2], strict=True):
        for run in runs:
            log = run.log()
            axes.plot(
                [entry["step"] for entry in log],
                [entry[metric] for entry in log],
                color=_COLOURS[run.arm.name],
                linewidth=1,
                label=run.arm.name if run.seed == 0 else None,
            )
        # The beginning, where all fall alike, would flatten what is to be compared.
        best = min(entry[metric] for run in runs for entry in run.log())
        axes.set(xlabel="step", ylabel=f"{label}, mm (held-out people)", ylim=(0.98 * best, _SHOWN * best))
        axes.grid(True, alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.training.compare``."""
    parser = argparse.ArgumentParser(prog="compare", description="Compare the network with its modifications.")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and val.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the comparison; what is there is kept")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--at-once", type=int, default=1, help="trainings that run side by side")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of each (0: PyTorch's default)")
    parser.add_argument("--save-every", type=float, default=60, metavar="S", help="seconds between points of a curve")
    options = parser.parse_args(arguments)
    runs = runs_under(options.out, options.seeds)
    train_all(runs, options)
    rows = table(runs, options.steps, milliseconds(options.width, options.hidden))
    budget = {name: getattr(options, name) for name in ("steps", "batch", "width", "hidden")}
    (options.out / "comparison.json").write_text(
        json.dumps({"window": WINDOW, **budget, "arms": rows}, indent=2) + "\n"
    )
    plot(runs, options.out / "comparison.png")
    print(f"| {' | '.join(['network', 'seeds', *_METRICS.values(), 'ms per window'])} |")
    print(f"|{'---|' * (len(_METRICS) + 3)}")
    for row in rows:
        cells = [f"{row[metric]['mean']:.1f} ± {row[metric]['sd']:.1f}" for metric in _METRICS]
        print(f"| {row['arm']} | {row['seeds']} | {' | '.join(cells)} | {row['ms_per_window']:.2f} |")


if __name__ == "__main__":
    main()
