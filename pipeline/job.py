"""A job: one source into one folder. The command line, the Python interface, benchmarks and viewers all run this.

Nothing is printed here and no signal is caught: observers are told what happens, and a report sums it up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.arrays import U8
from pipeline.detect.base import Detector
from pipeline.detect.create import DETECTORS, create_detector
from pipeline.errors import ConfigError, PoseStrideError, unknown
from pipeline.export.formats import FILE_FORMATS, Clip, files_of
from pipeline.export.output_folder import folder_name, prepare_output, remove_results
from pipeline.export.recordings import OVERLAY, Recordings
from pipeline.export.result_files import ResultFiles
from pipeline.export.run_json import write_run_json
from pipeline.export.snapshot import save_snapshot
from pipeline.job_options import JobOptions, choose
from pipeline.job_report import Chosen, Conventions, Report, SourceReport, Status, counts, timings
from pipeline.lift.base import Lifter
from pipeline.lift.create import create_lifter, create_refiner, default_quality, find_lifter
from pipeline.lift.quality import find_quality
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.run.lifting import longest_gap_s
from pipeline.run.pipeline import Pipeline
from pipeline.run.statistics import Statistics
from pipeline.runtime import parse_device
from pipeline.sources import Source, open_source
from pipeline.sources.paced import Paced
from pipeline.types import Rows, Shown, Tier
from pipeline.window.person_view import assumed_focal_px

if TYPE_CHECKING:
    from pipeline.render.compose import Composer

RUN_JSON = "run.json"


class Wants(IntEnum):
    """The part of each frame that an observer asks for; each value includes the ones before it."""

    ROWS = 0
    """Settled poses."""

    FRAMES = 1
    """Also each frame with its drawn poses; in a live run these may be previews."""

    PICTURES = 2
    """Also composed pictures."""


class Observer:
    """Base class of observers. A job calls these methods in its own thread; override the ones that you need."""

    def begin(self, job: Job) -> Wants:
        """The source is open, the models are loaded next. Returns what the observer wants; ``job`` may be kept."""
        return Wants.ROWS

    def rows(self, rows: Rows) -> None:
        """The settled poses of the next frame, already written to the files."""

    def shown(self, shown: Shown, picture: U8 | None) -> None:
        """A frame with its drawn poses; the composed picture if an observer asked for pictures, else None."""

    def idle(self) -> None:
        """Called several times per second while no frame comes."""


@dataclass(frozen=True, slots=True)
class Models:
    """Loaded models, which several jobs may use one after the other.

    Attributes:
        detector: reset before each job.
        lifter: made for live sources or for clips, in the quality below.
        quality: name of the lifter's quality.
    """

    detector: Detector
    lifter: Lifter
    quality: str


def load_models(options: JobOptions, *, live: bool = False, previews: bool = False) -> Models:
    """Load the models that a job asks for.

    Args:
        options: the job's options.
        live: whether the job's source is live.
        previews: whether previews are drawn.

    Raises:
        ConfigError: a name or a combination is not valid.
        ModelError: a file is missing or damaged.
        DeviceError: the device can't be used.
    """
    asked, chosen = options.models, choose(options, live)
    refiner = None if asked.refiner is None else create_refiner(asked.refiner)
    quality = chosen.quality or default_quality(find_lifter(asked.lifter, chosen.window), live)
    lifter = create_lifter(
        asked.lifter,
        window=chosen.window,
        quality=quality,
        refiner=refiner,
        live=live,
        previews=previews,
        device=asked.device,
        threads=asked.threads,
    )
    return Models(create_detector(chosen.detector, device=asked.device, threads=asked.threads), lifter, quality)


def run_job(
    options: JobOptions,
    folder: str | Path | None = None,
    observers: Iterable[Observer] = (),
    *,
    models: Models | None = None,
    source: Source | None = None,
) -> Report:
    """Run a job.

    Args:
        options: what to do.
        folder: where the results go; made if it does not exist. None: ``out/NAME``, named after the source.
        observers: told what happens.
        models: from ``load_models``; they stay open. None: loaded for this job.
        source: an open source in place of the one that ``options`` name; it stays open.

    Returns:
        The report, which ``run.json`` in the folder holds too.

    Raises:
        PoseStrideError: the job failed; finished results are kept.
    """
    with Job(options, folder, observers, models=models, source=source) as job:
        return job.run()


class Job:
    """A job in two steps, for callers that act between them: entering opens everything, ``run`` runs it, once.

    Args:
        options, folder, observers, models, source: as for ``run_job``.

    Attributes:
        folder: where the results go.
        source: open from entering to leaving.
        models: None until they are loaded.
        statistics: counts and times so far.
    """

    folder: Path
    source: Source

    def __init__(
        self,
        options: JobOptions,
        folder: str | Path | None = None,
        observers: Iterable[Observer] = (),
        *,
        models: Models | None = None,
        source: Source | None = None,
    ) -> None:
        self.options, self.models = options, models
        self._given_source = source
        self._asked_folder = None if folder is None else Path(folder)
        self._observers = list(observers)
        self._stack = ExitStack()
        self._interrupted = self._stopped = self._has_run = False
        self._pipeline: Pipeline | None = None
        self._composer: Composer | None = None
        self._recordings: Recordings | None = None
        self.statistics = Statistics()
        self._extra: list[str] = []  # names of the snapshots
        self._files: list[str] = []

    def __enter__(self) -> Job:
        self._started_s = time.time()
        with ExitStack() as opening:
            given = self._given_source
            self.source = opening.enter_context(self._open_source()) if given is None else given
            self._live = self.source.info.live
            smooth = choose(self.options, self._live).smooth
            results = self.options.results
            self._formats = files_of(results.formats, smooth != "off")
            self._overlay = results.record if self._live else results.video
            self.folder = self._asked_folder or Path("out") / folder_name(self.source.info.name)
            _check_names(self.options, self._live)
            prepare_output(self.folder, self._names(), results.overwrite)
            wants = max((observer.begin(self) or Wants.ROWS for observer in self._observers), default=Wants.ROWS)
            draws, shows = self._overlay or wants >= Wants.PICTURES, self._overlay or wants >= Wants.FRAMES
            if self.models is None:
                self.models = load_models(self.options, live=self._live, previews=shows)
                opening.enter_context(self.models.detector)
            drawer = None
            if draws:
                from pipeline.render.compose import Composer  # imports matplotlib: only jobs that draw pay for it

                drawer = Composer(self.source.info.width_px, self.source.info.height_px)
            self._composer = drawer
            pipeline = Pipeline(
                self.source,
                self.models.detector,
                self.models.lifter,
                self.options.motion.run_options(smooth),
                drawer=drawer,
                shows=shows,
            )
            self.statistics, self._pipeline = pipeline.statistics, pipeline
            if self._stopped:  # while the models were loaded
                pipeline.stop()
            self._stack = opening.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _open_source(self) -> Source:
        asked = self.options.source
        source = open_source(
            asked.name, start_s=asked.start_s, end_s=asked.end_s, fps=asked.fps, live=self.options.live
        )
        if not asked.paced:
            return source
        if source.info.live:
            source.close()
            raise ConfigError("paced", None, f"is for clips, but {source.info.name} is live already; leave it out")
        return Paced(source)

    def _names(self) -> list[str]:
        """File names of the results, or patterns."""
        return [*(entry.pattern for entry in self._formats), *([OVERLAY] if self._overlay else []), RUN_JSON]

    def run(self) -> Report:
        """Process the whole source and write the results.

        Raises:
            PoseStrideError: the job failed; finished results are kept, and ``run.json`` names the error too.
        """
        if self._has_run:
            raise RuntimeError("this job has run already; make a new one for each run")
        self._has_run = True
        if self.options.results.overwrite:  # only when all is open; an old run.json must not describe new rows
            # Files that will be replaced stay until then; which people there will be, nobody knows yet.
            replaced = {entry.file_name() for entry in self._formats if not entry.per_person} | (
                {OVERLAY} if self._overlay else set()
            )
            every = {OVERLAY, *(entry.pattern for entry in FILE_FORMATS)}
            remove_results(self.folder, every - replaced | {RUN_JSON})
        error: BaseException | None = None
        try:
            self._write()
        except BaseException as failure:  # whatever ended the run, its run.json says so
            error = failure
        if self._interrupted and isinstance(error, KeyboardInterrupt):
            error = None
        report = self._report(self._status(error), error)
        try:
            write_run_json(self.folder / RUN_JSON, report.to_json())
        except PoseStrideError:
            if error is None:
                raise
        if error is not None:
            raise error
        return report

    def _status(self, error: BaseException | None) -> Status:
        if isinstance(error, KeyboardInterrupt) or (self._interrupted and error is None):
            return "interrupted"
        if error is not None:
            return "failed"
        return "stopped" if self._stopped and not self._live else "complete"  # a live run has no other end

    def _write(self) -> None:
        info, results = self.source.info, self.options.results
        clip = Clip(info.name, info.width_px, info.height_px, info.fps, results.wide)
        with ExitStack() as stack:
            files = stack.enter_context(ResultFiles(self.folder, self._formats, clip))
            stack.callback(lambda: self._files.extend(files.names))
            if self._composer is not None:
                self._recordings = stack.enter_context(
                    Recordings(
                        self.folder,
                        self._composer.output_size,
                        info.fps,
                        live=self._live,
                        audio_from=info.audio_path,
                        overlay=self._overlay,
                    )
                )

            def rows(rows: Rows) -> None:
                files.write(rows)
                for observer in self._observers:
                    observer.rows(rows)

            def shown(shown: Shown, picture: U8 | None) -> None:
                if shown.tier is Tier.PREVIEW:
                    files.write_previews(Rows(shown.frame.index, shown.frame.time_s, shown.people))
                if not self._live and self._recordings is not None and picture is not None:
                    self._recordings.write(shown, picture)
                for observer in self._observers:
                    observer.shown(shown, picture)

            def idle() -> None:
                for observer in self._observers:
                    observer.idle()

            assert self._pipeline is not None
            self._pipeline.run(rows, shown, idle=idle, recorder=self._recordings if self._live else None)

    def stop(self) -> None:
        """Take no more frames; those under way are finished. Safe to call from any thread, also before ``run``."""
        self._stopped = True
        if self._pipeline is not None:
            self._pipeline.stop()

    def interrupt(self) -> None:
        """``stop``, and the report says that the job was interrupted; a ``KeyboardInterrupt`` after it ends ``run``."""
        self._interrupted = True
        self.stop()

    def toggle_mirror(self) -> None:
        """Turn the mirrored view on or off. Does nothing in a job that draws nothing."""
        if self._composer is not None:
            self._composer.mirror = not self._composer.mirror

    @property
    def recording(self) -> bool:
        """Whether pictures are being written to a video now."""
        return self._recordings is not None and self._recordings.recording

    def toggle_recording(self) -> str:
        """Start recording to a new file, or complete the current one; returns a line that says which.

        Raises:
            ExportError: the file can't be opened, or nothing is drawn.
        """
        return "nothing is drawn" if self._recordings is None else self._recordings.toggle()

    def save_snapshot(self, picture: U8) -> str:
        """Save a picture in the folder; returns its name.

        Raises:
            ExportError: it can't be written.
        """
        name = save_snapshot(self.folder, picture).name
        self._extra.append(name)
        return name

    def _report(self, status: Status, error: BaseException | None) -> Report:
        assert self.models is not None
        info, motion = self.source.info, self.options.motion
        chosen, state = choose(self.options, self._live), self.source.state
        recordings = self._recordings
        video = [OVERLAY] if self._overlay else []
        names = [*self._files, *video, *(recordings.names if recordings else []), *self._extra]
        return Report(
            status=status,
            error=None if error is None or status == "interrupted" else str(error) or type(error).__name__,
            source=SourceReport(
                name=info.name,
                kind=info.kind,
                live=info.live,
                width_px=info.width_px,
                height_px=info.height_px,
                nominal_fps=info.fps,
                warnings=list(self.source.warnings),
                reconnects=state.reconnects if state else 0,
            ),
            options=self.options,
            chosen=Chosen(
                detector=chosen.detector if isinstance(chosen.detector, str) else repr(chosen.detector),
                window=self.models.lifter.spec.window,
                quality=self.models.quality,
                smooth=chosen.smooth,
                focal_px=motion.focal_px or round(assumed_focal_px(info.width_px, info.height_px), 1),
                focal_assumed=motion.focal_px is None,
            ),
            models={**self.models.detector.models, **self.models.lifter.models},
            conventions=Conventions(
                body_height_m=motion.height_m or MODEL_STATURE_M,
                longest_interpolated_gap_s=longest_gap_s(motion.detect_every, info.fps, info.live),
            ),
            counts=counts(self.statistics, recordings.not_recorded if recordings else 0),
            timings=timings(self.statistics, self._started_s),
            files=[name for name in names if (self.folder / name).exists()],
        )


def _check_names(options: JobOptions, live: bool) -> None:
    """Refuse names that do not exist before anything is made or loaded."""
    asked, chosen = options.models, choose(options, live)
    parse_device(asked.device)
    if isinstance(chosen.detector, str) and chosen.detector not in DETECTORS:
        raise unknown("detector", chosen.detector, DETECTORS)
    find_lifter(asked.lifter, chosen.window)
    if chosen.quality is not None:
        find_quality(chosen.quality, live)
