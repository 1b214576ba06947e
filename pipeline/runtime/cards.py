"""Model cards: the JSON file beside each ONNX file that says what the model is.

A card is read and checked before its model is loaded, so that a model need not be run to learn what it is, and so that
a damaged file is named before ONNX Runtime fails on it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pipeline.errors import ModelError

WEIGHTS_DIR = Path(__file__).resolve().parents[2] / "weights"

_COORDINATES = 3  # x, y, confidence: the default where a lifter's card does not say


@dataclass(frozen=True)
class Card:
    """The fields of every card. Use the class of the kind: ``DetectorCard``, ``LifterCard``, ``RefinerCard``.

    Attributes:
        path: the card's file.
        name: 'movenet-thunder'.
        model_path: the ONNX file, beside the card.
        sha256: hash of the ONNX file.
        opset: version of the ONNX operators.
        description: one line about the model.
        licence: licence of the weights.
        source: where the weights come from.
        parity: kind of comparison -> distance of the file's outputs from those of the network that it was made from.
    """

    kind: ClassVar[str] = ""

    path: Path
    name: str
    model_path: Path
    sha256: str
    opset: int
    description: str
    licence: str
    source: str
    parity: Mapping[str, Any]

    def verify(self) -> None:
        """Compare the ONNX file with the card's SHA-256.

        Raises:
            ModelError: the file is missing, or is not the one that the card describes.
        """
        if not self.model_path.is_file():
            raise ModelError(
                f"model {self.name}: weight file {self.model_path} is missing; "
                "restore it (git checkout weights/) or choose another model"
            )
        found = file_sha256(self.model_path)
        if found != self.sha256:
            raise ModelError(
                f"model {self.name}: weight file {self.model_path} is damaged or was replaced (SHA-256 {found[:12]}, "
                f"its card says {self.sha256[:12]}); restore it (git checkout weights/)"
            )


@dataclass(frozen=True)
class DetectorCard(Card):
    """A network that finds joints in a square crop of a picture.

    Attributes:
        input_size: side of the crop in pixels.
        joints: name of the joint set of its output.
    """

    kind: ClassVar[str] = "detector"

    input_size: int
    joints: str

    @staticmethod
    def _own(data: dict[str, Any]) -> dict[str, Any]:
        return {"input_size": data["input_size"], "joints": data["joints"]}


@dataclass(frozen=True)
class LifterCard(Card):
    """A network that lifts windows of keypoints to 3D poses.

    Attributes:
        window, lookahead: T, and how many of its frames lie after the target.
        channels: numbers per keypoint: 3 with the confidence, 2 without.
        joints: number of joints, J.
        normalisation: a ``pipeline.types.Normalisation``, or the name of one that this program does not know.
        joints_in, joints_out: joint sets, units and axes in words.
        input_rates_hz: lowest and highest frame rate that it was trained on.
        architecture: fields of ``models.network.strided_transformer.Architecture``.
        training: recipes of the last training stage and of the stages before it; empty where they are not known.
        training_data: one entry per licence: clips, minutes, people.
        metrics: figures of evaluations, by data set.
    """

    kind: ClassVar[str] = "lifter"

    window: int
    lookahead: int
    channels: int
    joints: int
    normalisation: str
    joints_in: str
    joints_out: str
    input_rates_hz: tuple[float, ...]
    architecture: Mapping[str, Any]
    training: Mapping[str, Any]
    training_data: tuple[Mapping[str, Any], ...]
    metrics: Mapping[str, Any]

    @staticmethod
    def _own(data: dict[str, Any]) -> dict[str, Any]:
        architecture = data["architecture"]
        plain = ("window", "lookahead", "normalisation", "joints_in", "joints_out", "architecture", "metrics")
        return {
            **{field: data[field] for field in plain},
            "channels": architecture.get("channels", _COORDINATES),
            "joints": architecture.get("joints", 17),
            "training": data.get("training", {}),
            "input_rates_hz": tuple(data["input_rates_hz"]),
            "training_data": tuple(data["training_data"]),
        }


@dataclass(frozen=True)
class RefinerCard(Card):
    """A module that corrects lifted poses by the picture.

    Attributes:
        joints: the joint set, in words.
        training_data, metrics: as for ``LifterCard``.
    """

    kind: ClassVar[str] = "refiner"

    joints: str
    training_data: tuple[Mapping[str, Any], ...]
    metrics: Mapping[str, Any]

    @staticmethod
    def _own(data: dict[str, Any]) -> dict[str, Any]:
        return {
            "joints": data["joints"],
            "training_data": tuple(data["training_data"]),
            "metrics": data["metrics"],
        }


_KINDS = {kind.kind: kind for kind in (DetectorCard, LifterCard, RefinerCard)}

# The fields that a card must have, with their types in JSON.
_COMMON: dict[str, type] = {
    "name": str,
    "kind": str,
    "file": str,
    "sha256": str,
    "opset": int,
    "description": str,
    "licence": str,
    "source": str,
    "parity": dict,
}
_BY_KIND: dict[str, dict[str, type]] = {
    "detector": {"input_size": int, "joints": str},
    "refiner": {"joints": str, "training_data": list, "metrics": dict},
    "lifter": {
        "architecture": dict,
        "window": int,
        "lookahead": int,
        "joints_in": str,
        "joints_out": str,
        "normalisation": str,
        "input_rates_hz": list,
        "training_data": list,
        "metrics": dict,
    },
}

AnyCard = TypeVar("AnyCard", bound=Card)


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_document(path: Path) -> dict[str, Any]:
    """The checked JSON object of a card, for code that rewrites cards. Other code uses ``read_card``.

    Raises:
        ModelError: the card is missing, is not JSON, or lacks a field.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"no model card at {path}; each ONNX file needs its JSON card beside it") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelError(f"model card {path} can't be read: {error}; restore it") from error
    if not isinstance(data, dict):
        raise ModelError(f"model card {path} holds no JSON object; restore it")
    kind = data.get("kind")
    if kind not in _BY_KIND:
        raise ModelError(f"model card {path}: kind is {kind!r}, expected one of {', '.join(_BY_KIND)}")
    for field, wanted in {**_COMMON, **_BY_KIND[kind]}.items():
        if field not in data:
            raise ModelError(f"model card {path}: field {field!r} is missing")
        if not isinstance(data[field], wanted) or isinstance(data[field], bool):
            raise ModelError(f"model card {path}: field {field!r} is a {type(data[field]).__name__}")
    return data


