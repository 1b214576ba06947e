from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from pipeline.detect import movenet
from pipeline.detect.create import DETECTORS, DetectorEntry, create_detector, find_detector
from pipeline.errors import ConfigError, ModelError
from pipeline.runtime import Device, parse_device
from pipeline.runtime.cards import WEIGHTS_DIR, DetectorCard, find_card, list_cards
from pipeline.types import Frame
from tests.helpers.stand_ins import StandInConfig, StandInDetector

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
        create_detector(name, device=CPU)


def test_a_name_like_none_lists_what_there_is() -> None:
    with pytest.raises(ConfigError, match="'xyz' is not known; there are: fast, default, accurate"):
        create_detector("xyz", device=CPU)


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
    cards = list_cards(DetectorCard)
    assert {card.name for card in cards} >= {"movenet-thunder", "movenet-lightning", "blazepose-heavy"}
    for card in cards:
        card.verify()
        assert card.parity["weights_not_exact_in_float16"] == 0


FRAME = Frame(2, 0.1, np.zeros((120, 160, 3), np.uint8))


@pytest.mark.parametrize("device", ["cpu", CPU])
def test_a_config_in_place_of_a_name(device: str | Device) -> None:
    config = StandInConfig(x_px=70.0)
    with create_detector(config, device=device, threads=3) as detector:
        assert isinstance(detector, StandInDetector)
        assert (detector.config, detector.device, detector.threads) == (config, CPU, 3)
        (pose,) = detector(FRAME)
        assert (pose.frame_index, pose.xy_px[-1].tolist()) == (2, [70, 110]) and detector.models == {}
    assert detector.resets == 1, "closing forgets the clip"


def test_a_detector_that_is_registered_is_found_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = DetectorEntry("tests.helpers.stand_ins", "StandInConfig", {"x_px": 50.0})
    monkeypatch.setitem(DETECTORS, "still", entry)
    assert find_detector("still") == StandInConfig(50.0)
    (pose,) = create_detector("still", device="cpu")(FRAME)
    assert pose.xy_px[-1].tolist() == [50, 110]
    with pytest.raises(ConfigError, match=r"did you mean 'still'.*fast, default, accurate, still"):
        create_detector("stil", device="cpu")


@pytest.mark.parametrize("name", list(DETECTORS))
def test_configs_of_the_table_are_values(name: str) -> None:
    config = find_detector(name)
    assert dataclasses.is_dataclass(config) and config == find_detector(name)
    assert hash(config) == hash(find_detector(name))


def test_an_unknown_device_is_told_before_anything_is_loaded() -> None:
    with pytest.raises(ConfigError, match="device 'gpu' is not valid; use auto, cpu, cuda") as caught:
        create_detector(StandInConfig(), device="gpu")
    assert caught.value.field == "device"
