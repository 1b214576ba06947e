"""``bench``: speed and latency of the whole road on a source, per stage."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline.commands.console import remark
from pipeline.commands.interrupt import stopping
from pipeline.commands.options import (
    add_model_arguments,
    add_motion_arguments,
    add_source_arguments,
    model_options,
    motion_options,
    source_options,
)
from pipeline.errors import ConfigError
from pipeline.export.run_json import write_run_json
from pipeline.job import Job, Observer, Wants
from pipeline.job_options import JobOptions, ResultOptions
from pipeline.job_report import Counts, Report, Timings

_WAITING = "wait"  # the source stage of a live run, which is no work


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``bench``."""
    add_source_arguments(parser)
    add_model_arguments(parser)
    add_motion_arguments(parser)
    parser.add_argument("--live", action="store_true", help="play the clip like a camera: late frames are dropped")
    parser.add_argument("--no-video", action="store_true", help="neither draw nor encode")
    parser.add_argument(
        "--record", action="store_true", help="with --live: encode what is drawn, as 'run --record' does"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")


class _Pictures(Observer):
    """Asks for pictures and ignores them, like a screen that takes no time."""

    def begin(self, job: Job) -> Wants:
        """Ask for pictures."""
        return Wants.PICTURES


@dataclass(frozen=True, slots=True)
class Figures:
    """Times, counts and memory of a run.

    Attributes:
        timings, counts: as in the report.
        shares: stage -> its share of the time of all stages; None for waiting.
        peak_memory_mb: peak of the whole process.
    """

    timings: Timings
    counts: Counts
    shares: dict[str, float | None]
    peak_memory_mb: float


def execute(options: argparse.Namespace) -> int:
    """Run the source once into a temporary folder and print the figures; returns the exit code, like ``run``.

    Raises:
        PoseStrideError: the run failed.
    """
    if options.json is not None and not options.json.parent.is_dir():
        raise ConfigError("--json", options.json, f"lies in no folder: create {options.json.parent} first")
    draws = not options.no_video
    asked = JobOptions(
        source=source_options(options, paced=options.live),
        preset=options.preset,
        models=model_options(options),
        motion=motion_options(options),
        results=ResultOptions(video=draws, record=options.record and draws),
    )
    with tempfile.TemporaryDirectory() as folder, Job(asked, folder, [_Pictures()] if draws else []) as job:
        if options.record and not job.source.info.live:
            raise ConfigError(
                "--record", None, "belongs to --live: a clip is encoded anyway, unless --no-video is given"
            )
        with stopping(job.interrupt) as stop:
            report = job.run()
    figures = _figures(report)
    print(_table(figures))
    if options.json is not None:
        write_run_json(options.json, asdict(figures))
    if stop.interrupt is None:
        return 0
    remark(f"{stop.interrupt}: these figures cover only a part of the source")
    return stop.interrupt.exit_code


def _figures(report: Report) -> Figures:
    stages = report.timings.stages
    busy_s = sum(stage.seconds_total for name, stage in stages.items() if name != _WAITING)
    shares = {
        name: round(stage.seconds_total / busy_s, 3) if busy_s and name != _WAITING else None
        for name, stage in stages.items()
    }
    return Figures(report.timings, report.counts, shares, round(_peak_memory_mb(), 1))


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _table(figures: Figures) -> str:
    def shown(value: float | None, unit: str) -> str:
        return "-" if value is None else f"{value:.1f} {unit}"

    counts, timings = figures.counts, figures.timings
    lines = [
        f"{counts.frames} frames ({counts.dropped_frames} dropped, {counts.pictures} drawn), "
        f"{timings.fps:.1f} frames/s, latency "
        f"{shown(timings.latency_ms_median, 'ms')} (median), {shown(timings.latency_ms_p95, 'ms')} (95 %), "
        f"peak memory {figures.peak_memory_mb:.0f} MB",
        f"{'stage':10}{'ms per frame (median)':>24}{'share of the work':>20}",
    ]
    for name, stage in timings.stages.items():
        share = figures.shares[name]
        lines.append(f"{name:10}{shown(stage.ms_median, ''):>24}{'-' if share is None else f'{100 * share:.0f} %':>20}")
    return "\n".join(lines)
