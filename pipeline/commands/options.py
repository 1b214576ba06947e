"""Options that several verbs share, and the models that they choose."""

from __future__ import annotations

import argparse
import difflib
from dataclasses import dataclass

from pipeline.detect import DETECTORS, Detector, create_detector
from pipeline.errors import ConfigError, ModelError
from pipeline.lift.onnx import OnnxLifter
from pipeline.lift.paired import PairedLifter
from pipeline.lift.quality import BEST, STANDARD, create_lifter, find_quality
from pipeline.lift.refine import DEFAULT_REFINER, KIND, Refiner
from pipeline.run.pipeline import RunOptions
from pipeline.runtime import parse_device
from pipeline.runtime.cards import Card, find_card, list_cards
from pipeline.smooth.presets import PRESETS, find_preset
from pipeline.sources import Source, open_source
from pipeline.sources.live_options import LiveOptions, parse_size

DEFAULT_MODEL = "lift-27"

LIVE_MODEL = "lift-27-live"
"""Gives the provisional poses beside the default model: trained to look less far ahead, see docs/live.md."""

_SHORT_WINDOW = 81
_CHEAP_WINDOW = 27  # seeing such a window twice costs less than decoding a frame

DEFAULT_LATENCY = "low"

LOOKAHEADS: dict[str, int | None] = {"low": 0, "balanced": 3, "best": None}
"""Frames that a live picture is behind the newest one, by ``--latency``; None: the lifter's whole look-ahead."""


@dataclass(frozen=True)
class Models:
    """The loaded models of a run, and the name of how is lifted (see ``pipeline.lift.quality``)."""

    detector: Detector
    lifter: OnnxLifter | PairedLifter
    quality: str


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """SOURCE and the span of it."""
    parser.add_argument(
        "source",
        metavar="SOURCE",
        help="a video file, a folder of pictures, a camera number (0), an rtsp:// or http:// address, or 'synthetic'",
    )
    parser.add_argument("--start", type=float, metavar="S", help="begin at this second of the recording")
    parser.add_argument("--end", type=float, metavar="S", help="end before this second")
    parser.add_argument("--fps", type=float, help="pictures per second: of a folder (default 30), or asked of a camera")


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """What is asked of cameras and streams."""
    group = parser.add_argument_group("cameras and streams")
    group.add_argument("--size", metavar="WxH", help="picture size asked of a camera, as in 1280x720")
    group.add_argument("--fourcc", metavar="CODE", help="picture format asked of a camera, as in MJPG")
    group.add_argument("--mirror", action="store_true", help="for a camera that delivers mirror images")
    group.add_argument("--reconnect", action="store_true", help="come back after a camera or stream has broken off")
    group.add_argument("--timeout", type=float, default=10.0, metavar="S", help="longest silence (default 10)")


def add_motion_arguments(parser: argparse.ArgumentParser) -> None:
    """How poses are made from keypoints."""
    group = parser.add_argument_group("delay and calm")
    group.add_argument(
        "--latency",
        metavar="NAME",
        help="live: low shows the newest frame at once, balanced 3 frames later, best the settled pose (default: low)",
    )
    group.add_argument(
        "--smooth",
        default="light",
        metavar="NAME",
        help=f"smoothing of what is drawn: {', '.join(PRESETS)} (default: light); raw values are always written too",
    )
    group.add_argument(
        "--detect-every", type=int, default=1, metavar="N", help="look for joints in every Nth frame only (default 1)"
    )
    group.add_argument("--keep-swaps", action="store_true", help="do not repair left/right swaps of the detector")


def run_options(options: argparse.Namespace, scale: float = 1.0, focal_px: float | None = None) -> RunOptions:
    """What ``add_motion_arguments`` declares, for the pipeline.

    Raises:
        ConfigError: a value is not valid.
    """
    find_preset(options.smooth)
    return RunOptions(
        scale=scale,
        focal_px=focal_px,
        smooth=options.smooth,
        repair_swaps=not options.keep_swaps,
        detect_every=options.detect_every,
        show_lookahead=LOOKAHEADS[_latency(options)],
    )


