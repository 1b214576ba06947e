"""Batches for training, from NumPy and from tensors."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch

from models.training import feed
from models.training.feed import Batches, Frames, RefineBatches
from tests.helpers.mocap import write_mocap

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz", clips=4, frames=80)
    write_mocap(folder / "val.npz", clips=2, frames=80)
    return folder


@pytest.mark.parametrize("device", [None, CPU])
def test_resuming_goes_on_where_it_was(data: Path, device, monkeypatch) -> None:
    monkeypatch.setattr(feed, "_FRAMES_AT_ONCE", 3 * 4 * 9)  # tensors are made for three steps at once
    whole = list(islice(iter(Batches(data, 4, 9, 4, device=device)), 8))
    assert not torch.equal(whole[0][0], whole[1][0])
    for first in (2, 5):
        resumed = list(islice(iter(Batches(data, 4, 9, 4, first=first, device=device)), 2))
        for (keypoints, truth), (again, same) in zip(whole[first : first + 2], resumed, strict=True):
            assert keypoints.shape == (4, 9, 17, 3) and torch.equal(keypoints, again) and torch.equal(truth, same)


@pytest.mark.parametrize("device", [None, CPU])
def test_a_process_gets_its_part_of_the_same_batch(data: Path, device) -> None:
    whole, _ = next(iter(Batches(data, 6, 9, 4, device=device)))
    part, _ = next(iter(Batches(data, 6, 9, 4, part=slice(2, 4), device=device)))
    assert torch.equal(part, whole[2:4])


@pytest.mark.parametrize("device", [None, CPU])
def test_frames_come_one_by_one(data: Path, device) -> None:
    keypoints, truth = next(iter(feed.feed(Frames(data, 30, 0, 0, 0.4, device=device))))
    assert keypoints.shape == truth.shape == (30, 17, 3)
    assert (truth[:, 0] == 0).all() and keypoints.isfinite().all()


@pytest.mark.parametrize("kind", [Batches, Frames])
def test_the_share_of_windows_without_legs_can_be_chosen(data: Path, kind) -> None:
    def share(lower_body: float) -> float:
        batches = kind(data, 60, seed=0, first=0, as_captured=0.4, lower_body=lower_body, **more)
        keypoints, _ = next(iter(feed.feed(batches)))
        legs = keypoints[..., [2, 3, 5, 6], 2].reshape(60, -1)  # confidences of knees and ankles
        return float((legs == 0).all(dim=1).float().mean())

    more = {"window": 9, "target": 4} if kind is Batches else {}
    assert share(1.0) == 1
    assert share(0.0) < 0.3 < share(0.5) < 0.8


@pytest.mark.parametrize("device", [None, CPU])
def test_the_scale_of_each_view_is_fed_to_a_refine_module(data: Path, device) -> None:
    keypoints, truth, scale = next(iter(RefineBatches(data, 6, 9, 4, part=slice(2, 4), device=device)))
    plain, same = next(iter(Batches(data, 6, 9, 4, part=slice(2, 4), device=device)))
    assert torch.equal(keypoints, plain) and torch.equal(truth, same)
    assert scale.shape == (2,) and (scale > 0).all()
