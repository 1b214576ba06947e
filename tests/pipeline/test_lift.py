from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.cards import find_card
from pipeline.errors import ModelError
from pipeline.lift import BATCH, OnnxLifter
from pipeline.place import height_scale, scaled
from pipeline.runtime import Device
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Window
from pipeline.window import WindowBuffer
from tests.helpers.stand_ins import pose2d

FRAMES = 40


@pytest.fixture(scope="module")
def lifter() -> OnnxLifter:
    return OnnxLifter(find_card("lift-27", "lifter"), Device("cpu"), threads=1)


@pytest.fixture(scope="module")
def source() -> SyntheticSource:
    return SyntheticSource(SyntheticOptions(frames=FRAMES))


@pytest.fixture(scope="module")
def windows(source: SyntheticSource) -> list[Window]:
    info = source.info
    focal = float(source.intrinsics[0, 0])
    buffer = WindowBuffer(0, 27, 13, (info.width_px, info.height_px), focal)
    due = []
    for n in range(FRAMES):
        due += buffer.push(pose2d(n, n / 30, source.truth_coco_px(n)))
    return [d.window for d in due + buffer.finish() if d.window is not None]


def test_a_true_walker_is_lifted_to_a_human_shape(lifter, source, windows) -> None:
    poses = lifter(windows)
    assert [p.frame_index for p in poses] == list(range(FRAMES))
    xyz = np.stack([p.xyz_m for p in poses])
    assert (xyz[:, 0] == 0).all() and all(p.settled for p in poses)
    head_above_feet = xyz[:, [3, 6], 1].mean() - xyz[:, 10, 1].mean()
    assert 1.2 < head_above_feet < 1.9
    truth = np.stack([source.truth_xyz_m(n) for n in range(FRAMES)])
    error = np.linalg.norm(xyz - truth, axis=-1).mean()
    assert error < 0.12, f"{1000 * error:.0f} mm"
    # left is left: hips and shoulders lie on their true side
    for left, right in ((4, 1), (11, 14)):
        across, true = xyz[:, left] - xyz[:, right], truth[:, left] - truth[:, right]
        assert ((across * true).sum(-1) > 0).mean() > 0.95


def test_batches_do_not_change_the_result(lifter, windows) -> None:
    many = windows * 2
    assert len(many) > BATCH
    together = lifter(many)
    alone = [lifter([w])[0] for w in many[:3]]
    for a, b in zip(alone, together, strict=False):
        assert a.xyz_m == pytest.approx(b.xyz_m, abs=1e-5)
    assert lifter([]) == []


def test_the_view_is_turned_back_to_the_camera(lifter, windows) -> None:
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]], np.float32)
    straight = lifter([replace(windows[0], rotation=np.eye(3, dtype=np.float32))])[0].xyz_m
    turned = lifter([replace(windows[0], rotation=quarter)])[0].xyz_m
    assert turned == pytest.approx(straight @ quarter, abs=1e-6)


def test_an_unknown_normalisation_is_refused() -> None:
    card = find_card("lift-27", "lifter")
    with pytest.raises(ModelError, match="expects 'by moonlight'"):
        OnnxLifter(replace(card, data={**card.data, "normalisation": "by moonlight"}), Device("cpu"))


def test_height_gives_metric_scale(lifter, windows) -> None:
    pose = lifter(windows[:1])[0]
    assert height_scale(1.87) == pytest.approx(1.1)
    assert scaled(pose, 1.1).xyz_m == pytest.approx(pose.xyz_m * 1.1)
    assert scaled(pose, 1) is pose
