"""What the benchmarks of live runs judge, and on what: lifters, motion capture, footage."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.measuring import CPU, quiet
from models.data.mocap import load_mocap
from models.evaluation.clips import CAMERAS, SECONDS, SeenClip, seen_clips
from models.evaluation.evaluate import lifter_card
from models.evaluation.live import Seen, Tier, judge_clips, judge_views, look
from models.evaluation.on_footage import View, load_views
from models.evaluation.on_mocap import CONDITIONS
from pipeline.detect.create import DETECTORS, create_detector
from pipeline.lift.base import PreviewLifter
from pipeline.lift.create import DEFAULT_MODEL, LIVE_MODEL
from pipeline.lift.network import OnnxNetwork
from pipeline.lift.paired import PairedLifter
from pipeline.lift.windows import WindowLifter

DEFAULT_LIFTER = f"{DEFAULT_MODEL}+{LIVE_MODEL}"
CONDITION = "detector_like"

Figures = Mapping[str, Any]
"""As ``models.evaluation`` makes them (``scores.summary``, ``on_footage.score``); they go into files as they are."""


@dataclass(frozen=True)
class Footage:
    """Clips with triangulated joints, and what the detector finds in each."""

    views: Sequence[View]
    seen: Sequence[Seen]

    @property
    def rate_hz(self) -> float:
        """Of the first one."""
        return self.seen[0].rate_hz


@dataclass(frozen=True)
class Judged:
    """Figures by tier, see ``models.evaluation.live``; None where there were no data of that kind."""

    mocap: dict[Tier, Figures] | None
    footage: dict[Tier, Figures] | None

    def averages(self) -> dict[Tier, Figures]:
        """Of the footage: the means over its views."""
        return {tier: figures["average"] for tier, figures in (self.footage or {}).items()}

    def to_json(self) -> dict[str, object]:
        """What there is, under ``mocap`` and ``footage``."""
        parts = {"mocap": self.mocap, "footage": self.footage}
        return {name: {str(tier): of for tier, of in part.items()} for name, part in parts.items() if part is not None}


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """What is judged on, and how much of it."""
    parser.add_argument("--data", type=Path, metavar="FILE", help="motion capture file (.npz)")
    parser.add_argument("--footage", type=Path, metavar="FOLDER", help="clips with triangulated joints")
    parser.add_argument("--detector", default="default", choices=list(DETECTORS), help="of the footage")
    parser.add_argument("--cameras", type=int, default=CAMERAS, help="motion capture: per clip, default %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="motion capture: longest part of a clip, default %(default)g"
    )
    parser.add_argument("--clips", type=int, metavar="N", help="motion capture: at most so many, for a quick look")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads per model, default %(default)s")


def load_clips(options: argparse.Namespace) -> list[SeenClip]:
    """The motion capture that the options name, spread over the file where ``--clips`` leaves some out."""
    if options.data is None:
        return []
    clips = list(seen_clips(load_mocap(options.data), options.cameras, options.seconds))
    if options.clips is None or options.clips >= len(clips):
        return clips
    return [clips[number * len(clips) // options.clips] for number in range(options.clips)]


def load_footage(options: argparse.Namespace, every: int = 1) -> Footage:
    """The footage that the options name, and what the detector finds in it; a fresh one for each video."""
    if options.footage is None:
        return Footage([], [])
    views, seen = load_views(options.footage), []
    for view in views:
        with create_detector(options.detector, device=CPU, threads=options.threads) as detector:
            seen.append(look(view, detector, every))
    return Footage(views, seen)


def live_lifter(text: str, threads: int) -> PreviewLifter:
    """The lifter of a live run: of one model, or of two with a plus sign between them.

    Raises:
        ModelError: there is no such model.
        ConfigError: the two make no pair.
    """
    settled, _, preview = text.partition("+")
    lifter = _lifter(settled, threads)
    return PairedLifter(lifter, _lifter(preview, threads)) if preview else lifter


def _lifter(name: str, threads: int) -> WindowLifter:
    return WindowLifter(OnnxNetwork(lifter_card(name), CPU, threads))


def title_of(lifter: PreviewLifter) -> str:
    """Names of a live run's models, as ``live_lifter`` takes them."""
    return "+".join(model.name for model in lifter.models.values())


def judge(
    lifter: PreviewLifter,
    clips: Sequence[SeenClip],
    footage: Footage,
    lookaheads: Sequence[int],
    every: int = 1,
    title: str | None = None,
) -> Judged:
    """Judge a lifter at these look-aheads on all that there is.

    Args:
        lifter: of settled poses and previews.
        clips: motion capture.
        footage: looked at every ``every`` frames already.
        lookaheads: of the previews, in frames of the window.
        every: the detector looks at every so many frames.
        title: of the progress bar.
    """
    of_mocap = of_footage = None
    if clips:
        frames = sum(len(clip.truth_m) for clip in clips)
        with tqdm(total=frames, unit="frame", desc=title, disable=quiet()) as progress:
            of_mocap = judge_clips(lifter, clips, CONDITIONS[CONDITION], lookaheads, every, progress.update)
    if footage.views:
        of_footage = judge_views(lifter, footage.views, footage.seen, lookaheads)
    return Judged({**of_mocap} if of_mocap else None, {**of_footage} if of_footage else None)
