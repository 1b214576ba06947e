"""The evaluation of finished lifters, through the pipeline's windows and ONNX Runtime; one row of figures per model.

On a motion capture file (layout in ``models/data/mocap.py``): held-out people seen by fixed virtual cameras, with clean
and with disturbed keypoints. On a folder of footage with triangulated joints (layout in
``models/evaluation/on_footage.py``): the whole pipeline, detector and lifter, and on request MediaPipe Pose beside
it. PyTorch is not needed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from models.evaluation.sequence_head import SequenceHead
from pipeline.detect.create import create_detector
from pipeline.errors import ConfigError, DataError, ModelError
from pipeline.lift.base import Lifter
from pipeline.lift.create import lifter_on
from pipeline.lift.network import OnnxNetwork
from pipeline.lift.quality import STANDARD
from pipeline.lift.refine import Refiner
from pipeline.lift.windows import WindowLifter
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.runtime import Device
from pipeline.runtime.cards import LifterCard, find_card, read_card

ALTERNATIVES_CONDITION = "detector_like"
"""The kind of 2D input with which look-aheads and qualities are judged."""


@dataclass(frozen=True)
class Asked:
    """The ways of getting poses to judge for each model, and how the model is loaded.

    Attributes:
        lookaheads: look-aheads of the full-sequence head, in frames; those that do not fit a window are left out.
        qualities: names of ways to lift, besides the standard one.
        device, threads: where the models run.
        refiner: module that refines the poses; None: none.
        known_focal: whether the lifters are told the cameras' true focal lengths.
    """

    lookaheads: Sequence[int]
    qualities: Sequence[str]
    device: Device
    threads: int
    refiner: Refiner | None = None
    known_focal: bool = False

    def network(self, card: LifterCard) -> OnnxNetwork:
        """The loaded network of a model."""
        return OnnxNetwork(card, self.device, self.threads)

    def lifter(self, network: OnnxNetwork, quality: str = STANDARD) -> Lifter:
        """A lifter of this quality on a network."""
        return lifter_on(network, quality, self.refiner)

    def heads(self, network: OnnxNetwork) -> list[SequenceHead]:
        """The full-sequence head of a model at all look-aheads that fit its window."""
        lifter = WindowLifter(network, self.refiner)
        return [SequenceHead(lifter, at) for at in self.lookaheads if at < network.card.window]

    def lens(self) -> LensFields:
        """Whether focal lengths are known, and the refine module, for reports."""
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
        folder: folder of the footage.
        detector: name of the detector of the lifters' keypoints.
        focal_px: focal length of all cameras, if known.
        mediapipe: an interpreter with mediapipe, to judge that too; None: don't.
        complexities: MediaPipe's networks, see ``NETWORKS``.
    """

    folder: Path
    detector: str = "default"
    focal_px: float | None = None
    mediapipe: str | None = None
    complexities: Sequence[int] = (2,)


def lifter_card(text: str) -> LifterCard:
    """The card of a lifter by name, or by the path of its card.

    Raises:
        ModelError: there is no such card, or it is not a lifter's.
    """
    path = Path(text)
    if path.suffix not in (".json", ".onnx"):
        return find_card(text, LifterCard)
    card = read_card(path.with_suffix(".json"))
    if not isinstance(card, LifterCard):
        raise ModelError(f"{path}: model {card.name} is a {card.kind}; only lifters can be evaluated")
    return card


def on_mocap(cards: Sequence[LifterCard], asked: Asked, job: MocapJob) -> list[MocapResult]:
    """Judge lifters on motion capture.

    Raises:
        ConfigError: a number is out of range.
        DataError: the file can't be read, or has no clip that is long enough.
    """
    if job.cameras < 1 or not job.seconds * RATE_HZ >= 3:
        raise ConfigError(
            "--cameras", job.cameras, f"and --seconds {job.seconds:g} are not valid; use at least 1 camera and 0.1 s"
        )
    mocap = load_mocap(job.file)
    clips = list(seen_clips(mocap, job.cameras, job.seconds))
    if not clips:
        raise DataError(f"{job.file}: none of its {len(mocap)} clips has three frames; nothing to judge")
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


