"""Model cards: the JSON file beside each ONNX file that says what the model is.

A card is read and checked before its model is loaded, so that nobody has to execute a model to learn what
it is, and so that a damaged file is named before ONNX Runtime fails on it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError

WEIGHTS_DIR = Path(__file__).resolve().parents[2] / "weights"

# What every card must say; the kinds add their own below.
_COMMON: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "kind": str,
    "file": str,
    "sha256": str,
    "opset": int,
    "description": str,
    "licence": str,
    "source": str,
}
_BY_KIND: dict[str, dict[str, type | tuple[type, ...]]] = {
    "detector": {"input_size": int, "joints": str, "parity": dict},
    "refiner": {"joints": str, "training_data": list, "metrics": dict, "parity": dict},
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
        "parity": dict,
    },
}


@dataclass(frozen=True)
class Card:
    """A validated model card.

    Attributes:
        path: the card's own file.
        name, kind: 'movenet-thunder', 'detector'.
        model_path: the ONNX file, beside the card.
        sha256: of the ONNX file.
        data: the whole JSON object.
    """

    path: Path
    name: str
    kind: str
    model_path: Path
    sha256: str
    data: dict[str, Any]

    def verify(self) -> None:
        """Compare the ONNX file with the card's SHA-256.

        Raises:
            ModelError: the file is missing or is not the one that the card describes.
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


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def read_card(path: Path) -> Card:
    """Read and check one card.

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
    _check_fields(path, data)
    return Card(path, data["name"], data["kind"], path.parent / data["file"], data["sha256"], data)


def _check_fields(path: Path, data: dict[str, Any]) -> None:
    kind = data.get("kind")
    if kind not in _BY_KIND:
        raise ModelError(f"model card {path}: kind is {kind!r}, expected one of {', '.join(_BY_KIND)}")
    for field, wanted in {**_COMMON, **_BY_KIND[kind]}.items():
        if field not in data:
            raise ModelError(f"model card {path}: field {field!r} is missing")
        if not isinstance(data[field], wanted) or isinstance(data[field], bool):
            raise ModelError(f"model card {path}: field {field!r} is a {type(data[field]).__name__}")


def list_cards(kind: str | None = None, folder: Path = WEIGHTS_DIR) -> list[Card]:
    """All cards of a folder, by name; of one kind ('detector', 'lifter', 'refiner') if given."""
    cards = [read_card(path) for path in sorted(folder.glob("*.json"))]
    return [card for card in cards if kind is None or card.kind == kind]


def find_card(name: str, kind: str, folder: Path = WEIGHTS_DIR) -> Card:
    """The card of a model by name.

    Raises:
        ModelError: there is none of this name and kind; the message lists those that there are.
    """
    path = folder / f"{name}.json"
    if path.is_file():
        card = read_card(path)
        if card.kind == kind:
            return card
    known = ", ".join(card.name for card in list_cards(kind, folder)) or "none"
    raise ModelError(f"no {kind} named {name!r} in {folder}; there are: {known}")
