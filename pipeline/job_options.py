"""The options of a job: one source into one folder. Plain values that do not know the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.detect.base import DetectorConfig
from pipeline.errors import ConfigError, unknown
from pipeline.export.formats import check_formats, format_names
from pipeline.lift.quality import STANDARD
from pipeline.run.options import RunOptions
from pipeline.smooth.presets import find_preset
from pipeline.sources import LiveOptions

LOOKAHEADS: dict[str, int | None] = {"low": 0, "balanced": 3, "best": None}
"""How many frames the drawn pose of a live run lies behind the newest one, by name of the latency. None: the lifter's
whole look-ahead."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One choice between speed and accuracy, for all options that trade one for the other.

    Attributes:
        detector: see ``ModelOptions``.
        window, quality: for clips; None: the default of ``pipeline.lift.create``.
        live_window, live_quality: for live sources, which can't wait for a long window.
        smooth: see ``MotionOptions``.
    """

    detector: str
    window: int | None = None
    live_window: int | None = None
    quality: str | None = None
    live_quality: str | None = None
    smooth: str = "light"


PRESETS: dict[str, Preset] = {
    "fast": Preset("fast", quality="fast"),
    "balanced": Preset("default"),
    "accurate": Preset("accurate", window=81, quality="best", live_quality=STANDARD),
}
"""Presets by name. Single options override them."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Where the frames come from.

    Attributes:
        name: as ``pipeline.sources.open_source`` takes it: a file, folder, camera number, address, 'synthetic'.
        start_s, end_s: span of a clip, in seconds from its beginning.
        fps: pictures per second: of a folder of pictures, or requested from a camera.
        paced: play a clip at its own speed, like a live source; late frames are dropped.
    """

    name: str | int | Path
    start_s: float | None = None
    end_s: float | None = None
    fps: float | None = None
    paced: bool = False


@dataclass(frozen=True, slots=True)
class ModelOptions:
    """Which models run, and where.

    Attributes:
        detector: a name of ``pipeline.detect.create.DETECTORS`` or a config; None: set by the preset.
        lifter: name of a model in weights/; None: chosen by ``window``.
        window: frames that the lifter looks at; None: set by the preset.
        quality: a name of ``pipeline.lift.quality.QUALITIES``; None: set by the preset.
        refiner: name of a refine module; it needs ``MotionOptions.focal_px``. None: none.
        device: 'auto', 'cpu', 'cuda', 'cuda:1', 'tensorrt'.
        threads: CPU threads per model; 0: chosen for each model.
    """

    detector: str | DetectorConfig | None = None
    lifter: str | None = None
    window: int | None = None
    quality: str | None = None
    refiner: str | None = None
    device: str = "auto"
    threads: int = 0

    def __post_init__(self) -> None:
        if self.threads < 0:
            raise ConfigError("threads", self.threads, "is not valid; use 0 (what suits the model) or more")


@dataclass(frozen=True, slots=True)
class MotionOptions:
    """How poses are made from keypoints.

    Attributes:
        height_m: the person's height, which sets the size of the poses; None: bodies of 1.70 m.
        focal_px: the camera's focal length; None: that of a usual phone or webcam is assumed.
        smooth: a name of ``pipeline.smooth.presets.PRESETS``; None: set by the preset.
        repair_swaps: repair left/right swaps of the detector.
        detect_every: N: the detector sees every Nth frame only; the lifter fills the others.
        latency: live sources: a name of ``LOOKAHEADS``, which says how late the drawn pose may be.
    """

    height_m: float | None = None
    focal_px: float | None = None
    smooth: str | None = None
    repair_swaps: bool = True
    detect_every: int = 1
    latency: str = "low"

    def __post_init__(self) -> None:
        if self.latency not in LOOKAHEADS:
            raise unknown("latency", self.latency, LOOKAHEADS)
        self.run_options(self.smooth or "off")

    def run_options(self, smooth: str) -> RunOptions:
        """These options as ``pipeline.run.pipeline.Pipeline`` takes them.

        Raises:
            ConfigError: a value makes no sense.
        """
        return RunOptions(
            height_m=self.height_m,
            focal_px=self.focal_px,
            smooth=smooth,
            repair_swaps=self.repair_swaps,
            detect_every=self.detect_every,
            preview_lookahead=LOOKAHEADS[self.latency],
        )


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """The files to write.

    Attributes:
        formats: names of ``pipeline.export.formats``.
        wide: tables have one row per frame and person instead of one per joint.
        video: for clips: write overlay.mp4.
        record: for live sources: write overlay.mp4 from the first frame on.
        overwrite: replace results that are already there.
    """

    formats: tuple[str, ...] = ("csv",)
    wide: bool = False
    video: bool = True
    record: bool = False
    overwrite: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.formats, str):
            raise ConfigError("formats", self.formats, "is a text; give a tuple of names, as in ('csv', 'npz')")
        if not self.formats:
            raise ConfigError("formats", None, f"names none; there are: {', '.join(format_names())}")
        check_formats(self.formats)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """A job: one source into one folder.

    Attributes:
        source: where the frames come from.
        preset: a name of ``PRESETS``, for everything that the other options leave open.
        models: which models run, and where.
        motion: how poses are made from keypoints.
        results: the files to write.
        live: settings for a camera or stream.

    Raises:
        ConfigError: a value, or a combination of values, makes no sense.
    """

    source: SourceOptions
    preset: str = "balanced"
    models: ModelOptions = field(default_factory=ModelOptions)
    motion: MotionOptions = field(default_factory=MotionOptions)
    results: ResultOptions = field(default_factory=ResultOptions)
    live: LiveOptions = field(default_factory=LiveOptions)

    def __post_init__(self) -> None:
        if not isinstance(self.source, SourceOptions):
            raise ConfigError("source", self.source, "must be given as SourceOptions(...)")
        choose(self, live=False)
        if self.models.refiner is not None and self.motion.focal_px is None:
            raise ConfigError("refiner", self.models.refiner, "needs the camera's focal length in pixels, `focal_px`")


@dataclass(frozen=True, slots=True)
class Choice:
    """Detector, lifter and smoothing that preset and options result in, for clips or for live sources.

    Attributes:
        detector: name or config.
        window, quality: None: the default of ``pipeline.lift.create``.
        smooth: name of a smoothing preset.
    """

    detector: str | DetectorConfig
    window: int | None
    quality: str | None
    smooth: str


def choose(options: JobOptions, live: bool) -> Choice:
    """Combine the preset with the options that override it.

    Raises:
        ConfigError: a name is not known.
    """
    if options.preset not in PRESETS:
        raise unknown("preset", options.preset, PRESETS)
    preset, models = PRESETS[options.preset], options.models
    window = models.window
    if window is None and models.lifter is None:  # a lifter chosen by name has its own window
        window = preset.live_window if live else preset.window
    smooth = preset.smooth if options.motion.smooth is None else options.motion.smooth
    find_preset(smooth)
    return Choice(
        detector=preset.detector if models.detector is None else models.detector,
        window=window,
        quality=models.quality or (preset.live_quality if live else preset.quality),
        smooth=smooth,
    )