def _latency(options: argparse.Namespace) -> str:
    name: str = DEFAULT_LATENCY if options.latency is None else options.latency
    if name not in LOOKAHEADS:
        near = difflib.get_close_matches(name.lower(), LOOKAHEADS, n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ConfigError(f"--latency {name!r} is not known; {hint}there are: {', '.join(LOOKAHEADS)}")
    return name


def open_from(options: argparse.Namespace) -> Source:
    """Open the source that the options name.

    Raises:
        SourceError: it can't be opened.
        ConfigError: an option is not valid or does not fit the source.
    """
    width, height = parse_size(options.size) if options.size else (None, None)
    live = LiveOptions(
        width_px=width,
        height_px=height,
        fourcc=options.fourcc,
        mirror=options.mirror,
        reconnect=options.reconnect,
        patience_s=options.timeout,
    )
    return open_source(options.source, start_s=options.start, end_s=options.end, fps=options.fps, live=live)


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Detector, lifter, device."""
    parser.add_argument(
        "--detector",
        default="default",
        metavar="NAME",
        help=f"2D detector: {', '.join(DETECTORS)} (default: default, MoveNet Thunder)",
    )
    parser.add_argument("--model", metavar="NAME", help="3D lifter, see 'models list' (default: by --window)")
    parser.add_argument("--window", type=int, metavar="T", help="frames that the lifter looks at: 27, 81, 243 or 351")
    parser.add_argument(
        "--quality",
        metavar="NAME",
        help="lifting: fast runs every n-th window of a recording and reads the frames between from it, best also runs "
        f"the mirror image of each window (default: {BEST} for recordings with {_CHEAP_WINDOW} frames, "
        f"else {STANDARD})",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or tensorrt (default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads per model (default: by model)")


def add_refine_argument(parser: argparse.ArgumentParser) -> None:
    """The refine module."""
    parser.add_argument(
        "--refine",
        nargs="?",
        const=DEFAULT_REFINER,
        metavar="NAME",
        help="correct x and y by the picture, for a camera of known focal length (default module: %(const)s)",
    )


def find_refiner(name: str | None, known_focal: bool) -> Refiner | None:
    """The refine module that ``--refine`` names, or None.

    Raises:
        ConfigError: the focal length is not known.
        ModelError: as for ``Refiner``.
    """
    if name is None:
        return None
    if not known_focal:
        raise ConfigError("--refine needs the camera's focal length in pixels; give it with --focal-px, as in 1100")
    return Refiner(find_card(name, KIND))


def load_models(
    options: argparse.Namespace, live: bool = False, draws: bool = True, refiner: Refiner | None = None
) -> Models:
    """Load what the options name.

    Args:
        options: of ``add_model_arguments`` and ``add_motion_arguments``.
        live: for a camera or stream. Where it ``draws``, and no model was asked for by name, provisional poses come
            from ``LIVE_MODEL``.
        draws: whether anything is drawn.
        refiner: what poses are refined with, see ``find_refiner``.

    Raises:
        ConfigError: a name or a combination is not valid.
        ModelError: a file is missing or damaged.
        DeviceError: the device can't be used.
    """
    device = parse_device(options.device)
    if options.threads < 0:
        raise ConfigError(f"--threads {options.threads} is not valid; use 0 (what suits the model) or more")
    if options.quality is not None:
        find_quality(options.quality, live)
    card = _lifter_card(options.model, options.window)
    cheap = not live and card.data["window"] <= _CHEAP_WINDOW
    quality: str = options.quality or (BEST if cheap else STANDARD)
    # The products of a short window are too small to share: two threads are slower (benchmarks/bench_lifter.py).
    threads = options.threads or (1 if card.data["window"] <= _SHORT_WINDOW else 0)
    settled = create_lifter(card, device, threads, quality, refiner)
    lifter: OnnxLifter | PairedLifter = settled
    if live and draws and options.model is None and card.name == DEFAULT_MODEL and _shows_early(options):
        lifter = PairedLifter(settled, create_lifter(_live_card(), device, threads, quality, refiner))
    return Models(create_detector(options.detector, device, options.threads), lifter, quality)


def _shows_early(options: argparse.Namespace) -> bool:
    """Whether a live run draws frames before they are settled."""
    return LOOKAHEADS[_latency(options)] is not None


def _live_card() -> Card:
    try:
        return find_card(LIVE_MODEL, "lifter")
    except ModelError as error:
        raise ModelError(
            f"{error}; it gives the provisional poses of live runs: restore it, or use --model {DEFAULT_MODEL}"
        ) from error


def _lifter_card(name: str | None, window: int | None) -> Card:
    if name is not None:
        card = find_card(name, "lifter")
        if window is not None and card.data["window"] != window:
            raise ConfigError(
                f"--model {name} has a window of {card.data['window']} frames, --window {window} was asked for; "
                "leave one of both out"
            )
        return card
    if window is None:
        return find_card(DEFAULT_MODEL, "lifter")
    cards = list_cards("lifter")
    fitting = [card for card in cards if card.data["window"] == window]
    if not fitting:
        known = ", ".join(sorted({str(card.data["window"]) for card in cards}, key=int)) or "none"
        raise ConfigError(f"--window {window}: there is no lifter of this length; there are: {known}")
    # The centre model is the most accurate one of its length.
    return max(fitting, key=lambda card: int(card.data["lookahead"]))
