"""The figures of an evaluation, in the layout of ``evaluate --json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypedDict, TypeVar

Mm = float | None
"""A mean error in mm; None where there was nothing to measure."""


class GroupFigures(TypedDict):
    """Figures of the frames of one action or person."""

    mpjpe_mm: Mm
    p_mpjpe_mm: Mm
    frames: int


class PoseFigures(TypedDict):
    """Figures of poses on motion capture, see ``models.evaluation.scores.summary``."""

    mpjpe_mm: Mm
    p_mpjpe_mm: Mm
    n_mpjpe_mm: Mm
    mpjve_mm: Mm
    acceleration_error_mm: Mm
    bone_length_variation_percent: float | None
    upper_body_mpjpe_mm: Mm
    upper_body_p_mpjpe_mm: Mm
    per_joint_mm: dict[str, Mm]
    per_action: dict[str, GroupFigures]
    per_subject: dict[str, GroupFigures]
    frames: int
    frames_without_pose: int


class ConditionFigures(PoseFigures):
    """Figures of one kind of 2D input; ``recipe`` holds the fields of its ``NoiseRecipe``."""

    recipe: dict[str, float]


class AverageFigures(TypedDict):
    """Means over the views of footage; jitter is the mean second difference."""

    p_mpjpe_mm: Mm
    s_mpjpe_mm: Mm
    jitter_mm: Mm


class ViewFigures(AverageFigures):
    """Figures of one view of footage, see ``models.evaluation.on_footage.score``."""

    scale: float
    per_joint_p_mm: dict[str, Mm]
    per_joint_s_mm: dict[str, Mm]
    frames: int
    frames_without_pose: int


class FootageFigures(TypedDict):
    """Figures of all views, and their average."""

    views: Mapping[str, ViewFigures]
    average: AverageFigures


class ModelFields(TypedDict):
    """The lifter that is judged."""

    name: str
    sha256: str
    window: int
    lookahead: int
    normalisation: str


class MediaPipeFields(TypedDict):
    """MediaPipe where it is judged beside a lifter."""

    name: str
    complexity: int
    versions: dict[str, str]
    opencv_threads: int
    network_sha256: str | None


class RefinerFields(TypedDict):
    """A refine module."""

    name: str
    sha256: str


class LensFields(TypedDict, total=False):
    """Whether focal lengths were known, and the refine module; empty where there was neither."""

    known_focal: bool
    refined_by: RefinerFields


class MocapProtocol(LensFields):
    """How a lifter was judged on motion capture."""

    conditions: list[str]
    rate_hz: float
    stature_m: float
    cameras_per_clip: int
    longest_part_s: float
    clips: int
    people: list[str]


Figures = TypeVar("Figures", ConditionFigures, FootageFigures)


@dataclass(frozen=True)
class HeadFigures(Generic[Figures]):
    """Figures of the full-sequence head at a look-ahead in frames."""

    lookahead: int
    figures: Figures

    @property
    def label(self) -> str:
        """The label in tables."""
        return f"sequence head, look-ahead {self.lookahead}"

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        return {"head": "sequence", "lookahead": self.lookahead, **self.figures}


@dataclass(frozen=True)
class QualityFigures(Generic[Figures]):
    """Figures of a quality; ``passes_per_frame`` counts passes through the network."""

    quality: str
    passes_per_frame: float
    figures: Figures

    @property
    def label(self) -> str:
        """The label in tables."""
        return f"--quality {self.quality}, {self.passes_per_frame:.2f} passes per frame"

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        return {"quality": self.quality, "passes_per_frame": self.passes_per_frame, **self.figures}


@dataclass(frozen=True)
class Alternatives(Generic[Figures]):
    """Figures of other ways to get poses from the same model, if asked for."""

    lookaheads: list[HeadFigures[Figures]] = field(default_factory=list)
    qualities: list[QualityFigures[Figures]] = field(default_factory=list)

    def labelled(self) -> list[tuple[str, Figures]]:
        """Label and figures of each, in the order of tables."""
        heads = [(head.label, head.figures) for head in self.lookaheads]
        return heads + [(quality.label, quality.figures) for quality in self.qualities]

    def to_json(self) -> dict[str, object]:
        """The stored form; what was not asked for is left out."""
        result: dict[str, object] = {}
        if self.lookaheads:
            result["lookaheads"] = [head.to_json() for head in self.lookaheads]
        if self.qualities:
            result["qualities"] = [quality.to_json() for quality in self.qualities]
        return result


@dataclass(frozen=True)
class MocapResult:
    """The result of a lifter on motion capture.

    Attributes:
        model, data: the lifter, and the name of the file.
        protocol: how it was judged.
        conditions: kind of 2D input -> figures.
        alternatives: other ways to get poses, with detector-like input.
    """

    model: ModelFields
    data: str
    protocol: MocapProtocol
    conditions: dict[str, ConditionFigures]
    alternatives: Alternatives[ConditionFigures] = field(default_factory=Alternatives)

    def to_json(self) -> dict[str, object]:
        """The stored form: one key per condition."""
        about = {"model": self.model, "data": self.data, "protocol": self.protocol}
        return {**about, **self.conditions, **self.alternatives.to_json()}


@dataclass(frozen=True)
class FootageResult:
    """The result of a lifter, or of MediaPipe, on footage.

    Attributes:
        model, data: the model, and the name of the folder.
        figures: figures of all views.
        detector, focal_px, lens: for lifters: detector of the keypoints, and what was known of the cameras.
        alternatives: for lifters: other ways to get poses.
    """

    model: ModelFields | MediaPipeFields
    data: str
    figures: FootageFigures
    detector: str | None = None
    focal_px: float | None = None
    lens: LensFields = field(default_factory=LensFields)
    alternatives: Alternatives[FootageFigures] = field(default_factory=Alternatives)

    def to_json(self) -> dict[str, object]:
        """The stored form."""
        seen = {} if self.detector is None else {"detector": self.detector, "focal_px": self.focal_px, **self.lens}
        return {"model": self.model, "data": self.data, **seen, **self.figures, **self.alternatives.to_json()}
