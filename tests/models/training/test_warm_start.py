"""The weights and the history that a training takes over from another one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch

import app
from models.data.mocap import load_mocap
from models.exchange.export_onnx import export, round_matrices
from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.checkpoint import record_of, write_state
from models.training.frames import SingleFrames
from models.training.recipe import LifterRecipe
from models.training.validation import validation_windows
from models.training.warm_start import stages_of, start_from
from models.training.windows import Windows
from pipeline.errors import ConfigError, DataError
from pipeline.runtime.cards import WEIGHTS_DIR, file_sha256
from tests.helpers.mocap import write_mocap

TINY = Architecture(window=9, strides=(3, 3), d_model=16, d_hidden=32, heads=2, vanilla_layers=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("mocap")
    write_mocap(folder / "train.npz")
    write_mocap(folder / "val.npz", clips=2)
    return folder


def no_windows() -> torch.Tensor:
    raise AssertionError("only exported lifters need them")


def saved(lifter: Windows, path: Path) -> Path:
    write_state(path, lifter.state())
    return path


def test_a_run_learns_continues_and_starts_a_lifter(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "frames"
    network = ["--data", str(data), "--width", "16", "--hidden", "32", "--threads", "1"]
    frames = ["train", "--stage", "frames", *network, "--out", str(out), "--batch", "48"]
    assert app.main([*frames, "--steps", "150", "--decay", "0.5"]) == 0
    assert app.main([*frames, "--steps", "160"]) == 0
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [150, 160]
    state = torch.load(out / "checkpoint.pt", weights_only=True)
    assert (state["average"]["vanilla.0.attention.out.weight"] == 0).all()
    untrained = SingleFrames(Architecture.from_dict(state["architecture"]), LifterRecipe()).lifter
    new = start_from(untrained, out / "checkpoint.pt", no_windows)
    assert new == []
    assert torch.equal(untrained.get_parameter("embed.0.weight"), state["average"]["embed.0.weight"])
    lifter = tmp_path / "lifter"
    windows = ["train", *network, "--batch", "4"]
    begun = ["--start-from", str(out / "checkpoint.pt")]
    assert app.main([*windows, "--out", str(lifter), "--steps", "2", *begun]) == 0
    # Its weights' way is remembered, over the whole chain.
    again = tmp_path / "again"
    begun = ["--start-from", str(lifter / "checkpoint.pt")]
    assert app.main([*windows, "--out", str(again), "--steps", "1", "--target", "26", *begun]) == 0
    state = torch.load(again / "checkpoint.pt", weights_only=True)
    before = [(stage["what"], stage["window"], stage["steps_done"]) for stage in state["stages_before"]]
    assert before == [("single frames (app.py train --stage frames)", 27, 160), ("windows (app.py train)", 27, 2)]
    assert record_of(state)["target"] == 26 and state["stages_before"][1]["target"] == 13


def test_a_wider_hidden_layer_keeps_the_function(tmp_path: Path) -> None:
    narrow = Windows(TINY, LifterRecipe(target=4))
    wide = StridedTransformer(replace(TINY, d_hidden=48))
    assert start_from(wide, saved(narrow, tmp_path / "narrow.pt"), no_windows) == []
    x = torch.randn(3, 9, 17, 3)
    with torch.no_grad():
        for a, b in zip(narrow.network.eval()(x), wide.eval()(x), strict=True):
            assert torch.allclose(a, b, atol=1e-5)


def test_a_longer_window_gets_the_weights_and_resampled_positions(tmp_path: Path) -> None:
    short = Windows(TINY, LifterRecipe(target=4))
    long = StridedTransformer(replace(TINY, window=27, strides=(3, 9)))
    assert start_from(long, saved(short, tmp_path / "short.pt"), no_windows) == []
    weight = "vanilla.0.expand.weight"
    assert torch.equal(long.get_parameter(weight), short.lifter.get_parameter(weight))
    theirs, ours = short.lifter.position[0], long.position[0]
    # the ends stay, and in between nothing is invented
    assert torch.allclose(ours[0], theirs[0]) and torch.allclose(ours[-1], theirs[-1])
    assert ours.max() <= theirs.max() and ours.min() >= theirs.min()


def test_other_widths_and_other_files_are_refused(tmp_path: Path) -> None:
    path = saved(Windows(TINY, LifterRecipe(target=4)), tmp_path / "tiny.pt")
    other = StridedTransformer(replace(TINY, d_model=32))
    with pytest.raises(ConfigError, match="d_model 16, this network 32"):
        start_from(other, path, no_windows)
    narrower = StridedTransformer(replace(TINY, d_hidden=16))
    with pytest.raises(ConfigError, match="d_hidden 32, this network 16"):
        start_from(narrower, path, no_windows)
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(DataError, match="is not a checkpoint"):
        start_from(other, tmp_path / "text.pt", no_windows)


def test_an_exported_lifter_can_be_trained_on(data: Path, tmp_path: Path) -> None:
    """The same poses in use, and nearly the same in training mode, where the batch's own statistics count."""
    torch.manual_seed(1)
    trained = StridedTransformer(TINY, dropout=0.0, embedding_dropout=0.0)
    keypoints = torch.from_numpy(validation_windows(load_mocap(data / "val.npz"), 9, 4, count=256).keypoints)
    with torch.no_grad():
        for parameter in trained.parameters():  # the exporter keeps equal weights once, and trained ones never are
            parameter.add_(0.02 * torch.randn_like(parameter))
    trained.train()
    for _ in range(60):
        trained(keypoints)  # running statistics
    trained.eval()
    path = tmp_path / "tiny.onnx"
    round_matrices(trained)
    export(trained, path)
    assert any(entry.data_type == onnx.TensorProto.FLOAT16 for entry in onnx.load(str(path)).graph.initializer)
    card = {**json.loads((WEIGHTS_DIR / "lift-27.json").read_text()), "name": "tiny", "file": path.name}
    card |= {"architecture": TINY.to_dict(), "window": 9, "lookahead": 4, "sha256": file_sha256(path)}
    path.with_suffix(".json").write_text(json.dumps(card))
    again = StridedTransformer(TINY, dropout=0.0, embedding_dropout=0.0)
    assert start_from(again, path, lambda: keypoints) == []
    with torch.no_grad():
        expected, found = trained(keypoints), again.eval()(keypoints)
        for a, b in zip(expected, found, strict=True):
            assert torch.allclose(a, b, atol=1e-5)
        in_training = again.train()(keypoints)[1]
    assert (in_training - expected[1]).abs().mean() < 0.05 * expected[1].std()
    training = {"what": "windows", "steps_done": 7, "stages_before": [{"what": "single frames"}]}
    path.with_suffix(".json").write_text(json.dumps({**card, "training": training}))
    assert stages_of(path) == [{"what": "single frames"}, {"window": 9, "what": "windows", "steps_done": 7}]
    path.with_suffix(".json").write_text(json.dumps({**card, "architecture": {**TINY.to_dict(), "vanilla_layers": 3}}))
    with pytest.raises(DataError, match="its card's architecture has"):
        start_from(again, path, lambda: keypoints)
