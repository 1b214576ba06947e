"""Judge finished lifters, one row of figures per model, through the pipeline's windows and ONNX Runtime.

On a motion capture file (layout in ``models/data/mocap.py``): held-out people seen by fixed virtual cameras, with clean
and with disturbed keypoints. On a folder of footage with triangulated joints (layout in
``models/evaluation/on_footage.py``): the whole pipeline, detector and lifter, and MediaPipe Pose beside it where it is
asked for. PyTorch is not needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from tqdm import tqdm

from models.data.mocap import load_mocap
from models.evaluation.clips import CAMERAS, RATE_HZ, SECONDS, SeenClip, seen_clips
from models.evaluation.figures import (
    Alternatives,
    ConditionFigures,
    FootageFigures,
    FootageResult,
    HeadFigures,
    LensFields,
    MocapProtocol,
    MocapResult,
    ModelFields,
    QualityFigures,
)
from models.evaluation.mediapipe_reference import reference
from models.evaluation.on_footage import Remembered, View, average, detect, lift_view, load_views, score
from models.evaluation.on_mocap import CONDITIONS, judge
from pipeline.detect import create_detector
from pipeline.errors import ConfigError, ModelError
from pipeline.lift.onnx import OnnxLifter, SequenceLifter
from pipeline.lift.quality import STANDARD, create_lifter
from pipeline.lift.refine import Refiner
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.runtime import Device
from pipeline.runtime.cards import Card, find_card, read_card

ALTERNATIVES_CONDITION = "detector_like"
"""The kind of 2D input with which look-aheads and qualities are judged."""


@dataclass(frozen=True)
class Asked:
    """Ways to get poses that are judged of each model, and how it is loaded.

    Attributes:
        lookaheads: of the full-sequence head, in frames; those that do not fit a window are left out.
        qualities: names of ways to lift, besides the standard one.
        device, threads: of the models.
        refiner: what corrects the poses.
        known_focal: whether the lifters are told the cameras' true focal lengths.
    """

    lookaheads: Sequence[int]
    qualities: Sequence[str]
    device: Device
    threads: int
    refiner: Refiner | None = None
    known_focal: bool = False

    def lifter(self, card: Card, quality: str = STANDARD) -> OnnxLifter:
        """A model, lifting in one of the ways."""
        return create_lifter(card, self.device, self.threads, quality, self.refiner)

    def heads(self, card: Card) -> list[SequenceLifter]:
        """The full-sequence head of a model at all look-aheads that fit its window."""
        fitting = [lookahead for lookahead in self.lookaheads if lookahead < card.data["window"]]
        return [SequenceLifter(card, at, self.device, self.threads, self.refiner) for at in fitting]

    def lens(self) -> LensFields:
        """The cameras, as far as they are known."""
        lens: LensFields = {"known_focal": True} if self.known_focal else {}
        if self.refiner is not None:
            lens["refined_by"] = {"name": self.refiner.card.name, "sha256": self.refiner.card.sha256}
        return lens


@dataclass(frozen=True)
class MocapJob:
    """Motion capture to judge on.

    Attributes:
        file: the motion capture.
        conditions: names of ``CONDITIONS``.
        cameras: per clip.
        seconds: longest part of a clip.
    """

    file: Path
    conditions: Sequence[str] = tuple(CONDITIONS)
    cameras: int = CAMERAS
    seconds: float = SECONDS


@dataclass(frozen=True)
class FootageJob:
    """Footage to judge on.

    Attributes:
        folder: the footage.
        detector: name of the detector of the lifters' keypoints.
        focal_px: of all cameras, if it is known.
        mediapipe: an interpreter that has mediapipe, to judge it too.
        complexities: MediaPipe's networks, see ``NETWORKS``.
    """

    folder: Path
    detector: str = "default"
    focal_px: float | None = None
    mediapipe: str | None = None
    complexities: Sequence[int] = (2,)


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


def on_mocap(cards: Sequence[Card], asked: Asked, job: MocapJob) -> list[MocapResult]:
    """Judge lifters on motion capture.

    Raises:
        ConfigError: the file can't be read, or has no clip that is long enough; or a number is out of range.
    """
    if job.cameras < 1 or not job.seconds * RATE_HZ >= 3:
        raise ConfigError(
            f"--cameras {job.cameras} --seconds {job.seconds:g} is not valid; use at least 1 camera and 0.1 s"
        )
    mocap = load_mocap(job.file)
    clips = list(seen_clips(mocap, job.cameras, job.seconds))
    if not clips:
        raise ConfigError(f"--on {job.file}: none of its {len(mocap)} clips has three frames; nothing to judge")
    protocol: MocapProtocol = {
        "conditions": list(job.conditions),
        "rate_hz": RATE_HZ,
        "stature_m": MODEL_STATURE_M,
        "cameras_per_clip": job.cameras,
        "longest_part_s": job.seconds,
        "clips": len(clips) // job.cameras,
        "people": sorted({clip.subject for clip in clips}),
        **asked.lens(),
    }
    return [_on_clips(card, asked, clips, job.file.name, protocol) for card in cards]


def _on_clips(card: Card, asked: Asked, clips: Sequence[SeenClip], data: str, protocol: MocapProtocol) -> MocapResult:
    """The conditions of one model; with detector-like input also look-aheads of its sequence head, and qualities."""
    heads = asked.heads(card)
    frames = sum(len(clip.truth_m) for clip in clips)
    passes = len(protocol["conditions"]) + len(heads) + len(asked.qualities)
    with tqdm(total=frames * passes, unit="frame", desc=card.name, disable=not sys.stderr.isatty()) as progress:

        def figures(lifter: OnnxLifter, condition: str = ALTERNATIVES_CONDITION) -> ConditionFigures:
            found = judge(lifter, clips, CONDITIONS[condition], progress.update, asked.known_focal)
            return cast(ConditionFigures, found)

        lifter = asked.lifter(card)
        conditions = {name: figures(lifter, name) for name in protocol["conditions"]}
        alternatives = Alternatives([HeadFigures(head.lookahead, figures(head)) for head in heads])
        for name in asked.qualities:
            lifter = asked.lifter(card, name)
            found = figures(lifter)
            alternatives.qualities.append(QualityFigures(name, round(lifter.passes / frames, 3), found))
    return MocapResult(_fields(card), data, protocol, conditions, alternatives)


def on_footage(cards: Sequence[Card], asked: Asked, job: FootageJob) -> list[FootageResult]:
    """Judge lifters, and MediaPipe if it is asked for, on footage.

    Raises:
        PoseStrideError: the footage can't be read, lacks what is asked of it, or MediaPipe failed.
    """
    views = load_views(job.folder)
    focal_px = _focal_lengths(views, asked, job)
    beside: list[FootageResult] = []
    if job.mediapipe is not None:  # first: it is what may be missing
        beside = [reference(views, job.mediapipe, complexity, job.folder.name) for complexity in job.complexities]
    if not cards:
        return beside
    found: dict[str, Remembered] = {}
    for view in views:
        # a fresh detector for each video, so that nothing is followed from one to the next
        with closing(create_detector(job.detector, asked.device, asked.threads)) as detector:
            found[view.name] = detect(view, detector)
    return [_on_views(card, asked, job, views, found, focal_px) for card in cards] + beside


def _on_views(
    card: Card,
    asked: Asked,
    job: FootageJob,
    views: Sequence[View],
    found: dict[str, Remembered],
    focal_px: Sequence[float | None],
) -> FootageResult:
    def figures(lifter: OnnxLifter) -> FootageFigures:
        scores = {
            view.name: score(lift_view(view, found[view.name], lifter, focal), view)
            for view, focal in zip(views, focal_px, strict=True)
        }
        return cast(FootageFigures, {"views": scores, "average": average(list(scores.values()))})

    frames = sum(len(detector.poses) for detector in found.values())
    plain = figures(asked.lifter(card))
    alternatives = Alternatives([HeadFigures(head.lookahead, figures(head)) for head in asked.heads(card)])
    for name in asked.qualities:
        lifter = asked.lifter(card, name)
        of_quality = figures(lifter)
        alternatives.qualities.append(QualityFigures(name, round(lifter.passes / frames, 3), of_quality))
    return FootageResult(_fields(card), job.folder.name, plain, job.detector, job.focal_px, asked.lens(), alternatives)


def _fields(card: Card) -> ModelFields:
    return {
        "name": card.name,
        "sha256": card.sha256,
        "window": card.data["window"],
        "lookahead": card.data["lookahead"],
        "normalisation": card.data["normalisation"],
    }


def _focal_lengths(views: Sequence[View], asked: Asked, job: FootageJob) -> list[float | None]:
    if not asked.known_focal:
        return [job.focal_px] * len(views)
    for view in views:
        if view.focal_px is None:
            raise ConfigError(f"--known-focal: the truth of {view.name} holds no intrinsics (K); give --focal-px")
    return [view.focal_px for view in views]
