"""Export of trained lifters and refine modules, by the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch

import app
from models.exchange.export_onnx import load_trained
from models.network.refine import Refine
from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.recipe import LifterRecipe, RefineRecipe
from models.training.refine import RefinedLifter, RefineModule
from models.training.windows import Windows
from pipeline.lift.refine import Refiner
from pipeline.runtime.cards import LifterCard, RefinerCard, file_sha256, find_card, read_document
from tests.helpers.mocap import write_mocap

TINY = Architecture(window=9, strides=(3, 3), d_model=16, d_hidden=32, heads=2, vanilla_layers=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz")
    write_mocap(folder / "val.npz", clips=2)
    return folder


@pytest.fixture(scope="module")
def run(data: Path, tmp_path_factory) -> Path:
    """A lifter and a module for it, with the weights they began with (no two alike)."""
    folder = tmp_path_factory.mktemp("run")
    stage = Windows(TINY, LifterRecipe(target=6))
    with torch.no_grad():
        for parameter in stage.average.parameters():  # the exporter keeps equal weights once; trained ones never are
            parameter.add_(0.02 * torch.randn_like(parameter))
    stage.save(folder)
    RefineModule(folder / "checkpoint.pt", RefineRecipe(steps=150, hidden=32), data).save(folder)
    return folder


def export(run: Path, name: str, data: Path, weights: Path, *more: str) -> int:
    checkpoint = str(run / ("refine.pt" if name.startswith("refine") else "checkpoint.pt"))
    return app.main(["models", "export", checkpoint, name, "--data", str(data), "--weights", str(weights), *more])


def test_a_lifter_and_its_card(run: Path, data: Path, tmp_path: Path, capsys) -> None:
    assert export(run, "tiny", data, tmp_path) == 0
    assert "wrote" in capsys.readouterr().out
    card = find_card("tiny", LifterCard, tmp_path)
    card.verify()
    assert card.source.endswith("(python app.py train)") and card.lookahead == 2
    assert card.training["target"] == 6 and card.training["steps_done"] == 0
    assert card.training_data[0]["clips"] == 4 and "body of 1.70 m" in card.joints_out
    network, _ = load_trained(run / "checkpoint.pt")
    keypoints = torch.randn(3, 9, 17, 3)
    session = ort.InferenceSession(str(card.model_path), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        expected = [poses.numpy() for poses in network(keypoints)]
    for found, poses in zip(session.run(None, {"keypoints": keypoints.numpy()}), expected, strict=True):
        assert found == pytest.approx(poses, abs=2e-2)  # matrices are stored as float16


def test_a_model_is_not_replaced_unasked(run: Path, data: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "tiny.json").write_text("{}")
    assert export(run, "tiny", data, tmp_path) == 2
    assert "choose another, or replace it with --overwrite" in capsys.readouterr().err
    assert export(run, "tiny", data, tmp_path, "--overwrite") == 0
    assert find_card("tiny", LifterCard, tmp_path).sha256 == file_sha256(tmp_path / "tiny.onnx")


def test_a_module_is_found_and_does_the_same(run: Path, data: Path, tmp_path: Path) -> None:
    assert export(run, "refine-tiny", data, tmp_path) == 0
    card = find_card("refine-tiny", RefinerCard, tmp_path)
    document = read_document(card.path)
    assert document["training"]["steps"] == 150 and card.training_data
    assert document["trained_with"]["sha256"] == file_sha256(run / "checkpoint.pt")
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

    class Given(StridedTransformer):
        """A lifter that gives these poses."""

        def forward(self, keypoints: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.from_numpy(lifted[:, 0]), keypoints

    both = RefinedLifter(Given(TINY), module, frozen=True, target=0).eval()
    with torch.no_grad():
        _, expected = both(torch.from_numpy(seen[:, None, 0]), torch.from_numpy(scale[:, 0]))
    assert found[:, 0] == pytest.approx(expected.numpy(), abs=2e-3)  # matrices are stored as float16


def test_a_module_of_an_earlier_version_is_exported(data: Path, tmp_path: Path) -> None:
    recipe = {"steps": 7, "batch": 8, "lr": 1e-3, "network_lr": 0.0, "hidden": 16, "dropout": 0.5, "known": 1.0}
    lifter = {"file": "lift-27.onnx", "sha256": "0" * 64}
    state = {"recipe": recipe, "lifter": lifter, "metrics": {}, "state": Refine(17, 16).state_dict()}
    torch.save(state, tmp_path / "refine.pt")
    assert export(tmp_path, "refine-old", data, tmp_path) == 0
    assert read_document(find_card("refine-old", RefinerCard, tmp_path).path)["training"] == recipe


def test_other_files_are_refused_in_one_line(run: Path, data: Path, tmp_path: Path, capsys) -> None:
    torch.save([1, 2], tmp_path / "checkpoint.pt")
    for arguments, message in (
        ([str(tmp_path / "nothing.pt"), "x", "--data", str(data)], "can't be read: No such file"),
        (
            [str(tmp_path / "checkpoint.pt"), "x", "--data", str(data)],
            "is not a checkpoint of 'app.py train'; it holds",
        ),
        ([str(run / "refine.pt"), "x", "--data", str(tmp_path)], "can't be read as motion capture"),
        ([str(run / "refine.pt"), "../x", "--data", str(data)], "'../x' is not valid"),
    ):
        assert app.main(["models", "export", *arguments, "--weights", str(tmp_path)]) == 2
        error = capsys.readouterr().err
        assert message in error and error.startswith("error: ") and error.count("\n") == 1
    with pytest.raises(SystemExit):
        app.main(["models", "export", str(run / "refine.pt"), "x"])
    assert "--data" in capsys.readouterr().err
    assert not list(tmp_path.glob("x.*"))
