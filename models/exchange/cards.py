"""Cards as an export writes them; ``pipeline/runtime/cards.py`` reads and checks them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from models.data.mocap import Mocap
from models.exchange.export_onnx import OPSET, Parity
from models.network.strided_transformer import Architecture, ArchitectureFields
from models.training.checkpoint import (
    FileReference,
    LifterState,
    RefineErrors,
    RefineRecipeFields,
    RefineState,
    StageRecord,
    record_of,
)
from pipeline.errors import ConfigError
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.runtime.cards import file_sha256, read_card
from pipeline.skeletons import H36M_17

_OURS = "Apache-2.0"
_PUBLISHED = "code MIT (W. Li et al.); the weights were trained on Human3.6M, whose licence is for research only"
_HUMAN36M: PublishedData = {"name": "Human3.6M", "licence": "research only; needs a registration"}
_HELD_OUT_LIFTER = "held-out people of the motion capture, detector-like 2D, random cameras"
_HELD_OUT_REFINE = "held-out people of the motion capture, random cameras of known focal length"


class CapturedData(TypedDict):
    """Motion capture of one licence that a model was trained on."""

    licence: str
    clips: int
    minutes: float
    people: int


class PublishedData(TypedDict):
    """A data set that a published model was trained on."""

    name: str
    licence: str


class Training(StageRecord, total=False):
    """The last stage of a lifter's training, and those before it."""

    stages_before: list[StageRecord]


class _Common(TypedDict):
    name: str
    kind: str
    file: str
    sha256: str
    opset: int
    description: str
    licence: str
    source: str
    training_data: list[CapturedData] | list[PublishedData]
    parity: Parity


class _LifterExtras(TypedDict, total=False):
    normalisation_detail: str
    training: Training


class LifterCard(_Common, _LifterExtras):
    """Card of a lifter.

    Attributes:
        architecture: of the network.
        window, lookahead: frames of a window, and how many of them lie after the target frame.
        joints_in, joints_out, normalisation, normalisation_detail: layout of keypoints and poses, in words.
        input_rates_hz: lowest and highest frame rate.
        training: absent for published networks.
        metrics: data -> error -> mm.
    """

    architecture: ArchitectureFields
    window: int
    lookahead: int
    joints_in: str
    joints_out: str
    normalisation: str
    input_rates_hz: list[int]
    metrics: dict[str, dict[str, float]]


class _RefineExtras(TypedDict, total=False):
    training: RefineRecipeFields
    trained_with: FileReference


class RefineCard(_Common, _RefineExtras):
    """Card of a refine module.

    Attributes:
        joints: name of the skeleton.
        training, trained_with: recipe and lifter; absent for published modules.
        metrics: data -> condition -> error -> mm.
    """

    joints: str
    metrics: dict[str, RefineErrors]


@dataclass(frozen=True)
class NewModel:
    """The two files of a model that is to be written.

    Attributes:
        name: of the model, as in 'lift-27'.
        path, card: the ONNX file and the card beside it.
    """

    name: str
    path: Path
    card: Path


