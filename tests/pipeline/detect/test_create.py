from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pipeline.detect import create_detector, movenet
from pipeline.errors import ConfigError, ModelError
from pipeline.runtime import parse_device
from pipeline.runtime.cards import WEIGHTS_DIR, find_card, list_cards

CPU = parse_device("cpu")


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the smallest detector, from which the detectors load."""
    for end in ("onnx", "json"):
        shutil.copy(WEIGHTS_DIR / f"{movenet.LIGHTNING}.{end}", tmp_path)
    monkeypatch.setattr(movenet, "find_card", lambda name, kind: find_card(name, kind, tmp_path))
    return tmp_path


@pytest.mark.parametrize(("name", "nearest"), [("fats", "fast"), ("Default", "default"), ("acurate", "accurate")])
def test_an_unknown_name_is_told_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"did you mean '{nearest}'.*fast, default, accurate"):
        create_detector(name, CPU)


def test_a_name_like_none_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match="'xyz' is not known; there are: fast, default, accurate"):
        create_detector("xyz", CPU)


def test_a_missing_weight_file(copied: Path) -> None:
    (copied / f"{movenet.LIGHTNING}.onnx").unlink()
    with pytest.raises(ModelError, match=r"movenet-lightning.*is missing.*git checkout"):
        movenet.MoveNet(movenet.LIGHTNING, CPU)


def test_a_damaged_weight_file(copied: Path) -> None:
    path = copied / f"{movenet.LIGHTNING}.onnx"
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(ModelError, match=r"movenet-lightning.*is damaged or was replaced"):
        movenet.MoveNet(movenet.LIGHTNING, CPU)


def test_a_weight_file_that_is_no_onnx(copied: Path) -> None:
    from pipeline.runtime.cards import file_sha256

    path, card = copied / f"{movenet.LIGHTNING}.onnx", copied / f"{movenet.LIGHTNING}.json"
    path.write_text("not a network")
    card.write_text(json.dumps(json.loads(card.read_text()) | {"sha256": file_sha256(path)}))
    with pytest.raises(ModelError, match="ONNX Runtime can't load"):
        movenet.MoveNet(movenet.LIGHTNING, CPU)


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "detector"}', '{"kind": "camera"}', "\x00\xff"])
def test_a_damaged_card(copied: Path, text: str) -> None:
    (copied / f"{movenet.LIGHTNING}.json").write_text(text)
    with pytest.raises(ModelError, match=r"movenet-lightning\.json"):
        movenet.MoveNet(movenet.LIGHTNING, CPU)


def test_a_missing_card_lists_those_that_there_are(copied: Path) -> None:
    with pytest.raises(ModelError, match=r"no detector named 'movenet-thunder'.*there are: movenet-lightning"):
        movenet.MoveNet(movenet.THUNDER, CPU)


def test_every_shipped_detector_fits_its_card() -> None:
    cards = list_cards("detector")
    assert {card.name for card in cards} >= {"movenet-thunder", "movenet-lightning", "blazepose-heavy"}
    for card in cards:
        card.verify()
        assert card.data["parity"]["weights_not_exact_in_float16"] == 0
