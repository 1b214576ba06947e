from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from models.exchange.card_figures import LIVE, annotate
from pipeline.errors import DataError
from pipeline.runtime.cards import WEIGHTS_DIR, read_card, read_document


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "lift-27.json"
    shutil.copy(WEIGHTS_DIR / path.name, path)
    return path


def result(card: Path, **more) -> dict:
    return {"model": {"sha256": json.loads(card.read_text())["sha256"]}, "data": "people.npz", **more}


def test_conditions_and_lookaheads_reach_the_card_without_their_long_lists(card: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    figures = {"mpjpe_mm": 60.5, "p_mpjpe_mm": 44.25, "per_joint_mm": {"nose": 1.0}}
    protocol = {"conditions": ["clean"], "people": ["a/1"], "clips": 7}
    lookaheads = [{"head": "sequence", "lookahead": 0, "mpjpe_mm": 70.0}]
    qualities = [{"quality": "best", "passes_per_frame": 2.0, "mpjpe_mm": 58.0, "frames": 9}]
    data = result(card, protocol=protocol, clean=figures, lookaheads=lookaheads, qualities=qualities)
    file.write_text(json.dumps(data))
    assert "people.npz" in annotate(card, [file])
    kept = read_document(card)["metrics"]["people.npz"]
    assert kept == {
        "people": ["a/1"],
        "clips": 7,
        "clean": {"mpjpe_mm": 60.5, "p_mpjpe_mm": 44.25},
        "full_sequence_head_by_lookahead": {"0": {"mpjpe_mm": 70.0}},
        "by_quality": {"best": {"passes_per_frame": 2.0, "mpjpe_mm": 58.0}},
    }


def test_views_of_footage(card: Path, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    views = {"beam_cam01": {"p_mpjpe_mm": 50.0, "s_mpjpe_mm": 70.0, "jitter_mm": 3.0, "frames": 9}}
    average = {"p_mpjpe_mm": 50.0, "s_mpjpe_mm": 70.0, "jitter_mm": 3.0}
    other = {"model": {"sha256": "0" * 64}, "data": "people.npz", "detector": "fast", "views": {}, "average": {}}
    mine = result(card, detector="default", views=views, average=average)
    file.write_text(json.dumps({"results": [other, mine]}))
    annotate(card, [file])
    kept = read_document(card)["metrics"]["people.npz"]
    assert kept["detector"] == "default" and kept["beam_cam01"] == average == kept["average"]


def test_figures_of_other_weights_are_refused(card: Path, tmp_path: Path) -> None:
    before = card.read_text()
    file = tmp_path / "figures.json"
    file.write_text(json.dumps({"model": {"sha256": "0" * 64}, "data": "x"}))
    with pytest.raises(DataError, match="no figures of the weights lift-27"):
        annotate(card, [file])
    assert card.read_text() == before


def test_the_delay_table_reaches_the_card(card: Path, tmp_path: Path) -> None:
    file = tmp_path / "delay.json"
    weights = json.loads(card.read_text())["sha256"]
    tiers = {"settled": {"mpjpe_mm": 70.0, "per_joint_mm": {"nose": 1.0}}, "provisional_0": {"mpjpe_mm": 78.0}}
    views = {"settled": {"views": {}, "average": {"p_mpjpe_mm": 50.0, "jitter_mm": 3.0}}}
    file.write_text(
        json.dumps({"results": [{"model": "lift-27", "sha256": weights, "mocap": tiers, "footage": views}]})
    )
    annotate(card, [file])
    kept = read_document(card)["metrics"][LIVE]
    assert kept == {
        "mocap": {"settled": {"mpjpe_mm": 70.0}, "provisional_0": {"mpjpe_mm": 78.0}},
        "footage": {"settled": {"p_mpjpe_mm": 50.0, "jitter_mm": 3.0}},
    }


def test_a_second_model_is_noted_and_must_be_the_one_beside_the_card(card: Path, tmp_path: Path) -> None:
    shutil.copy(WEIGHTS_DIR / "lift-27-live.json", tmp_path)
    early = {"name": "lift-27-live", "sha256": read_card(tmp_path / "lift-27-live.json").sha256}
    own = {"sha256": json.loads(card.read_text())["sha256"], "mocap": {"settled": {"mpjpe_mm": 70.0}}}
    file = tmp_path / "delay.json"
    file.write_text(json.dumps({"results": [{**own, "provisional_by": early}]}))
    annotate(card, [file])
    before = card.read_text()
    assert read_document(card)["metrics"][LIVE]["provisional_by"] == early
    file.write_text(json.dumps({"results": [{**own, "provisional_by": {**early, "sha256": "0" * 64}}]}))
    with pytest.raises(DataError, match="other weights of lift-27-live"):
        annotate(card, [file])
    file.write_text(json.dumps({"results": [own, own]}))
    with pytest.raises(DataError, match="several results of lift-27"):
        annotate(card, [file])
    assert card.read_text() == before
