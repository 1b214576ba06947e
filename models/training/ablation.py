"""The ablation: the plain network against its two modifications, strided attention and frame-weighted sequence loss.

Every arm is trained from random weights for the same steps on the same data, once per seed, by ``app.py train`` in a
process of its own, at 27 frames. Trainings that are finished under ``RUN`` are kept, so an interrupted comparison
continues and a finished one only prints. The results are a table (errors of the held-out people, mean and standard
deviation over the seeds; milliseconds per window of the network on the CPU), ``RUN/comparison.json`` and the curves
as ``RUN/comparison.png``.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, cast

import torch

from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.loop import LOG
from pipeline.errors import DataError
from pipeline.skeletons import H36M_17

WINDOW = 27
_APP = Path(__file__).parents[2] / "app.py"
_TIMED = 300
_SHOWN = 1.3  # the plot shows errors up to this multiple of the lowest
_COLOURS = {"base": "#444444", "strided": "#1f77b4", "strided + alpha_t": "#d62728"}


class Point(TypedDict):
    """The fields of a line of a training's log that are used here; errors in mm."""

    step: int
    frame_mpjpe_mm: float
    frame_p_mpjpe_mm: float
    sequence_mpjpe_mm: float


class Spread(TypedDict):
    """Mean and standard deviation over the seeds."""

    mean: float
    sd: float


class Row(TypedDict):
    """The figures of an arm."""

    arm: str
    seeds: int
    ms_per_window: float
    frame_mpjpe_mm: Spread
    frame_p_mpjpe_mm: Spread
    sequence_mpjpe_mm: Spread


Metric = Literal["frame_mpjpe_mm", "frame_p_mpjpe_mm", "sequence_mpjpe_mm"]
_METRICS: dict[Metric, str] = {
    "frame_mpjpe_mm": "MPJPE",
    "frame_p_mpjpe_mm": "P-MPJPE",
    "sequence_mpjpe_mm": "MPJPE, sequence head",
}


@dataclass(frozen=True)
class Ablation:
    """A comparison.

    Attributes:
        data: folder with train.npz and val.npz.
        out: folder of the comparison; finished trainings in it are kept.
        seeds: trainings of each arm.
        at_once: trainings that run side by side.
        threads: CPU threads of each; 0: PyTorch's default.
        save_every_s: seconds between points of a curve.
        steps, batch, width, hidden: settings of each training.
    """

    data: Path
    out: Path
    seeds: int
    at_once: int
    threads: int
    save_every_s: float
    steps: int
    batch: int
    width: int
    hidden: int


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

    def log(self) -> list[Point]:
        """The curve so far."""
        file = self.folder / LOG
        return [cast(Point, json.loads(line)) for line in file.read_text().splitlines()] if file.exists() else []


def runs_under(out: Path, seeds: int) -> list[Run]:
    """All runs of a comparison, seed by seed, so that an interrupted one has complete seeds in it."""
    return [Run(arm, seed, out / f"{arm.name.replace(' + ', '-')}-{seed}") for seed in range(seeds) for arm in ARMS]


def train_all(runs: list[Run], ablation: Ablation) -> None:
    """Train the unfinished runs, ``ablation.at_once`` at a time.

    Raises:
        DataError: a training failed; its output is above.
    """
    waiting = [run for run in runs if not _finished(run, ablation.steps)]
    active: dict[Run, subprocess.Popen[bytes]] = {}
    try:
        while waiting or active:
            while waiting and len(active) < ablation.at_once:
                run = waiting.pop(0)
                active[run] = subprocess.Popen(_command(run, ablation))
            time.sleep(0.5)
            for run, process in list(active.items()):
                if process.poll() is None:
                    continue
                del active[run]
                if process.returncode:
                    raise DataError(f"the training in {run.folder} ended with status {process.returncode}, see above")
    finally:
        for process in active.values():
            process.terminate()


def _finished(run: Run, steps: int) -> bool:
    return any(entry["step"] == steps for entry in run.log())


def _command(run: Run, ablation: Ablation) -> list[str]:
    words = [sys.executable, str(_APP), "train", "--window", str(WINDOW), "--out", str(run.folder)]
    words += ["--seed", str(run.seed), "--attention", run.arm.attention, "--save-every", str(ablation.save_every_s)]
    for name in ("data", "steps", "batch", "width", "hidden", "threads"):
        words += [f"--{name}", str(getattr(ablation, name))]
    return words if run.arm.weighted else [*words, "--plain-sequence-loss"]


def table(runs: list[Run], steps: int, ms: dict[str, float]) -> list[Row]:
    """One row per arm that has finished runs: its figures after ``steps``.

    Args:
        runs: runs of the comparison.
        steps: steps of each training.
        ms: attention -> milliseconds per window.
    """
    rows: list[Row] = []
    for arm in ARMS:
        last = [point for run in runs if run.arm == arm for point in run.log() if point["step"] == steps]
        if last:
            rows.append(
                {
                    "arm": arm.name,
                    "seeds": len(last),
                    "ms_per_window": round(ms[arm.attention], 3),
                    "frame_mpjpe_mm": _spread([point["frame_mpjpe_mm"] for point in last]),
                    "frame_p_mpjpe_mm": _spread([point["frame_p_mpjpe_mm"] for point in last]),
                    "sequence_mpjpe_mm": _spread([point["sequence_mpjpe_mm"] for point in last]),
                }
            )
    return rows


def _spread(values: list[float]) -> Spread:
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": round(statistics.mean(values), 2), "sd": round(sd, 2)}


@torch.no_grad()
def milliseconds(width: int, hidden: int) -> dict[str, float]:
    """Median time of the network for one window on one CPU thread, by attention; measured in turn."""
    torch.set_num_threads(1)
    window = torch.randn(1, WINDOW, len(H36M_17), 3)
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
        # The beginning, where all curves fall alike, would flatten their differences.
        best = min(entry[metric] for run in runs for entry in run.log())
        axes.set(xlabel="step", ylabel=f"{label}, mm (held-out people)", ylim=(0.98 * best, _SHOWN * best))
        axes.grid(True, alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)


def compare(ablation: Ablation) -> None:
    """Train the missing runs, then print the table, store the figures, draw the curves.

    Raises:
        DataError: a training failed; its output is above.
    """
    runs = runs_under(ablation.out, ablation.seeds)
    train_all(runs, ablation)
    rows = table(runs, ablation.steps, milliseconds(ablation.width, ablation.hidden))
    budget = {name: getattr(ablation, name) for name in ("steps", "batch", "width", "hidden")}
    (ablation.out / "comparison.json").write_text(
        json.dumps({"window": WINDOW, **budget, "arms": rows}, indent=2) + "\n"
    )
    plot(runs, ablation.out / "comparison.png")
    print(f"| {' | '.join(['network', 'seeds', *_METRICS.values(), 'ms per window'])} |")
    print(f"|{'---|' * (len(_METRICS) + 3)}")
    for row in rows:
        cells = [f"{row[metric]['mean']:.1f} ± {row[metric]['sd']:.1f}" for metric in _METRICS]
        print(f"| {row['arm']} | {row['seeds']} | {' | '.join(cells)} | {row['ms_per_window']:.2f} |")
