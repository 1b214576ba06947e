"""``evaluate``: judge finished lifters, one row of figures per model.

On a motion capture file (layout in ``models/data/mocap.py``): held-out people seen by fixed virtual cameras, with clean
and with disturbed keypoints, through the pipeline's windows and ONNX Runtime. On a folder of footage with triangulated
joints (layout in ``models/evaluation/on_footage.py``): the whole pipeline, detector and lifter, and MediaPipe Pose
beside it where it is asked for. PyTorch is not needed.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from models.data.mocap import STATURE_M, load_mocap
from models.evaluation.clips import CAMERAS, RATE_HZ, SECONDS, SeenClip, seen_clips
from models.evaluation.mediapipe_reference import reference
from models.evaluation.on_footage import Remembered, View, average, detect, lift_view, load_views, score
from models.evaluation.on_mocap import CONDITIONS, judge
from models.evaluation.tables import details, footage_table, mocap_table
from pipeline.commands.options import add_refine_argument, find_refiner
from pipeline.detect import DETECTORS, create_detector
from pipeline.errors import ConfigError, ModelError
from pipeline.export.run_json import write_run_json
from pipeline.lift.onnx import OnnxLifter, SequenceLifter
from pipeline.lift.quality import QUALITIES, STANDARD, create_lifter, find_quality
from pipeline.lift.refine import Refiner
from pipeline.runtime import Device, parse_device
from pipeline.runtime.cards import Card, find_card, read_card

_LOOKAHEAD_CONDITION = "detector_like"
_MEDIAPIPE_HEAVY = 2


@dataclass(frozen=True)
class _Asked:
    """What is judged of each model, and how it is loaded."""

    lookaheads: list[int]
    qualities: list[str]
    device: Device
    threads: int
    refiner: Refiner | None

    def lifter(self, card: Card, quality: str = STANDARD) -> OnnxLifter:
        return create_lifter(card, self.device, self.threads, quality, self.refiner)

    def head(self, card: Card, lookahead: int) -> SequenceLifter:
        return SequenceLifter(card, lookahead, self.device, self.threads, self.refiner)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``evaluate``."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="a lifter of weights/, or the card (.json) of one")
    parser.add_argument(
        "--on", type=Path, required=True, metavar="DATA", help="a motion capture file (.npz), or a folder of footage"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument(
        "--conditions",
        default=",".join(CONDITIONS),
        metavar="NAMES",
        help=f"motion capture: kinds of 2D input (default: {','.join(CONDITIONS)})",
    )
    parser.add_argument(
        "--lookaheads",
        metavar="FRAMES",
        help="also judge the full-sequence head at these look-aheads, as in 0,3,13 (those that fit the window)",
    )
    parser.add_argument(
        "--quality",
        metavar="NAMES",
        help=f"also judge these ways to lift: {','.join(name for name in QUALITIES if name != STANDARD)}",
    )
    parser.add_argument("--cameras", type=int, default=CAMERAS, help=f"motion capture: per clip (default {CAMERAS})")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help=f"motion capture: longest part of a clip (default {SECONDS:g})"
    )
    parser.add_argument(
        "--detector", default="default", metavar="NAME", help=f"footage: {', '.join(DETECTORS)} (default: default)"
    )
    parser.add_argument("--focal-px", type=float, metavar="F", help="footage: the cameras' focal length, if known")
    parser.add_argument(
        "--known-focal",
        action="store_true",
        help="lift with the cameras' true focal lengths: motion capture has them, footage where its files hold K",
    )
    add_refine_argument(parser)
    parser.add_argument(
        "--mediapipe",
        metavar="PYTHON",
        help="footage: also judge MediaPipe Pose (heavy), run by this interpreter that has mediapipe "
        "(benchmarks/requirements-mediapipe.txt)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or tensorrt (default: auto)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads per model (default: one per core)")


def execute(options: argparse.Namespace) -> int:
    """Judge, print the tables, store the figures.

    The JSON file holds the object of the model, or ``{"results": [...]}`` with one object per model where there are
    several; MediaPipe counts as one. On motion capture it has one key per condition (see ``CONDITIONS`` and
    ``scores.summary``), on footage ``views`` and ``average`` (see ``on_footage.score``); both have ``lookaheads`` and
    ``qualities`` where these were asked for (on motion capture with detector-like input).

    Raises:
        PoseStrideError: what went wrong.
    """
    device = parse_device(options.device)
    if options.threads < 0:
        raise ConfigError(f"--threads {options.threads} is not valid; use 0 (one per core) or more")
    if options.focal_px is not None and not options.focal_px > 0:
        raise ConfigError(f"--focal-px {options.focal_px:g} is not a focal length in pixels; for example 1100")
    if options.mediapipe is not None and not options.on.is_dir():
        raise ConfigError(f"--mediapipe needs footage, a folder; --on {options.on} holds keypoints without pictures")
    if options.known_focal and options.focal_px is not None:
        raise ConfigError("--known-focal and --focal-px both say what the focal length is; leave one of them out")
    refiner = find_refiner(options.refine, options.known_focal or options.focal_px is not None)
    cards = [lifter_card(name) for name in options.models]
    asked = _Asked(_lookaheads(options.lookaheads), _qualities(options.quality), device, options.threads, refiner)
    if options.on.is_dir():
        results = _on_footage(cards, asked, options)
        print(footage_table(results))
    else:
        results = _on_mocap(cards, asked, options)
        print("\n\n".join([mocap_table(results), *_details(results)]))
    if options.json is not None:
        write_run_json(options.json, results[0] if len(results) == 1 else {"results": results})
    return 0


def lifter_card(text: str) -> Card:
    """The card of a lifter by name, or by the path of its card.

    Raises:
        ModelError: there is none, or it is not a lifter's.
    """
    path = Path(text)
    if path.suffix not in (".json", ".onnx"):
        return find_card(text, "lifter")
    card = read_card(path.with_suffix(".json"))
    if card.kind != "lifter":
        raise ModelError(f"{path}: model {card.name} is a {card.kind}; only lifters can be evaluated")
    return card


def _lookaheads(text: str | None) -> list[int]:
    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    if not all(word.isdecimal() for word in words):
        raise ConfigError(f"--lookaheads {text!r} is not valid; give numbers of frames, as in 0,3,13")
    return sorted({int(word) for word in words})


def _qualities(text: str | None) -> list[str]:
    """Those that were asked for, without the one that is judged anyway."""
    names = [word.strip() for word in (text or "").split(",") if word.strip()]
    for name in names:
        find_quality(name)
    return [name for name in QUALITIES if name in names and name != STANDARD]


def _conditions(text: str) -> list[str]:
    names = [word.strip() for word in text.split(",") if word.strip()]
    for name in names:
        if name not in CONDITIONS:
            near = difflib.get_close_matches(name, CONDITIONS, n=1, cutoff=0.4)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(f"--conditions: {name!r} is not known; {hint}there are: {', '.join(CONDITIONS)}")
    if not names:
        raise ConfigError(f"--conditions names none; there are: {', '.join(CONDITIONS)}")
    return [name for name in CONDITIONS if name in names]


def _model(card: Card) -> dict[str, Any]:
    fields = ("window", "lookahead", "normalisation")
    return {"name": card.name, "sha256": card.sha256, **{field: card.data[field] for field in fields}}


def _on_mocap(cards: list[Card], asked: _Asked, options: argparse.Namespace) -> list[dict[str, Any]]:
    conditions = _conditions(options.conditions)
    if options.cameras < 1 or not options.seconds * RATE_HZ >= 3:
        raise ConfigError(
            f"--cameras {options.cameras} --seconds {options.seconds:g} is not valid; use at least 1 camera and 0.1 s"
        )
    mocap = load_mocap(options.on)
    clips = list(seen_clips(mocap, options.cameras, options.seconds))
    if not clips:
        raise ConfigError(f"--on {options.on}: none of its {len(mocap)} clips has three frames; nothing to judge")
    protocol = {
        "conditions": conditions,
        "rate_hz": RATE_HZ,
        "stature_m": STATURE_M,
        "cameras_per_clip": options.cameras,
        "longest_part_s": options.seconds,
        "clips": len(clips) // options.cameras,
        "people": sorted({clip.subject for clip in clips}),
        **_lens(options, asked.refiner),
    }
    return [
        {
            "model": _model(card),
            "data": options.on.name,
            "protocol": protocol,
            **_judged(card, clips, conditions, asked, options.known_focal),
        }
        for card in cards
    ]


def _judged(
    card: Card, clips: list[SeenClip], conditions: list[str], asked: _Asked, known_focal: bool
) -> dict[str, Any]:
    """The conditions of one model; with detector-like input also look-aheads of its sequence head, and qualities."""
    lifter = asked.lifter(card)
    at = _fitting(card, asked.lookaheads)
    frames = sum(len(clip.truth_m) for clip in clips)
    quiet = not sys.stderr.isatty()
    with tqdm(
        total=frames * (len(conditions) + len(at) + len(asked.qualities)), unit="frame", desc=card.name, disable=quiet
    ) as progress:
        result: dict[str, Any] = {
            name: judge(lifter, clips, CONDITIONS[name], progress.update, known_focal) for name in conditions
        }
        recipe = CONDITIONS[_LOOKAHEAD_CONDITION]
        if at:
            heads = [asked.head(card, lookahead) for lookahead in at]
            result["lookaheads"] = [
                _entry(head.lookahead, judge(head, clips, recipe, progress.update, known_focal)) for head in heads
            ]
        for name in asked.qualities:
            lifter = asked.lifter(card, name)
            figures = judge(lifter, clips, recipe, progress.update, known_focal)
            result.setdefault("qualities", []).append(_quality_entry(name, lifter, frames, figures))
    return result


def _on_footage(cards: list[Card], asked: _Asked, options: argparse.Namespace) -> list[dict[str, Any]]:
    views = load_views(options.on)
    focal_px = _focal_lengths(views, options)
    beside = []
    if options.mediapipe is not None:  # first: it is what may be missing
        beside = [{"data": options.on.name, **reference(views, options.mediapipe, _MEDIAPIPE_HEAVY)}]
    found: dict[str, Remembered] = {}
    for view in views:
        # a fresh detector for each video, so that nothing is followed from one to the next
        with closing(create_detector(options.detector, asked.device, asked.threads)) as detector:
            found[view.name] = detect(view, detector)
    results = []
    for card in cards:
        result = {
            "model": _model(card),
            "data": options.on.name,
            "detector": options.detector,
            "focal_px": options.focal_px,
            **_lens(options, asked.refiner),
            **_scored(asked.lifter(card), views, found, focal_px),
        }
        at = _fitting(card, asked.lookaheads)
        if at:
            heads = [asked.head(card, lookahead) for lookahead in at]
            result["lookaheads"] = [_entry(head.lookahead, _scored(head, views, found, focal_px)) for head in heads]
        for name in asked.qualities:
            lifter = asked.lifter(card, name)
            figures = _scored(lifter, views, found, focal_px)
            frames = sum(len(detector.poses) for detector in found.values())
            result.setdefault("qualities", []).append(_quality_entry(name, lifter, frames, figures))
        results.append(result)
    return results + beside


def _lens(options: argparse.Namespace, refiner: Refiner | None) -> dict[str, Any]:
    """What the results say of the cameras, where anything was asked for."""
    known = {"known_focal": True} if options.known_focal else {}
    if refiner is None:
        return known
    return {**known, "refined_by": {"name": refiner.card.name, "sha256": refiner.card.sha256}}


def _focal_lengths(views: list[View], options: argparse.Namespace) -> list[float | None]:
    if not options.known_focal:
        return [options.focal_px] * len(views)
    for view in views:
        if view.focal_px is None:
            raise ConfigError(f"--known-focal: the truth of {view.name} holds no intrinsics (K); give --focal-px")
    return [view.focal_px for view in views]


def _scored(
    lifter: OnnxLifter, views: list[View], found: dict[str, Remembered], focal_px: list[float | None]
) -> dict[str, Any]:
    scores = {
        view.name: score(lift_view(view, found[view.name], lifter, focal), view)
        for view, focal in zip(views, focal_px, strict=True)
    }
    return {"views": scores, "average": average(list(scores.values()))}


def _fitting(card: Card, lookaheads: list[int]) -> list[int]:
    return [lookahead for lookahead in lookaheads if lookahead < card.data["window"]]


def _entry(lookahead: int, figures: dict[str, Any]) -> dict[str, Any]:
    return {"head": "sequence", "lookahead": lookahead, **figures}


def _quality_entry(name: str, lifter: OnnxLifter, frames: int, figures: dict[str, Any]) -> dict[str, Any]:
    return {"quality": name, "passes_per_frame": round(lifter.passes / frames, 3), **figures}


def _details(results: list[dict[str, Any]]) -> list[str]:
    """Per joint and action with detector-like input (or the first kind there is)."""
    texts = []
    for result in results:
        conditions = result["protocol"]["conditions"]
        texts.append(details(result, _LOOKAHEAD_CONDITION if _LOOKAHEAD_CONDITION in conditions else conditions[0]))
    return texts
