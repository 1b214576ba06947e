from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import ConfigError
from pipeline.smooth.one_euro import OneEuro
from pipeline.smooth.people import create_smoothing
from pipeline.smooth.presets import PRESETS, find_preset
from pipeline.types import Pose3D


def pose(index: int, track_id: int, place_m: float) -> Pose3D:
    xyz = np.full((17, 3), place_m, np.float32)
    return Pose3D(track_id, index, index / 30, xyz, np.ones(17, np.float32), np.zeros(17, np.uint8), True)


def keys(frames: list[list[Pose3D]]) -> list[list[tuple[int, int]]]:
    return [[(one.frame_index, one.track_id) for one in frame] for frame in frames]


@pytest.mark.parametrize("live", [True, False])
@pytest.mark.parametrize("name", ["light", "strong"])
def test_every_frame_comes_out_once_in_order_with_its_people(live: bool, name: str) -> None:
    smoothing = create_smoothing(name, live)
    assert smoothing is not None
    sent, out = [], []
    for n in range(60):
        people = [0] if n < 20 else [3, 0] if n < 40 else [0]
        frame = [pose(n, person, 0.1 * person) for person in people] if n != 50 else []
        sent.append(frame)
        due = smoothing.push(frame)
        assert not live or len(due) == 1
        out += due
    out += smoothing.finish()
    assert keys(out) == keys(sent)
    for frame in out:
        for one in frame:
            np.testing.assert_allclose(one.xyz_m, 0.1 * one.track_id, atol=1e-6)


def test_people_do_not_mix() -> None:
    both, alone = create_smoothing("strong", live=True), OneEuro(PRESETS["strong"])  # type: ignore[arg-type]
    assert both is not None
    rng = np.random.default_rng(0)
    for n in range(30):
        first, second = rng.normal(0, 0.1, 2)
        (frame,) = both.push([pose(n, 0, first), pose(n, 1, second)])
        np.testing.assert_array_equal(frame[1].xyz_m, alone(pose(n, 1, second)).xyz_m)


def test_off_smooths_nothing() -> None:
    assert create_smoothing("off", live=True) is None
    assert create_smoothing("off", live=False) is None


@pytest.mark.parametrize(("asked", "hint"), [("Light", "'light'"), ("stron", "'strong'"), ("42", "off, light, strong")])
def test_an_unknown_preset_names_the_nearest(asked: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=f"smooth '{asked}' is not known.*{hint}"):
        find_preset(asked)


def test_presets_are_in_order_of_strength() -> None:
    light, strong = PRESETS["light"], PRESETS["strong"]
    assert light is not None and strong is not None
    assert light.still_hz > strong.still_hz and light.opening_per_m > strong.opening_per_m


@pytest.mark.parametrize("live", [True, False])
def test_frame_numbers_that_begin_again_do_no_harm(live: bool) -> None:
    smoothing = create_smoothing("light", live)
    assert smoothing is not None
    sent = [[pose(n % 25, 0, 0.0)] for n in range(75)]
    out = [frame for poses in sent for frame in smoothing.push(poses)] + smoothing.finish()
    assert keys(out) == keys(sent)


@pytest.mark.parametrize("live", [True, False])
def test_people_who_come_and_go_leave_nothing_behind(live: bool) -> None:
    smoothing = create_smoothing("light", live)
    assert smoothing is not None
    for n in range(400):
        smoothing.push([pose(n, n // 4, 0.0), pose(n, 1000, 0.0)])
        assert len(smoothing._people) == 2
        assert len(smoothing._frames) <= 20 and len(smoothing._ready) <= 10
    smoothing.finish()
    assert not smoothing._people and not smoothing._frames and not smoothing._ready


def test_a_person_who_returns_is_smoothed_anew() -> None:
    smoothing = create_smoothing("strong", live=True)
    assert smoothing is not None
    smoothing.push([pose(0, 0, 0.0)])
    smoothing.push([])
    (frame,) = smoothing.push([pose(2, 0, 0.5)])
    np.testing.assert_array_equal(frame[0].xyz_m, np.float32(0.5))