def _on_clips(
    card: LifterCard, asked: Asked, clips: Sequence[SeenClip], data: str, protocol: MocapProtocol
) -> MocapResult:
    """The figures of one model: all conditions; with detector-like input also other look-aheads and qualities."""
    network = asked.network(card)
    heads = asked.heads(network)
    frames = sum(len(clip.truth_m) for clip in clips)
    passes = len(protocol["conditions"]) + len(heads) + len(asked.qualities)
    with tqdm(total=frames * passes, unit="frame", desc=card.name, disable=not sys.stderr.isatty()) as progress:

        def figures(lifter: Lifter, condition: str = ALTERNATIVES_CONDITION) -> ConditionFigures:
            return judge(lifter, clips, CONDITIONS[condition], progress.update, asked.known_focal)

        lifter = asked.lifter(network)
        conditions = {name: figures(lifter, name) for name in protocol["conditions"]}
        alternatives = Alternatives([HeadFigures(head.spec.lookahead, figures(head)) for head in heads])
        for name in asked.qualities:
            before = network.passes
            found = figures(asked.lifter(network, name))
            alternatives.qualities.append(QualityFigures(name, round((network.passes - before) / frames, 3), found))
    return MocapResult(_model_fields(card), data, protocol, conditions, alternatives)


def on_footage(cards: Sequence[LifterCard], asked: Asked, job: FootageJob) -> list[FootageResult]:
    """Judge lifters on footage, and MediaPipe if asked for.

    Raises:
        PoseStrideError: the footage can't be read or lacks intrinsics that are needed, or MediaPipe failed.
    """
    views = load_views(job.folder)
    focal_px = _focal_lengths(views, asked, job)
    beside: list[FootageResult] = []
    if job.mediapipe is not None:  # first, since it may be missing
        beside = [reference(views, job.mediapipe, complexity, job.folder.name) for complexity in job.complexities]
    if not cards:
        return beside
    with create_detector(job.detector, device=asked.device, threads=asked.threads) as detector:
        found = {view.name: detect(view, detector) for view in views}
    return [_on_views(card, asked, job, views, found, focal_px) for card in cards] + beside


def _on_views(
    card: LifterCard,
    asked: Asked,
    job: FootageJob,
    views: Sequence[View],
    found: dict[str, Remembered],
    focal_px: Sequence[float | None],
) -> FootageResult:
    def figures(lifter: Lifter) -> FootageFigures:
        scores = {
            view.name: score(lift_view(view, found[view.name], lifter, focal), view)
            for view, focal in zip(views, focal_px, strict=True)
        }
        return {"views": scores, "average": average(list(scores.values()))}

    frames = sum(len(detector.poses) for detector in found.values())
    network = asked.network(card)
    plain = figures(asked.lifter(network))
    alternatives = Alternatives([HeadFigures(head.spec.lookahead, figures(head)) for head in asked.heads(network)])
    for name in asked.qualities:
        before = network.passes
        of_quality = figures(asked.lifter(network, name))
        alternatives.qualities.append(QualityFigures(name, round((network.passes - before) / frames, 3), of_quality))
    return FootageResult(
        _model_fields(card), job.folder.name, plain, job.detector, job.focal_px, asked.lens(), alternatives
    )


def _model_fields(card: LifterCard) -> ModelFields:
    return {
        "name": card.name,
        "sha256": card.sha256,
        "window": card.window,
        "lookahead": card.lookahead,
        "normalisation": card.normalisation,
    }


def _focal_lengths(views: Sequence[View], asked: Asked, job: FootageJob) -> list[float | None]:
    if not asked.known_focal:
        return [job.focal_px] * len(views)
    for view in views:
        if view.focal_px is None:
            raise ConfigError(
                "--known-focal", None, f"needs intrinsics (K), which the truth of {view.name} lacks; give --focal-px"
            )
    return [view.focal_px for view in views]