def new_model(name: str, weights: Path, overwrite: bool) -> NewModel:
    """Check that a model of this name can be written.

    Raises:
        ConfigError: the name is no file name or exists already, or the folder does not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ConfigError("NAME", name, "is not valid; use letters, digits, dots and dashes, as in my-lift-27")
    if not weights.is_dir():
        raise ConfigError("--weights", weights, "is not a folder")
    model = NewModel(name, weights / f"{name}.onnx", weights / f"{name}.json")
    present = [path for path in (model.path, model.card) if path.exists()]
    if present and not overwrite:
        raise ConfigError("NAME", name, f"is taken by {present[0]}; choose another, or replace it with --overwrite")
    return model


def write_card(model: NewModel, content: LifterCard | RefineCard) -> None:
    """Write a card, and check it by reading it back.

    Raises:
        ModelError: the card lacks a field.
    """
    model.card.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    read_card(model.card)


def trained_lifter_card(
    model: NewModel, state: LifterState, data: Mocap, errors: dict[str, float], parity: Parity
) -> LifterCard:
    """Card of a lifter of ours.

    Args:
        model: its ONNX file is written already.
        state: the checkpoint that it was exported from.
        data: motion capture that it was trained on.
        errors: errors on held-out people, mm.
        parity: measured at the export.
    """
    arch = Architecture.from_dict(state["architecture"])
    lookahead = arch.window - 1 - state["recipe"]["target"]
    training: Training = {**record_of(state), "stages_before": state.get("stages_before", [])}
    return {
        "name": model.name,
        "kind": "lifter",
        "file": model.path.name,
        "sha256": file_sha256(model.path),
        "opset": OPSET,
        "description": f"Strided Transformer, {arch.window} frames, look-ahead {lookahead}",
        "licence": _OURS,
        "source": "trained by this project (python app.py train)",
        "architecture": arch.to_dict(),
        "window": arch.window,
        "lookahead": lookahead,
        "joints_in": f"{H36M_17.name} from coco17 keypoints, (x, y, confidence)",
        "joints_out": f"{H36M_17.name}, metres, root-relative, view axes, body of {MODEL_STATURE_M:.2f} m",
        "normalisation": "person-view",
        "input_rates_hz": [15, 60],
        "training": training,
        "training_data": captured(data),
        "metrics": {_HELD_OUT_LIFTER: errors},
        "parity": parity,
    }


def published_lifter_card(model: NewModel, checkpoint: Path, arch: Architecture, parity: Parity) -> LifterCard:
    """Card of a published network; its checkpoint is named."""
    lookahead = (arch.window - 1) // 2
    return {
        "name": model.name,
        "kind": "lifter",
        "file": model.path.name,
        "sha256": file_sha256(model.path),
        "opset": OPSET,
        "description": f"Strided Transformer, {arch.window} frames, look-ahead {lookahead}, published checkpoint",
        "licence": _PUBLISHED,
        "source": _published_source(checkpoint),
        "architecture": arch.to_dict(),
        "window": arch.window,
        "lookahead": lookahead,
        "joints_in": f"{H36M_17.name} (x, y) from coco17 keypoints by the published demo's rules",
        "joints_out": f"{H36M_17.name}, metres, root-relative, camera axes, bodies of the size of Human3.6M's people",
        "normalisation": "image",
        "normalisation_detail": "x to [-1, 1] by the picture's width, y by the same factor, centred on the picture",
        "input_rates_hz": [50, 50],
        "training_data": [_HUMAN36M],
        "metrics": {},
        "parity": parity,
    }


def trained_refine_card(model: NewModel, state: RefineState, data: Mocap, parity: Parity) -> RefineCard:
    """Card of a refine module of ours; arguments as for ``trained_lifter_card``."""
    return {
        **_refine_card(model, _OURS, "trained by this project (python app.py train --stage refine)", parity),
        "training": state["recipe"],
        "trained_with": state["lifter"],
        "training_data": captured(data),
        "metrics": {_HELD_OUT_REFINE: state["metrics"]},
    }


def published_refine_card(model: NewModel, checkpoint: Path, parity: Parity) -> RefineCard:
    """Card of a published refine module; its checkpoint is named."""
    return _refine_card(model, _PUBLISHED, _published_source(checkpoint), parity)


def captured(mocap: Mocap) -> list[CapturedData]:
    """The motion capture of a file, by licence."""
    minutes = np.diff(mocap.starts) / mocap.fps / 60
    return [
        {
            "licence": str(licence),
            "clips": int((mocap.licence == licence).sum()),
            "minutes": round(float(minutes[mocap.licence == licence].sum()), 1),
            "people": len(np.unique(mocap.subjects[mocap.licence == licence])),
        }
        for licence in np.unique(mocap.licence)
    ]


def _refine_card(model: NewModel, licence: str, source: str, parity: Parity) -> RefineCard:
    return {
        "name": model.name,
        "kind": "refiner",
        "file": model.path.name,
        "sha256": file_sha256(model.path),
        "opset": OPSET,
        "description": "refine module for cameras of known focal length",
        "joints": H36M_17.name,
        "licence": licence,
        "source": source,
        "training_data": [_HUMAN36M],
        "metrics": {},
        "parity": parity,
    }


def _published_source(checkpoint: Path) -> str:
    return (
        f"github.com/Vegetebird/StridedTransformer-Pose3D, file {checkpoint.name}, "
        f"SHA-256 {file_sha256(checkpoint)}, converted by app.py models import"
    )
