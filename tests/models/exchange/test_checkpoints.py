"""Golden tests: what the published code (MIT, W. Li et al.) gave for small random networks, stored in tests/data."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest
import torch
from torch import Tensor

import app
from models.exchange.checkpoints import (
    import_published,
    load_official,
    load_official_refine,
)
from models.exchange.official_layout import network_from_official, official_architecture, official_kind
from pipeline.errors import ConfigError, DataError, ModelError
from pipeline.lift.create import lifter_of
from pipeline.runtime import Device
from pipeline.runtime.cards import LifterCard, RefinerCard, find_card

DATA = Path(__file__).parents[2] / "data"


def golden(name: str) -> tuple[dict[str, np.ndarray], dict[str, Tensor]]:
    """Arrays of a stored file, and its state dictionary in the published layout."""
    with np.load(DATA / f"{name}.npz") as stored:
        arrays = {key: stored[key] for key in stored.files}
    state = {}
    for key in [key for key in arrays if key.startswith("state/")]:
        value = torch.from_numpy(np.asarray(arrays.pop(key)))
        state[key.removeprefix("state/")] = value.float() if value.is_floating_point() else value
    return arrays, state


@pytest.fixture
def state() -> dict[str, Tensor]:
    return golden("official_network_27")[1]


@pytest.mark.parametrize("frames", [27, 351])
def test_same_numbers_as_the_published_code(frames: int) -> None:
    arrays, state = golden(f"official_network_{frames}")
    network = network_from_official(state)
    with torch.no_grad():
        frame, sequence = network(torch.from_numpy(arrays["input"]).float())
    step = int(arrays["sequence_step"])
    assert np.abs(frame.numpy() - arrays["frame"][:, 0]).max() < 1e-5
    assert np.abs(sequence[:, ::step].numpy() - arrays["sequence"]).max() < 1e-5
    assert np.abs(arrays["frame"]).max() > 0.5  # the comparison means something


def test_the_published_layer_norm_is_needed(state: dict[str, Tensor]) -> None:
    arrays, _ = golden("official_network_27")
    network = network_from_official(state)
    for module in network.modules():
        if type(module).__name__ == "OfficialLayerNorm":
            module.eps = 0.1  # type: ignore[assignment]
    with torch.no_grad():
        frame, _ = network(torch.from_numpy(arrays["input"]).float())
    assert np.abs(frame.numpy() - arrays["frame"][:, 0]).max() > 1e-3


def test_architecture_is_read_from_the_shapes(state: dict[str, Tensor]) -> None:
    arch = official_architecture(state)
    assert (arch.window, arch.joints, arch.channels, arch.d_model, arch.d_hidden) == (27, 17, 2, 16, 32)
    assert (arch.vanilla_layers, arch.strides, arch.heads) == (2, (3, 3, 3), 8)
    assert arch.official_layer_norm
    assert official_architecture(golden("official_network_351")[1]).strides == (3, 9, 13)


def test_files_with_and_without_data_parallel(tmp_path: Path, state: dict[str, Tensor]) -> None:
    plain, wrapped = tmp_path / "no_refine_1.pth", tmp_path / "no_refine_2.pth"
    torch.save(state, plain)
    torch.save({f"module.{name}": value for name, value in state.items()}, wrapped)
    for a, b in zip(
        load_official(plain).state_dict().values(), load_official(wrapped).state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)


def _without(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda s: {"conv.weight": torch.zeros(2)}, "not a published .*1 entries: conv.weight"),
        (lambda s: {**s, "extra.weight": torch.zeros(2)}, "no published network has.*extra.weight"),
        (lambda s: _without(s, "Transformer.model.layers.1.self_attn.linears.2.bias"), "lacks .*linears.2.bias"),
        (lambda s: _without(s, "fcn_1.1.bias"), "do not fit together.*sequence_head.1.bias"),
        (lambda s: _without(s, "fcn.1.weight"), "fcn.1.weight.* found nothing"),
        (lambda s: {**s, "fcn.0.weight": torch.zeros(5)}, "do not fit together.*frame_head.0.weight"),
        (lambda s: {**s, "Transformer.pos_embedding": torch.zeros(1, 28, 16)}, "window of 28 frames"),
        (lambda s: {**s, "encoder.0.weight": torch.zeros(16, 51, 1)}, "51 inputs for 17 joints"),
    ],
)
def test_other_state_dictionaries_are_refused(tmp_path: Path, state: dict[str, Tensor], damage, message: str) -> None:
    path = tmp_path / "no_refine_1.pth"
    torch.save(damage(state), path)
    with pytest.raises(ModelError, match=message):
        load_official(path)


def test_other_files_are_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "file.pth"
    with pytest.raises(DataError, match="No such file"):
        load_official(path)
    for content in (b"", b"no checkpoint", b"PK\x03\x04 torn"):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="no checkpoint of tensors"):
            load_official(path)
    for thing, found in (([1, 2], "a list"), ({"model_pos": state, "epoch": 80}, "2 entries: model_pos, epoch")):
        torch.save(thing, path)
        with pytest.raises(ModelError, match=found):
            load_official(path)


class _Harmful:
    def __reduce__(self):
        return (Path.touch, (Path("harmed"),))


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"encoder.0.weight": _Harmful()}, tmp_path / "no_refine_1.pth")
    with pytest.raises(ModelError, match="load safely"):
        load_official(tmp_path / "no_refine_1.pth")
    assert not (tmp_path / "harmed").exists()


def test_network_and_refine_module_are_told_apart(tmp_path: Path, state: dict[str, Tensor]) -> None:
    refine_state = golden("official_refine")[1]
    assert official_kind(state) == "network" and official_kind(refine_state) == "refine"
    network, refine = tmp_path / "no_refine_1.pth", tmp_path / "refine_1.pth"
    torch.save(state, network)
    torch.save(refine_state, refine)
    assert load_official_refine(refine).joints == 17
    with pytest.raises(ModelError, match="holds the refine module"):
        load_official(refine)
    with pytest.raises(ModelError, match="holds a network"):
        load_official_refine(network)


def test_export_with_a_card_that_the_pipeline_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays, state = golden("official_network_27")
    checkpoint = tmp_path / "no_refine_4_4369.pth"
    torch.save(state, checkpoint)
    assert app.main(["models", "import", str(checkpoint), "official-27", "--weights", str(tmp_path)]) == 0
    assert "official-27.json" in capsys.readouterr().out
    card = find_card("official-27", LifterCard, tmp_path)
    assert card.normalisation == "image" and card.channels == 2
    assert (card.window, card.lookahead) == (27, 13)
    assert "no_refine_4_4369.pth" in card.source and max(card.parity.values()) < 1e-5
    lifter = lifter_of(card, Device("cpu"), threads=1)
    assert (lifter.spec.normalisation, lifter.spec.window, lifter.spec.lookahead) == ("image", 27, 13)
    session = ort.InferenceSession(str(card.model_path), providers=["CPUExecutionProvider"])
    frame, sequence = session.run(None, {"keypoints": arrays["input"].astype(np.float32)})
    assert np.abs(frame - arrays["frame"][:, 0]).max() < 1e-5
    assert np.abs(sequence - arrays["sequence"]).max() < 1e-5
    assert not list(tmp_path.glob("*.part"))


def test_a_failed_export_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = tmp_path / "no_refine_1.pth"
    torch.save(golden("official_network_27")[1], checkpoint)
    (tmp_path / "mine.onnx").write_bytes(b"old")

    def no_parity(*_: object) -> None:
        raise ModelError("differs from PyTorch")

    monkeypatch.setattr("models.exchange.export_onnx.export", lambda network, path: path.write_bytes(b"new"))
    monkeypatch.setattr("models.exchange.export_onnx.parity", no_parity)
    with pytest.raises(ModelError, match="differs from PyTorch"):
        import_published(checkpoint, "mine", tmp_path, overwrite=True)
    assert (tmp_path / "mine.onnx").read_bytes() == b"old"
    assert not (tmp_path / "mine.json").exists() and not list(tmp_path.glob("*.part"))


def test_a_model_is_not_replaced_by_accident(tmp_path: Path) -> None:
    checkpoint = tmp_path / "no_refine_1.pth"
    torch.save(golden("official_network_27")[1], checkpoint)
    (tmp_path / "mine.json").write_text("{}")
    for name, weights, message in (
        ("mine", tmp_path, "is taken by .*mine.json"),
        ("../mine", tmp_path, "'../mine' is not valid"),
        ("mine", tmp_path / "nowhere", "is not a folder"),
    ):
        with pytest.raises(ConfigError, match=message):
            import_published(checkpoint, name, weights)


def test_the_command_line_refuses_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.pth"
    path.write_bytes(json.dumps({"no": "tensors"}).encode())
    assert app.main(["models", "import", str(path), "x", "--weights", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1


def test_published_modules_are_told_apart_and_imported(tmp_path: Path) -> None:
    torch.save(golden("official_refine")[1], tmp_path / "refine_1.pth")
    words = ["models", "import", str(tmp_path / "refine_1.pth"), "published", "--weights", str(tmp_path)]
    assert app.main(words) == 0
    card = find_card("published", RefinerCard, tmp_path)
    assert "research" in card.licence and "refine_1.pth" in card.source
    assert max(card.parity.values()) < 1e-4


def test_networks_of_other_joints_are_not_imported(tmp_path: Path, state: dict[str, Tensor]) -> None:
    state["encoder.0.weight"] = state["encoder.0.weight"][:, :30].clone()
    for head in ("fcn", "fcn_1"):
        for part in ("weight", "bias"):
            state[f"{head}.1.{part}"] = state[f"{head}.1.{part}"][:45].clone()
    torch.save(state, tmp_path / "no_refine_15.pth")
    with pytest.raises(ModelError, match="is for 15 joints; this program runs lifters of 17"):
        import_published(tmp_path / "no_refine_15.pth", "x", tmp_path)
    assert not list(tmp_path.glob("x.*"))
