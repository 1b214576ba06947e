"""``run``: a source to CSV, video and run.json."""

from __future__ import annotations

import argparse
import platform
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pipeline.commands.console import remark, say
from pipeline.commands.interrupt import stopping
from pipeline.commands.live_view import LiveView
from pipeline.commands.options import (
    Models,
    add_live_arguments,
    add_model_arguments,
    add_motion_arguments,
    add_refine_argument,
    add_source_arguments,
    find_refiner,
    load_models,
    open_from,
    run_options,
)
from pipeline.errors import ConfigError, DisplayError, PoseStrideError
from pipeline.export.output_folder import prepare_output, remove_results
from pipeline.export.results import ALL_RESULTS, Outputs, result_names, wants_video
from pipeline.export.run_json import write_run_json
from pipeline.lift.onnx import OnnxLifter
from pipeline.lift.paired import PairedLifter
from pipeline.place.scale import height_scale
from pipeline.render.compose import Composer
from pipeline.render.display import open_window
from pipeline.render.screen import Screen, Window
from pipeline.run.pipeline import Pipeline, longest_gap_s
from pipeline.run.results import DELAYS, Result, Statistics
from pipeline.sources import Source
from pipeline.sources.address import public_name
from pipeline.sources.live import state_of

_PACKAGES = ("numpy", "opencv-python", "av", "onnxruntime-gpu", "onnxruntime", "matplotlib")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``run``."""
    add_source_arguments(parser)
    add_live_arguments(parser)
    add_model_arguments(parser)
    add_motion_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for the results (default: out/<source>)")
    parser.add_argument("--overwrite", action="store_true", help="replace results that are already there")
    parser.add_argument("--height", type=float, metavar="M", help="the person's height in metres, for metric scale")
    parser.add_argument("--focal-px", type=float, metavar="F", help="the camera's focal length in pixels, if known")
    add_refine_argument(parser)
    parser.add_argument("--wide", action="store_true", help="CSV with one row per frame instead of one per joint")
    parser.add_argument("--npz", action="store_true", help="also write poses3d.npz")
    parser.add_argument("--no-video", action="store_true", help="recordings: do not write overlay.mp4")
    parser.add_argument("--record", action="store_true", help="cameras and streams: write overlay.mp4 (key r: later)")
    parser.add_argument("--no-display", action="store_true", help="no window (cameras open one if there is a screen)")


def execute(options: argparse.Namespace) -> int:
    """Run; returns the exit code: 0, or 128 + the signal that ended it (130: Ctrl-C).

    Raises:
        PoseStrideError: what went wrong; finished results are kept.
    """
    scale = 1.0 if options.height is None else height_scale(options.height)
    if options.focal_px is not None and not options.focal_px > 0:
        raise ConfigError(f"--focal-px {options.focal_px:g} is not a focal length in pixels; for example 1100")
    motion = run_options(options, scale, options.focal_px)
    refiner = find_refiner(options.refine, options.focal_px is not None)
    started = time.time()
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_from(options)))
        info = source.info
        folder = options.out or Path("out") / _folder_name(info.name)
        names = result_names(options, info.live)
        prepare_output(folder, names, options.overwrite)
        for note in _unused(options, info.live):
            remark(f"note: {note}")
        screen = None
        if info.live and not options.no_display and (window := _window()) is not None:
            screen = stack.enter_context(Screen(window))
        draws = screen is not None or wants_video(options, info.live)
        models = load_models(options, info.live, draws, refiner)
        remark(f"running on {models.lifter.choice}")
        composer = Composer(info.width_px, info.height_px) if draws else None
        pipeline = Pipeline(source, models.detector, models.lifter, composer, motion)
        outcome = _Outcome()
        if options.overwrite:  # only now, when everything has been opened; an old run.json must not describe new rows
            remove_results(folder, {*ALL_RESULTS} - {*names} | {"run.json"})
        with closing(models.detector), stopping(pipeline.stop) as stop:
            try:
                _write_results(pipeline, folder, options, screen, outcome)
            except BaseException as error:  # whatever ended the run, its run.json says so
                outcome.status, outcome.error = "failed", error
            interrupt = stop.interrupt
            if interrupt is not None and (outcome.error is None or stop.forced):
                outcome.status, outcome.error = "interrupted", None
            report = _report(options, source, models, pipeline.statistics, outcome, started)
            try:
                write_run_json(folder / "run.json", report)
            except PoseStrideError:
                if outcome.error is None:
                    raise
        if outcome.error is not None:
            raise outcome.error
    names = [name for name in result_names(options, info.live) if (folder / name).exists()]
    say(_summary([folder / name for name in [*names, *outcome.by_keys]], pipeline.statistics, outcome.status))
    return 0 if interrupt is None else interrupt.exit_code


@dataclass
class _Outcome:
    """How a run ended."""

    status: str = "complete"
    error: BaseException | None = None
    not_recorded: int = 0
    by_keys: list[str] = field(default_factory=list)  # names of recordings and snapshots


def _folder_name(source_name: str) -> str:
    name = "".join(char if char.isalnum() or char in "-_." else "_" for char in Path(source_name).stem)
    return name.strip("._") or "source"


def _window() -> Window | None:
    try:
        return open_window("PoseStride")
    except DisplayError as error:
        remark(f"no window: {error}; the run goes on without one")
        return None


def _write_results(
    pipeline: Pipeline, folder: Path, options: argparse.Namespace, screen: Screen | None, outcome: _Outcome
) -> None:
    info, composer = pipeline.source.info, pipeline.composer
    with ExitStack() as stack:
        outputs = stack.enter_context(Outputs(folder, options, info, composer.output_size if composer else None))
        view = None if screen is None else LiveView(screen, pipeline, outputs, folder)
        stack.callback(_note_extras, outputs, view, outcome)
        progress = stack.enter_context(
            tqdm(total=info.frame_count, unit="frame", desc=info.name, disable=not sys.stderr.isatty())
        )

        def take(result: Result) -> None:
            outputs.take(result)
            if view is not None:
                view.take(result)
            if info.live and not progress.disable:
                progress.set_postfix_str(_delays(pipeline.statistics), refresh=False)
            progress.update(result.for_files)

        pipeline.run(take, view.idle if view else None, outputs if info.live else None)


def _delays(statistics: Statistics) -> str:
    """The delays of the last frames, for the progress bar."""
    late_ms = {name: statistics.meter.recent_ms(name, 50) for name in DELAYS}
    return ", ".join(f"{name} {ms:.0f} ms" for name, ms in late_ms.items() if ms is not None)


def _note_extras(outputs: Outputs, view: LiveView | None, outcome: _Outcome) -> None:
    outcome.not_recorded = outputs.not_recorded
    outcome.by_keys = [*outputs.names, *([] if view is None else view.snapshots)]


def _unused(options: argparse.Namespace, live: bool) -> list[str]:
    """Options that do nothing with this kind of source, in words."""
    if live:
        return ["--no-video is for recordings; live sources are filmed with --record only"] if options.no_video else []
    notes = []
    if options.record:
        notes.append("--record is for cameras and streams; a recording gets its overlay.mp4 without it")
    if options.latency is not None:
        notes.append("--latency is for cameras and streams; files always hold settled poses")
    return notes


def _report(
    options: argparse.Namespace,
    source: Source,
    models: Models,
    statistics: Statistics,
    outcome: _Outcome,
    started: float,
) -> dict[str, Any]:
    """What run.json says."""
    info, card, live = source.info, models.lifter.card, state_of(source)
    return {
        "status": outcome.status,
        **({} if outcome.error is None else {"error": str(outcome.error) or type(outcome.error).__name__}),
        "source": {
            "name": info.name,
            "kind": info.kind,
            "width_px": info.width_px,
            "height_px": info.height_px,
            "nominal_fps": info.fps,
            "warnings": list(source.warnings),
            "reconnects": live.reconnects if live else 0,
        },
        "options": {
            name: public_name(str(value)) if isinstance(value, str | Path) else value
            for name, value in vars(options).items()
            if isinstance(value, (str, int, float, bool, Path, type(None)))
        },
        "models": {
            "lifter": {
                "name": card.name,
                "sha256": card.sha256,
                "provider": models.lifter.provider,
                "device": models.lifter.choice,
                "quality": models.quality,
            },
            **_early(models),
            **_refiner(models.lifter),
            "detector": {"name": options.detector, "device": options.device},
        },
        "conventions": {
            "units": "metres and seconds; pixels of the upright picture",
            "axes": "camera: x right, y down, z away; root-relative (pelvis = 0)",
            "body_height_m": options.height or 1.70,
            "longest_interpolated_gap_s": longest_gap_s(options.detect_every, info.fps, info.live),
        },
        "counts": {
            "frames": statistics.frames,
            "frames_with_person": statistics.frames_with_person,
            "people": len(statistics.tracks),
            "dropped_frames": statistics.dropped,
            "pictures": statistics.pictures,
            "not_drawn": statistics.not_drawn,
            "not_recorded": outcome.not_recorded,
        },
        "timings": {"started_unix_s": round(started, 3), "wall_s": round(statistics.wall_s, 3), **timings(statistics)},
        "versions": {"python": platform.python_version(), **_versions()},
    }


def _refiner(lifter: OnnxLifter | PairedLifter) -> dict[str, Any]:
    if lifter.refiner is None:
        return {}
    card = lifter.refiner.card
    return {"refiner": {"name": card.name, "sha256": card.sha256}}


def _early(models: Models) -> dict[str, Any]:
    """The lifter of provisional poses, where it is another one."""
    if not isinstance(models.lifter, PairedLifter):
        return {}
    early = models.lifter.early
    return {
        "provisional_lifter": {
            "name": early.card.name,
            "sha256": early.card.sha256,
            "provider": early.provider,
            "device": early.choice,
        }
    }


def timings(statistics: Statistics) -> dict[str, Any]:
    """fps, the delays of ``Statistics.meter`` and per-stage medians, in ms per frame."""
    meter = statistics.meter

    def rounded(value: float | None) -> float | None:
        return None if value is None else round(value, 3)

    return {
        "fps": round(statistics.fps, 2),
        "latency_ms_median": rounded(meter.median_ms("latency")),
        "latency_ms_p95": rounded(meter.percentile_ms("latency", 95)),
        "screen_ms_median": rounded(meter.median_ms("screen")),
        "settled_ms_median": rounded(meter.median_ms("settled")),
        "stages": {
            name: {"ms_median": rounded(meter.median_ms(name)), "seconds_total": round(meter.total_s(name), 3)}
            for name in meter.names()
            if name not in DELAYS
        },
    }


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _summary(files: list[Path], statistics: Statistics, status: str) -> str:
    measured = timings(statistics)
    latency, settled = measured["latency_ms_median"], measured["settled_ms_median"]
    lines = [
        f"{status}: {statistics.frames} frames, person in {statistics.frames_with_person}, "
        f"people: {len(statistics.tracks)}, {measured['fps']:.1f} frames/s"
        + (f", latency {latency:.0f} ms (median)" if latency is not None else "")
        + (f", settled after {settled:.0f} ms" if settled is not None else "")
        + (f", {statistics.dropped} frames dropped" if statistics.dropped else "")
    ]
    if statistics.frames and not statistics.frames_with_person:
        lines.append("no person was found in any frame: the CSV rows are empty; try --detector accurate")
    return "\n".join(lines + [f"  {file}" for file in files])