def read_card(path: Path) -> DetectorCard | LifterCard | RefinerCard:
    """Read and check one card.

    Raises:
        ModelError: the card is missing, is not JSON, or lacks a field.
    """
    data = read_document(path)
    kind = _KINDS[data["kind"]]
    common = {field: data[field] for field in _COMMON if field not in ("kind", "file")}
    return kind(path=path, model_path=path.parent / data["file"], **common, **kind._own(data))


def list_cards(kind: type[AnyCard], folder: Path = WEIGHTS_DIR) -> list[AnyCard]:
    """The cards of this kind in a folder (``Card``: all cards), sorted by name.

    Raises:
        ModelError: a card is damaged.
    """
    cards = [read_card(path) for path in sorted(folder.glob("*.json"))]
    return [card for card in cards if isinstance(card, kind)]


def find_card(name: str, kind: type[AnyCard], folder: Path = WEIGHTS_DIR) -> AnyCard:
    """The card of a model by name.

    Raises:
        ModelError: there is no model of this name and kind; the message lists the existing ones.
    """
    path = folder / f"{name}.json"
    if path.is_file():
        card = read_card(path)
        if isinstance(card, kind):
            return card
    known = ", ".join(card.name for card in list_cards(kind, folder)) or "none"
    raise ModelError(f"no {kind.kind or 'model'} named {name!r} in {folder}; there are: {known}")
