"""The refine module: trained after a lifter, exported, used."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from models.data.batches import make_batch
from models.data.mocap import every_nth_frame, load_mocap
from models.exchange import export_refine
from models.exchange.export_onnx import load_trained
from models.network.refine import Refine
from models.network.strided_transformer import Architecture
from models.training import train_refine
from models.training.train import Recipe, Trainer
from pipeline.errors import ConfigError
from pipeline.lift.refine import KIND, Refiner
from pipeline.runtime.cards import find_card
from tests.helpers.mocap import write_mocap

TINY = Architecture(window=9, strides=(3, 3), d_model=16, d_hidden=32, heads=2, vanilla_layers=2)
PUBLISHED = Path(__file__).parents[2] / "data" / "official_refine.npz"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz")
    write_mocap(folder / "val.npz", clips=2)
    return folder


@pytest.fixture(scope="module")
def lifter(data: Path, tmp_path_factory) -> Path:
    """A lifter that gives the mean pose, whatever it sees."""
    trainer = Trainer(TINY, Recipe(target=4))
    sampler = every_nth_frame(load_mocap(data / "train.npz"), 9, 4, 1)
    mean = make_batch(sampler, np.random.default_rng(0), 200).truth_m[:, 4].mean(0)
    for network in (trainer.network, trainer.average):
        with torch.no_grad():
            network.frame_head[1].weight.zero_()  # type: ignore[operator]
            network.frame_head[1].bias.copy_(torch.from_numpy(mean).flatten())  # type: ignore[operator]
    path = tmp_path_factory.mktemp("lifter") / "checkpoint.pt"
    trainer.save(path)
    return path


@pytest.fixture(scope="module")
def run(data: Path, lifter: Path, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("run")
    options = ["--data", str(data), "--out", str(out), "--batch", "32", "--hidden", "32", "--threads", "1"]
    train_refine.main([str(lifter), *options, "--steps", "150", "--lr", "0.01", "--dropout", "0"])
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
    train_refine.main([str(lifter), *options, "--steps", "3", "--network-lr", "1e-3"])
    network, state = load_trained(tmp_path / "checkpoint.pt")
    changed = [name for name, value in network.state_dict().items() if not torch.equal(value, before[name])]
    assert "frame_head.1.weight" in changed and len(changed) > 20
    assert state["what"].endswith("(models.training.train_refine)") and state["stages_before"][-1]["window"] == 9


def test_the_export_is_found_and_does_the_same(run: Path, data: Path, tmp_path: Path) -> None:
    export_refine.main([str(run / "refine.pt"), "tiny-refine", "--data", str(data), "--weights", str(tmp_path)])
    card = find_card("tiny-refine", KIND, tmp_path)
    assert card.data["training"]["steps"] == 150 and card.data["training_data"]
    assert b'File "' not in card.model_path.read_bytes()  # the exporter's notes of where each node came from
    refiner = Refiner(card)
    rng = np.random.default_rng(0)
    lifted = rng.normal(0, 0.4, (2, 5, 17, 3)).astype(np.float32)
    lifted[..., 0, :] = 0
    seen = rng.uniform(-1, 1, lifted.shape).astype(np.float32)
    seen[..., 2] = 0.8
    seen[1, 2] = 0  # a frame without a person in it
    scale = np.full((2, 5), 0.2, np.float32)
    found = refiner(lifted, seen, scale)
    assert found.shape == lifted.shape and (found[..., 2] == lifted[..., 2]).all()
    assert found[1, 2] == pytest.approx(lifted[1, 2], abs=1e-6)
    module = Refine(17, 32)
    module.load_state_dict(torch.load(run / "refine.pt", weights_only=True)["state"])
    batch = type("Batch", (), {"keypoints": seen[:, None, 0], "scale": scale[:, 0], "truth_m": lifted[:, None, 0]})()
    with torch.no_grad():
        _, expected, _ = train_refine.refine_batch(module.eval(), torch.from_numpy(lifted[:, 0]), batch, 0)
    assert found[:, 0] == pytest.approx(expected.numpy(), abs=2e-3)  # matrices are stored as float16


def test_published_modules_can_be_exported(tmp_path: Path) -> None:
    with np.load(PUBLISHED) as stored:
        state = {
            key.removeprefix("state/"): torch.from_numpy(stored[key])
            for key in stored.files
            if key.startswith("state/")
        }
    torch.save(state, tmp_path / "refine_1.pth")
    joints = state["post_refine.0.weight"].shape[1] // 6
    arguments = [str(tmp_path / "refine_1.pth"), "published", "--weights", str(tmp_path)]
    assert joints == 17
    export_refine.main(arguments)
    card = json.loads((tmp_path / "published.json").read_text())
    assert card["kind"] == KIND and "research" in card["licence"]


def test_what_is_no_module_is_refused(lifter: Path, data: Path, tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        export_refine.main([str(lifter), "x", "--data", str(data), "--weights", str(tmp_path)])
    assert "is not a refine module" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        export_refine.main([str(lifter), "x", "--weights", str(tmp_path)])
    assert "--data is needed" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"no train\.npz there"):
        train_refine.main([str(lifter), "--data", str(tmp_path), "--out", str(tmp_path / "run")])
    assert not (tmp_path / "x.onnx").exists()
