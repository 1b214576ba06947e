from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.runtime.cards import (
    Card,
    DetectorCard,
    LifterCard,
    file_sha256,
    find_card,
    list_cards,
    read_card,
)

GOOD = {
    "name": "tiny",
    "kind": "detector",
    "file": "tiny.onnx",
    "sha256": "",
    "opset": 17,
    "description": "for this test",
    "licence": "Apache-2.0",
    "source": "nowhere",
    "input_size": 8,
    "joints": "coco17",
    "parity": {},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny.onnx").write_bytes(b"weights")
    (tmp_path / "tiny.json").write_text(json.dumps({**GOOD, "sha256": file_sha256(tmp_path / "tiny.onnx")}))
    return tmp_path


def test_a_good_card(folder: Path) -> None:
    card = find_card("tiny", DetectorCard, folder)
    card.verify()
    assert (card.name, card.kind, card.opset, card.input_size) == ("tiny", "detector", 17, 8)
    assert [c.name for c in list_cards(Card, folder)] == ["tiny"] and list_cards(LifterCard, folder) == []


def test_damaged_and_missing_weights(folder: Path) -> None:
    card = read_card(folder / "tiny.json")
    (folder / "tiny.onnx").write_bytes(b"weightz")
    with pytest.raises(ModelError, match=r"tiny\.onnx is damaged.*git checkout"):
        card.verify()
    (folder / "tiny.onnx").unlink()
    with pytest.raises(ModelError, match=r"tiny\.onnx is missing"):
        card.verify()


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_field_is_named(folder: Path, field: str) -> None:
    (folder / "tiny.json").write_text(json.dumps({k: v for k, v in GOOD.items() if k != field}))
    with pytest.raises(ModelError, match=field):
        read_card(folder / "tiny.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "\x00", '{"kind": "boat"}', '{"kind": "detector", "name": 3}'])
def test_what_is_no_card(folder: Path, text: str) -> None:
    (folder / "tiny.json").write_text(text)
    with pytest.raises(ModelError, match=r"tiny\.json"):
        read_card(folder / "tiny.json")


def test_wrong_type_and_no_card(folder: Path) -> None:
    (folder / "tiny.json").write_text(json.dumps({**GOOD, "opset": True}))
    with pytest.raises(ModelError, match="'opset' is a bool"):
        read_card(folder / "tiny.json")
    with pytest.raises(ModelError, match="no model card"):
        read_card(folder / "other.json")


def test_an_unknown_name_lists_what_there_is(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"no detector named 'tinny'.*there are: tiny"):
        find_card("tinny", DetectorCard, folder)
    with pytest.raises(ModelError, match="there are: none"):
        find_card("tiny", LifterCard, folder)


def test_the_shipped_models_fit_their_cards() -> None:
    cards = list_cards(Card)
    assert {"movenet-thunder", "movenet-lightning", "blazepose-heavy", "lift-27"} <= {card.name for card in cards}
    for card in cards:
        card.verify()


def test_the_shipped_models_say_nothing_of_the_machine_that_made_them() -> None:
    for card in list_cards(Card):
        content = card.model_path.read_bytes()
        assert b'File "' not in content and b"site-packages" not in content, card.name
