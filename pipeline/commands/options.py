"""Options that several verbs share, and their conversion to the options of a job."""

from __future__ import annotations

import argparse

from pipeline.detect.create import DETECTORS
from pipeline.job_options import LOOKAHEADS, PRESETS, ModelOptions, MotionOptions, SourceOptions
from pipeline.lift.create import DEFAULT_REFINER
from pipeline.lift.quality import BEST, QUALITIES, STANDARD
from pipeline.smooth.presets import PRESETS as SMOOTHINGS
from pipeline.sources import LiveOptions, parse_size


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare SOURCE and its span."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a video file, a folder of pictures, a camera number (0), an rtsp:// or http:// address, or 'synthetic'",
    )
    parser.add_argument("--start", type=float, metavar="S", help="begin at this second of the clip")
    parser.add_argument("--end", type=float, metavar="S", help="end before this second")
    parser.add_argument("--fps", type=float, help="pictures per second of a folder (default 30), or of a camera")


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of cameras and streams."""
    group = parser.add_argument_group("cameras and streams")
    group.add_argument("--size", metavar="WxH", help="picture size to request from a camera, as in 1280x720")
    group.add_argument("--fourcc", metavar="CODE", help="picture format to request from a camera, as in MJPG")
    group.add_argument("--mirror", action="store_true", help="for a camera that delivers mirror images")
    group.add_argument("--reconnect", action="store_true", help="reconnect when a camera or stream breaks off")
    group.add_argument(
        "--timeout", type=float, default=10.0, metavar="S", help="longest silence of the source (default 10)"
    )


def add_motion_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how poses are made from keypoints."""
    group = parser.add_argument_group("delay and calm")
    group.add_argument(
        "--latency",
        metavar="NAME",
        help="live: low shows the newest frame at once, balanced 3 frames later, best the settled pose (default: low)",
    )
    group.add_argument(
        "--smooth",
        metavar="NAME",
        help=f"smoothing of what is drawn: {', '.join(SMOOTHINGS)} (default: light); raw values are always written too",
    )
    group.add_argument(
        "--detect-every", type=int, default=1, metavar="N", help="look for joints in every Nth frame only (default 1)"
    )
    group.add_argument("--keep-swaps", action="store_true", help="do not repair left/right swaps of the detector")


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare preset, detector, lifter and device."""
    parser.add_argument(
        "--preset",
        default="balanced",
        metavar="NAME",
        help=f"speed against accuracy: {', '.join(PRESETS)} (default: balanced); sets detector, window, quality and "
        "smoothing; each can be set by its own option too",
    )
    parser.add_argument(
        "--detector", metavar="NAME", help=f"2D detector: {', '.join(DETECTORS)} (default: default, MoveNet Thunder)"
    )
    parser.add_argument("--model", metavar="NAME", help="3D lifter, see 'models list' (default: by --window)")
    parser.add_argument("--window", type=int, metavar="T", help="frames that the lifter looks at: 27, 81 or 243")
    parser.add_argument(
        "--quality",
        metavar="NAME",
        help=f"lifting: {', '.join(QUALITIES)}; fast runs every n-th window of a clip and reads the other frames "
        "from it, best also runs the mirror image of each window "
        f"(default: {BEST} for clips with 27 frames, else {STANDARD})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or tensorrt (default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads per model (default: chosen for each model)")


def add_refine_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the refine module."""
    parser.add_argument(
        "--refine",
        nargs="?",
        const=DEFAULT_REFINER,
        metavar="NAME",
        help="correct x and y by the picture, for a camera of known focal length (default module: %(const)s)",
    )


def source_options(options: argparse.Namespace, paced: bool = False) -> SourceOptions:
    """The values of the options of ``add_source_arguments``."""
    return SourceOptions(options.source, options.start, options.end, options.fps, paced)


def live_options(options: argparse.Namespace) -> LiveOptions:
    """The values of the options of ``add_live_arguments``.

    Raises:
        ConfigError: a value is not valid.
    """
    width, height = parse_size(options.size) if options.size else (None, None)
    return LiveOptions(
        width_px=width,
        height_px=height,
        fourcc=options.fourcc,
        mirror=options.mirror,
        reconnect=options.reconnect,
        patience_s=options.timeout,
    )


def model_options(options: argparse.Namespace, refiner: str | None = None) -> ModelOptions:
    """The values of the options of ``add_model_arguments``, without the preset.

    Raises:
        ConfigError: a value is not valid.
    """
    return ModelOptions(
        detector=options.detector,
        lifter=options.model,
        window=options.window,
        quality=options.quality,
        refiner=refiner,
        device=options.device,
        threads=options.threads,
    )


def motion_options(
    options: argparse.Namespace, height_m: float | None = None, focal_px: float | None = None
) -> MotionOptions:
    """The values of the options of ``add_motion_arguments``.

    Raises:
        ConfigError: a value is not valid.
    """
    return MotionOptions(
        height_m=height_m,
        focal_px=focal_px,
        smooth=options.smooth,
        repair_swaps=not options.keep_swaps,
        detect_every=options.detect_every,
        latency=options.latency or next(iter(LOOKAHEADS)),
    )
