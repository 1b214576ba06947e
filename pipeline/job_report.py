"""The report of a job: source, options, models, counts and times. ``run.json`` stores it."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from pipeline.job_options import JobOptions
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.run.meter import Meter
from pipeline.run.statistics import DELAYS, Statistics
from pipeline.runtime import LoadedModel
from pipeline.sources.address import public_name

Status = Literal["complete", "stopped", "interrupted", "failed"]

_PACKAGES = ("numpy", "opencv-python", "av", "onnxruntime-gpu", "onnxruntime", "matplotlib")


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The source, as it was opened.

    Attributes:
        name: for display, without passwords.
        kind: 'video', 'images', 'camera', 'stream', 'synthetic'.
        live: whether frames came at their own pace.
        width_px, height_px: size of its pictures.
        nominal_fps: the frame rate that it states.
        warnings: problems that did not stop it.
        reconnects: how often the connection broke and came back.
    """

    name: str
    kind: str
    live: bool
    width_px: int
    height_px: int
    nominal_fps: float
    warnings: list[str]
    reconnects: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """Detector, quality and smoothing that preset and options resulted in.

    Attributes:
        detector: name or config of the detector.
        window: frames that the lifter looks at.
        quality: name of the lifter's quality.
        smooth: name of the smoothing preset.
        focal_px: the focal length that was used; ``focal_assumed``: whether nobody gave it.
    """

    detector: str
    window: int
    quality: str
    smooth: str
    focal_px: float
    focal_assumed: bool


@dataclass(frozen=True, slots=True)
class Conventions:
    """Units, axes and joint order of the numbers in the files."""

    body_height_m: float = MODEL_STATURE_M
    longest_interpolated_gap_s: float = 0.0
    units: str = "metres and seconds; pixels of the upright picture"
    axes: str = "camera: x right, y down, z away; root-relative (pelvis = 0)"


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of frames, pictures and people, see ``pipeline.run.statistics.Statistics``.

    ``not_recorded``: pictures that were left out of recordings, because encoding was too slow.
    """

    frames: int
    frames_with_person: int
    people: int
    dropped_frames: int
    pictures: int
    not_drawn: int
    not_recorded: int


@dataclass(frozen=True, slots=True)
class StageTime:
    """Time that a stage took: median per frame, and total."""

    ms_median: float | None
    seconds_total: float


@dataclass(frozen=True, slots=True)
class Timings:
    """Times of a run.

    Attributes:
        started_utc: when the run began, as in 2026-11-28T09:30:00Z.
        started_unix_s: the same in seconds since 1970.
        wall_s: how long the run took.
        fps: frames per second of ``wall_s``.
        latency_ms_median, latency_ms_p95, screen_ms_median, settled_ms_median: delays of whole frames, see
            ``pipeline.run.statistics.Statistics.meter``; None where there is none.
        stages: name of a stage -> its time.
    """

    started_utc: str
    started_unix_s: float
    wall_s: float
    fps: float
    latency_ms_median: float | None
    latency_ms_p95: float | None
    screen_ms_median: float | None
    settled_ms_median: float | None
    stages: dict[str, StageTime]


@dataclass(frozen=True, slots=True)
class Report:
    """The report of a job.

    Attributes:
        status: 'complete', 'stopped' (a clip, by an observer), 'interrupted' (by a signal) or 'failed'.
        error: why it failed; None if it did not.
        source: the source, as it was opened.
        options: the options, as they were given.
        chosen: what preset and options resulted in.
        models: role ('detector', 'search', 'lifter', 'preview_lifter', 'refiner') -> the loaded model.
        conventions: units, axes and joint order of the files.
        counts: numbers of frames, pictures and people.
        timings: speed and delays.
        files: names of the results in the folder, this report not among them.
        versions: Python's version and those of the packages.
    """

    status: Status
    error: str | None
    source: SourceReport
    options: JobOptions
    chosen: Chosen
    models: dict[str, LoadedModel]
    conventions: Conventions
    counts: Counts
    timings: Timings
    files: list[str]
    versions: dict[str, str] = field(default_factory=lambda: versions())

    def to_json(self) -> dict[str, Any]:
        """The report as plain values: addresses without passwords; without ``error`` if there was none."""
        found = {one.name: _public(getattr(self, one.name)) for one in fields(self)}
        return {name: value for name, value in found.items() if name != "error" or value is not None}


def _public(value: Any) -> Any:
    """Options as plain values: passwords are removed from text, configs from outside become text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _public(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, str | Path):
        return public_name(str(value))
    if isinstance(value, tuple | list):
        return [_public(item) for item in value]
    if isinstance(value, dict):
        return {key: _public(item) for key, item in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value if value is None or isinstance(value, bool | int | float) else repr(value)


def timings(statistics: Statistics, started_unix_s: float = 0.0) -> Timings:
    """The times of a run, in milliseconds per frame."""
    meter = statistics.meter
    return Timings(
        started_utc=datetime.fromtimestamp(started_unix_s, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        started_unix_s=round(started_unix_s, 3),
        wall_s=round(statistics.wall_s, 3),
        fps=round(statistics.fps, 2),
        latency_ms_median=_rounded(meter.median_ms("latency")),
        latency_ms_p95=_rounded(meter.percentile_ms("latency", 95)),
        screen_ms_median=_rounded(meter.median_ms("screen")),
        settled_ms_median=_rounded(meter.median_ms("settled")),
        stages={name: _stage(meter, name) for name in meter.names() if name not in DELAYS},
    )


def _stage(meter: Meter, name: str) -> StageTime:
    return StageTime(_rounded(meter.median_ms(name)), round(meter.total_s(name), 3))


def counts(statistics: Statistics, not_recorded: int) -> Counts:
    """The counts of a run."""
    return Counts(
        frames=statistics.frames,
        frames_with_person=statistics.frames_with_person,
        people=len(statistics.tracks),
        dropped_frames=statistics.dropped,
        pictures=statistics.pictures,
        not_drawn=statistics.not_drawn,
        not_recorded=not_recorded,
    )


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that influence the results."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
