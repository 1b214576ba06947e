"""``run``: a source to CSV, video and run.json."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path

from pipeline.commands.console import remark, say
from pipeline.commands.interrupt import stopping
from pipeline.commands.live_view import LiveView
from pipeline.commands.options import (
    add_live_arguments,
    add_model_arguments,
    add_motion_arguments,
    add_refine_argument,
    add_source_arguments,
    live_options,
    model_options,
    motion_options,
    source_options,
)
from pipeline.commands.progress import Progress
from pipeline.export.formats import format_names
from pipeline.job import RUN_JSON, Job, Observer
from pipeline.job_options import JobOptions, ResultOptions
from pipeline.job_report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``run``."""
    add_source_arguments(parser)
    add_live_arguments(parser)
    add_model_arguments(parser)
    add_motion_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: out/<source>)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are already there")
    parser.add_argument("--height", type=float, metavar="M", help="the person's height in metres (default: 1.70)")
    parser.add_argument("--focal-px", type=float, metavar="F", help="the camera's focal length in pixels, if known")
    add_refine_argument(parser)
    parser.add_argument(
        "--formats",
        default="csv",
        metavar="NAMES",
        help=f"files with the poses, separated by commas: {', '.join(format_names())} (default: csv)",
    )
    parser.add_argument("--wide", action="store_true", help="CSV with one row per frame instead of one per joint")
    parser.add_argument("--npz", action="store_true", help="add npz to --formats")
    parser.add_argument("--no-video", action="store_true", help="clips: do not write overlay.mp4")
    parser.add_argument("--record", action="store_true", help="cameras and streams: write overlay.mp4 (key r: later)")
    parser.add_argument("--no-display", action="store_true", help="no window (cameras open one if there is a screen)")


def execute(options: argparse.Namespace) -> int:
    """Run; returns the exit code: 0, or 128 + the signal that ended it (130: Ctrl-C).

    Raises:
        PoseStrideError: the run failed; finished results are kept.
    """
    asked = job_options(options)
    with ExitStack() as stack:
        observers: list[Observer] = [] if options.no_display else [stack.enter_context(LiveView())]
        observers.append(stack.enter_context(Progress()))
        job = stack.enter_context(Job(asked, options.out, observers))
        for note in _unused(options, job.source.info.live):
            remark(f"note: {note}")
        assert job.models is not None
        lifter = job.models.lifter.models.get("lifter")
        if lifter is not None:
            remark(f"running on {lifter.device}")
        with stopping(job.interrupt) as stop:
            report = job.run()
    say(summary(report, job.folder))
    return 0 if stop.interrupt is None else stop.interrupt.exit_code


def job_options(options: argparse.Namespace) -> JobOptions:
    """The job that the options of ``run`` describe.

    Raises:
        ConfigError: a value, or a combination of values, is not valid.
    """
    formats = [name.strip() for name in options.formats.split(",") if name.strip()]
    return JobOptions(
        source=source_options(options),
        preset=options.preset,
        models=model_options(options, options.refine),
        motion=motion_options(options, options.height, options.focal_px),
        results=ResultOptions(
            formats=tuple(dict.fromkeys([*formats, *(["npz"] if options.npz else [])])),
            wide=options.wide,
            video=not options.no_video,
            record=options.record,
            overwrite=options.overwrite,
        ),
        live=live_options(options),
    )


def _unused(options: argparse.Namespace, live: bool) -> list[str]:
    """Notes about options that do nothing with this kind of source."""
    if live:
        return ["--no-video is for clips; live sources are recorded with --record only"] if options.no_video else []
    notes = []
    if options.record:
        notes.append("--record is for cameras and streams; a clip gets its overlay.mp4 without it")
    if options.latency is not None:
        notes.append("--latency is for cameras and streams; files always hold settled poses")
    return notes


def summary(report: Report, folder: Path) -> str:
    """The lines that are printed at the end of a run."""
    counts, timings = report.counts, report.timings
    latency, settled = timings.latency_ms_median, timings.settled_ms_median
    lines = [
        f"{report.status}: {counts.frames} frames, person in {counts.frames_with_person}, "
        f"people: {counts.people}, {timings.fps:.1f} frames/s"
        + (f", latency {latency:.0f} ms (median)" if latency is not None else "")
        + (f", settled after {settled:.0f} ms" if settled is not None else "")
        + (f", {counts.dropped_frames} frames dropped" if counts.dropped_frames else "")
    ]
    if counts.frames and not counts.frames_with_person:
        lines.append("no person was found in any frame: the CSV rows are empty; try --detector accurate")
    return "\n".join(lines + [f"  {folder / name}" for name in [*report.files, RUN_JSON]])
