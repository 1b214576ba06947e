"""``evaluate``: judge finished lifters on motion capture, on footage with true joints, or by published protocols."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from models.commands.options import Option, add_options, chosen, known_names, words_of
from models.evaluation.clips import CAMERAS, SECONDS
from models.evaluation.evaluate import (
    ALTERNATIVES_CONDITION,
    Asked,
    FootageJob,
    MocapJob,
    lifter_card,
    on_footage,
    on_mocap,
)
from models.evaluation.figures import FootageResult, MocapResult
from models.evaluation.mediapipe_process import NETWORKS
from models.evaluation.on_mocap import CONDITIONS
from models.evaluation.tables import details, footage_table, mocap_table
from pipeline.commands.options import add_refine_argument
from pipeline.detect.create import DETECTORS
from pipeline.errors import ConfigError
from pipeline.export.run_json import write_run_json
from pipeline.lift.create import create_refiner
from pipeline.lift.quality import QUALITIES, STANDARD, find_quality
from pipeline.runtime import Device, parse_device

_KINDS = ("mocap", "footage", "protocol")
_ASKED = {
    "mocap": "--on a motion capture file",
    "footage": "--on a folder of footage",
    "protocol": "--protocol",
}
_PROTOCOLS = ("human36m", "humaneva")
_QUALITIES = ",".join(name for name in QUALITIES if name != STANDARD)

_EPILOG = """\
what is judged on:
  mocap     --on FILE.npz: held-out people of motion capture, fixed virtual cameras (models/data/mocap.py)
  footage   --on FOLDER: videos with triangulated joints (models/evaluation/on_footage.py)
  protocol  --protocol human36m --on FOLDER: the files of VideoPose3D (models/data/videopose3d.py); MODEL may also be
            a checkpoint of training (.pt), or a published one (no_refine_*.pth), with --refine refine_*.pth.
            Li et al. 2022 give tables made with --flip and --refine. Needs PyTorch."""

OPTIONS = (
    Option(
        "--lookaheads",
        "also judge the full-sequence head at these look-aheads, as in 0,3,13 (where they fit the window)",
        {"mocap": None, "footage": None},
        metavar="FRAMES",
    ),
    Option(
        "--quality",
        f"also judge these qualities: {_QUALITIES}",
        {"mocap": None, "footage": None},
        metavar="NAMES",
    ),
    Option(
        "--known-focal",
        "lift with the cameras' true focal lengths: motion capture has them; footage has them if its files hold K",
        {"mocap": False, "footage": False},
        None,
    ),
    Option("--conditions", "kinds of 2D input", {"mocap": ",".join(CONDITIONS)}, metavar="NAMES"),
    Option("--cameras", "cameras per clip", {"mocap": CAMERAS}, int, "N"),
    Option("--seconds", "longest part of a clip", {"mocap": SECONDS}, float, "S"),
    Option("--detector", f"2D detector: {', '.join(DETECTORS)}", {"footage": "default"}, metavar="NAME"),
    Option("--focal-px", "the cameras' focal length, if known", {"footage": None}, float, "F"),
    Option(
        "--mediapipe",
        "also judge MediaPipe Pose, run by this interpreter that has mediapipe (benchmarks/requirements-mediapipe.txt);"
        " MODEL may be left out then",
        {"footage": None},
        metavar="PYTHON",
    ),
    Option(
        "--mediapipe-networks",
        f"MediaPipe's networks: {', '.join(NETWORKS.values())}",
        {"footage": "heavy"},
        metavar="NAMES",
    ),
    Option(
        "--keypoints",
        "2D file, or 'projected' for the projected truth (not given: cpn_ft_h36m_dbb, or gt for HumanEva-I)",
        {"protocol": None},
        metavar="NAME",
    ),
    Option("--flip", "average with the mirrored input, as published", {"protocol": False}, None),
    Option("--fraction", "use this contiguous share of each sequence", {"protocol": 1.0}, float, "SHARE"),
    Option("--stride", "use every Nth frame only; lowers the frame rate", {"protocol": 1}, int, "N"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``evaluate``."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("models", nargs="*", metavar="MODEL", help="a lifter in weights/, or the card (.json) of one")
    parser.add_argument("--on", type=Path, required=True, metavar="DATA", help="a file or a folder, see below")
    parser.add_argument("--protocol", choices=_PROTOCOLS, help="judge by a published protocol")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or tensorrt (default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads per model (default: one per core)")
    add_refine_argument(parser)
    add_options(parser, OPTIONS, _KINDS, "every kind of data")


def execute(options: argparse.Namespace) -> int:
    """Judge the models, print the tables, store the figures.

    The JSON file holds the figures of the model, or ``{"results": [...]}`` with one object per model where there are
    several; MediaPipe counts as one. See ``models/evaluation/figures.py`` and ``models/evaluation/published.py``.

    Raises:
        PoseStrideError: a model or the data can't be used, or an option is not valid.
    """
    device = parse_device(options.device)
    if options.threads < 0:
        raise ConfigError("threads", options.threads, "is not valid; use 0 (one per core) or more")
    kind = "protocol" if options.protocol else "footage" if options.on.is_dir() else "mocap"
    if kind == "mocap" and options.mediapipe is not None:
        raise ConfigError(
            "--mediapipe", None, f"needs footage, a folder; --on {options.on} holds keypoints without pictures"
        )
    _check_focal_length(options)
    own = chosen(options, OPTIONS, kind, _ASKED[kind])
    if not options.models and (kind != "footage" or own.mediapipe is None):
        raise ConfigError("MODEL", None, "was not given; name a lifter of weights/, as in lift-27")
    results = _on_protocol(options, own, device) if kind == "protocol" else _on_data(options, own, kind, device)
    if options.json is not None:
        write_run_json(options.json, results[0] if len(results) == 1 else {"results": results})
    return 0


def _check_focal_length(options: argparse.Namespace) -> None:
    if options.focal_px is not None and not options.focal_px > 0:
        raise ConfigError("focal_px", options.focal_px, "is not a focal length in pixels; for example 1100")
    if options.known_focal and options.focal_px is not None:
        raise ConfigError(
            "--known-focal", None, "and --focal-px both say what the focal length is; leave one of them out"
        )


def _on_data(
    options: argparse.Namespace, own: argparse.Namespace, kind: str, device: Device
) -> list[dict[str, object]]:
    known = own.known_focal or getattr(own, "focal_px", None) is not None
    if options.refine is not None and not known:
        raise ConfigError("refiner", options.refine, "needs the cameras' focal length: --focal-px or --known-focal")
    refiner = None if options.refine is None else create_refiner(options.refine)
    cards = [lifter_card(name) for name in options.models]
    asked = Asked(
        _lookaheads(own.lookaheads), _qualities(own.quality), device, options.threads, refiner, own.known_focal
    )
    if kind == "footage":
        networks = _networks(own.mediapipe_networks)
        on_views = on_footage(cards, asked, FootageJob(options.on, own.detector, own.focal_px, own.mediapipe, networks))
        return _print_footage(on_views)
    job = MocapJob(options.on, _conditions(own.conditions), own.cameras, own.seconds)
    return _print_mocap(on_mocap(cards, asked, job))


def _print_footage(results: Sequence[FootageResult]) -> list[dict[str, object]]:
    print(footage_table(results))
    return [result.to_json() for result in results]


def _print_mocap(results: Sequence[MocapResult]) -> list[dict[str, object]]:
    """Print the table, then errors per joint and action with detector-like input (or else the first kind)."""
    texts = [mocap_table(results)]
    for result in results:
        found = list(result.conditions)
        texts.append(details(result, ALTERNATIVES_CONDITION if ALTERNATIVES_CONDITION in found else found[0]))
    print("\n\n".join(texts))
    return [result.to_json() for result in results]


def _on_protocol(options: argparse.Namespace, own: argparse.Namespace, device: Device) -> list[dict[str, object]]:
    from models.evaluation.published import PublishedJob, on_protocol, tables

    refine = None if options.refine is None else Path(options.refine)
    if refine is not None and refine.suffix != ".pth":
        raise ConfigError("refiner", refine, "with --protocol is not a published module; give its refine_*.pth")
    job = PublishedJob(options.protocol, options.on, own.keypoints, own.flip, refine, own.fraction, own.stride)
    results = [on_protocol(_model_file(name), job, device, options.threads) for name in options.models]
    print(tables(results))
    return [result.to_json() for result in results]


def _model_file(text: str) -> Path:
    """The file of a model, by its name in weights/, its card or its path."""
    path = Path(text)
    return path if path.suffix and path.suffix != ".json" else lifter_card(text).model_path


def _lookaheads(text: str | None) -> list[int]:
    words = words_of(text)
    if not all(word.isdecimal() for word in words):
        raise ConfigError("--lookaheads", text, "is not valid; give numbers of frames, as in 0,3,13")
    return sorted({int(word) for word in words})


def _qualities(text: str | None) -> list[str]:
    """The qualities asked for, without the standard one, which is always judged."""
    names = words_of(text)
    for name in names:
        find_quality(name)
    return [name for name in QUALITIES if name in names and name != STANDARD]


def _conditions(text: str) -> list[str]:
    names = known_names("--conditions", text, CONDITIONS)
    return [name for name in CONDITIONS if name in names]


def _networks(text: str) -> list[int]:
    names = known_names("--mediapipe-networks", text, NETWORKS.values())
    return [complexity for complexity, name in NETWORKS.items() if name in names]
