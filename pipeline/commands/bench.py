"""``bench``: speed and latency of the whole road on a source, per stage."""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from pipeline.commands.console import remark
from pipeline.commands.interrupt import stopping
from pipeline.commands.options import (
    add_model_arguments,
    add_motion_arguments,
    add_source_arguments,
    load_models,
    run_options,
)
from pipeline.commands.run import timings
from pipeline.errors import ConfigError
from pipeline.export.results import Outputs
from pipeline.export.run_json import write_run_json
from pipeline.render.compose import Composer
from pipeline.run.pipeline import Pipeline
from pipeline.run.results import Statistics
from pipeline.sources import open_source
from pipeline.sources.paced import Paced


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``bench``."""
    add_source_arguments(parser)
    add_model_arguments(parser)
    add_motion_arguments(parser)
    parser.add_argument("--live", action="store_true", help="play the recording like a camera: late frames are dropped")
    parser.add_argument("--no-video", action="store_true", help="neither draw nor encode")
    parser.add_argument(
        "--record", action="store_true", help="with --live: encode what is drawn, as 'run --record' does"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")


def execute(options: argparse.Namespace) -> int:
    """Run the source once into a temporary folder and print the figures; returns the exit code, as that of ``run``.

    Raises:
        PoseStrideError: what went wrong.
    """
    if options.json is not None and not options.json.parent.is_dir():
        raise ConfigError(f"--json {options.json}: there is no folder {options.json.parent}; create it first")
    with closing(open_source(options.source, start_s=options.start, end_s=options.end, fps=options.fps)) as opened:
        if options.live and opened.info.live:
            raise ConfigError(
                f"--live plays a recording like a camera, but {opened.info.name} is live already; leave it out"
            )
        source = Paced(opened) if options.live else opened
        models = load_models(options, source.info.live, draws=not options.no_video)
        info = source.info
        composer = None if options.no_video else Composer(info.width_px, info.height_px)
        if options.record and not info.live:
            raise ConfigError("--record belongs to --live: a recording is encoded anyway, unless --no-video is given")
        with closing(models.detector):
            pipeline = Pipeline(source, models.detector, models.lifter, composer, run_options(options))
            with stopping(pipeline.stop) as stop:
                statistics = _measure(pipeline, options)
    figures = _figures(statistics)
    print(_table(figures))
    if options.json is not None:
        write_run_json(options.json, figures)
    if stop.interrupt is None:
        return 0
    remark(f"{stop.interrupt}: these are the figures of a part")
    return stop.interrupt.exit_code


def _measure(pipeline: Pipeline, options: argparse.Namespace) -> Statistics:
    composer = pipeline.composer
    with tempfile.TemporaryDirectory() as name:
        options = argparse.Namespace(**{"wide": False, "npz": False, **vars(options)})
        size = composer.output_size if composer else None
        with Outputs(Path(name), options, pipeline.source.info, size) as outputs:
            return pipeline.run(outputs.take, film=outputs if pipeline.source.info.live else None)


def _figures(statistics: Statistics) -> dict[str, Any]:
    figures = timings(statistics)
    stages = figures["stages"]
    busy = sum(stage["seconds_total"] for name, stage in stages.items() if name != "wait")
    for name, stage in stages.items():
        stage["share"] = round(stage["seconds_total"] / busy, 3) if busy and name != "wait" else None
    return {
        **figures,
        "frames": statistics.frames,
        "frames_with_person": statistics.frames_with_person,
        "dropped_frames": statistics.dropped,
        "pictures": statistics.pictures,
        "not_drawn": statistics.not_drawn,
        "peak_memory_mb": round(_peak_memory_mb(), 1),
    }


def _peak_memory_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _table(figures: dict[str, Any]) -> str:
    def shown(value: float | None, unit: str) -> str:
        return "-" if value is None else f"{value:.1f} {unit}"

    lines = [
        f"{figures['frames']} frames ({figures['dropped_frames']} dropped, {figures['pictures']} drawn), "
        f"{figures['fps']:.1f} frames/s, latency "
        f"{shown(figures['latency_ms_median'], 'ms')} (median), {shown(figures['latency_ms_p95'], 'ms')} (95 %), "
        f"peak memory {figures['peak_memory_mb']:.0f} MB",
        f"{'stage':10}{'ms per frame (median)':>24}{'share of the work':>20}",
    ]
    for name, stage in figures["stages"].items():
        share = "-" if stage["share"] is None else f"{100 * stage['share']:.0f} %"
        lines.append(f"{name:10}{shown(stage['ms_median'], ''):>24}{share:>20}")
    return "\n".join(lines)
