"""The stage of the refine module: trained after a lifter, and if it is asked for, with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import app
from models.data.batches import make_batch
from models.data.mocap import every_nth_frame, load_mocap
from models.exchange.export_onnx import load_trained
from models.network.strided_transformer import Architecture
from models.training.recipe import LifterRecipe
from models.training.windows import Windows
from tests.helpers.mocap import write_mocap

TINY = Architecture(window=9, strides=(3, 3), d_model=16, d_hidden=32, heads=2, vanilla_layers=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz")
    write_mocap(folder / "val.npz", clips=2)
    return folder


@pytest.fixture(scope="module")
def lifter(data: Path, tmp_path_factory) -> Path:
    """A lifter that gives the mean pose, whatever it sees."""
    stage = Windows(TINY, LifterRecipe(target=4))
    sampler = every_nth_frame(load_mocap(data / "train.npz"), 9, 4, 1)
    mean = make_batch(sampler, np.random.default_rng(0), 200).truth_m[:, 4].mean(0)
    for network in (stage.network, stage.average):
        with torch.no_grad():
            network.get_parameter("frame_head.1.weight").zero_()
            network.get_parameter("frame_head.1.bias").copy_(torch.from_numpy(mean).flatten())
    folder = tmp_path_factory.mktemp("lifter")
    stage.save(folder)
    return folder / "checkpoint.pt"


@pytest.fixture(scope="module")
def run(data: Path, lifter: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run")
    options = ["--data", str(data), "--out", str(out), "--batch", "32", "--hidden", "32", "--threads", "1"]
    words = ["train", "--stage", "refine", "--start-from", str(lifter), *options]
    assert app.main([*words, "--steps", "150", "--lr", "0.01", "--dropout", "0"]) == 0
    return out


def test_a_lifter_that_knows_only_the_mean_pose_is_corrected_across_the_picture(run: Path) -> None:
    metrics = torch.load(run / "refine.pt", weights_only=True)["metrics"]
    for condition in ("clean", "detector_like"):
        found = metrics[condition]
        assert found["refined_mpjpe_mm"] < 0.9 * found["lifted_mpjpe_mm"]
    assert metrics["clean"]["refined_mpjpe_mm"] > 50  # its depth stays wrong
    assert not (run / "checkpoint.pt").exists()


def test_the_network_can_be_trained_with_it(data: Path, lifter: Path, tmp_path: Path) -> None:
    before = load_trained(lifter)[0].state_dict()
    options = ["--data", str(data), "--out", str(tmp_path), "--batch", "16", "--hidden", "16", "--threads", "1"]
    words = ["train", "--stage", "refine", "--start-from", str(lifter), *options]
    assert app.main([*words, "--steps", "3", "--network-lr", "1e-3"]) == 0
    network, state = load_trained(tmp_path / "checkpoint.pt")
    changed = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
    assert "frame_head.1.weight" in changed and len(changed) > 20
    assert (
        state["what"].endswith("refine module (app.py train --stage refine)")
        and state["stages_before"][-1]["window"] == 9
    )
