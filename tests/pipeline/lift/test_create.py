"""Which lifter a job gets."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError, ModelError
from pipeline.lift import create
from pipeline.lift.create import create_lifter, default_quality, find_lifter, lifter_on
from pipeline.lift.overlap import OverlapLifter
from pipeline.lift.paired import PairedLifter
from pipeline.lift.quality import QUALITIES
from pipeline.lift.windows import WindowLifter
from pipeline.runtime import Device
from pipeline.runtime.cards import LifterCard
from pipeline.types import Window
from tests.helpers.networks import FunctionNetwork, card_of, showing

CARDS = {
    card.name: card
    for card in (
        card_of(27, 13, name="lift-27"),
        card_of(27, 3, name="lift-27-live"),
        card_of(81, 40, name="lift-81"),
    )
}


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Models from ``CARDS``, which need no files; the names of those that were loaded."""
    names: list[str] = []

    def load(card: LifterCard, device: object, threads: int) -> FunctionNetwork:
        names.append(card.name)
        return FunctionNetwork(showing(card.window - 1 - card.lookahead), card)

    monkeypatch.setattr(create, "OnnxNetwork", load)
    monkeypatch.setattr(create, "find_card", lambda name, kind: CARDS[name])
    monkeypatch.setattr(create, "list_cards", lambda kind: list(CARDS.values()))
    return names


@pytest.mark.parametrize(
    ("asked", "pair"),
    [
        ({"live": True, "previews": True}, True),
        ({"live": True, "previews": True, "window": 27}, True),
        ({"live": True, "previews": True, "model": "lift-27"}, False),
        ({"live": True, "previews": True, "window": 81}, False),
        ({"live": True}, False),
        ({"previews": True}, False),
        ({}, False),
    ],
)
def test_live_runs_that_show_previews_get_the_live_model(loaded: list[str], asked: dict, pair: bool) -> None:
    lifter = create_lifter(**asked)
    assert isinstance(lifter, PairedLifter) is pair
    assert ("lift-27-live" in loaded) is pair and (loaded[0] == "lift-81") is (asked.get("window") == 81)


def test_a_missing_live_model_says_what_to_do(loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def find(name: str, kind: type) -> LifterCard:
        if name == "lift-27-live":
            raise ModelError("no lifter named 'lift-27-live'")
        return CARDS[name]

    monkeypatch.setattr(create, "find_card", find)
    with pytest.raises(ModelError, match=r"no lifter named 'lift-27-live'; .*ask for the lifter lift-27 by name"):
        create_lifter(live=True, previews=True)


@pytest.mark.parametrize(
    ("window", "live", "expected"), [(27, False, "best"), (81, False, "standard"), (27, True, "standard")]
)
def test_short_windows_of_clips_are_seen_twice(window: int, live: bool, expected: str) -> None:
    assert default_quality(card_of(window), live) == expected


def test_each_quality_lifts_in_its_way() -> None:
    keypoints = np.random.default_rng(0).normal(size=(27, 17, 3)).astype(np.float32)
    window = Window(
        0, 13, 13 / 30, np.arange(27) / 30, keypoints, np.eye(3, dtype=np.float32), np.ones(17, np.float32),
        np.zeros(17, np.uint8),
    )  # fmt: skip
    passes: dict[str, int] = {}
    for name in QUALITIES:
        network = FunctionNetwork(showing(13))
        lifter = lifter_on(network, name)
        assert isinstance(lifter, OverlapLifter if name == "fast" else WindowLifter)
        lifter([window])
        passes[name] = network.passes
        assert lifter.spec.previews is (name != "fast")
    assert passes == {"fast": 1, "standard": 1, "best": 2}


def test_names_and_windows_that_contradict(loaded: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"lifter 'lift-27' has a window of 27 frames, `window` 81 was asked for"):
        find_lifter("lift-27", 81)
    with pytest.raises(ConfigError, match=r"window 28 has no lifter of this length; there are: 27, 81"):
        find_lifter(window=28)
    with pytest.raises(ConfigError, match=r"threads -1"):
        create_lifter(threads=-1)
    assert find_lifter(window=27).name == find_lifter().name == "lift-27"


def test_the_quality_is_checked_before_anything_is_loaded(loaded: list[str]) -> None:
    with pytest.raises(ConfigError, match="is for clips"):
        create_lifter(quality="fast", live=True)
    assert loaded == []


def test_the_real_lifter_and_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = create.OnnxNetwork

    def load(card: LifterCard, device: Device, threads: int) -> object:
        asked.append(threads)
        return real(card, device, threads)

    monkeypatch.setattr(create, "OnnxNetwork", load)
    lifter = create_lifter(device="cpu")
    assert lifter.spec.window == 27 and lifter.spec.previews and asked == [1]
