from __future__ import annotations

import logging

import numpy as np
import onnxruntime as ort
import pytest

from pipeline import runtime
from pipeline.cards import Card, file_sha256, find_card
from pipeline.errors import ConfigError, DeviceError, ModelError
from pipeline.runtime import Device, OnnxModel, parse_device

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


@pytest.fixture
def card() -> Card:
    return find_card("lift-27", "lifter")


class Session:
    """Stand-in for ONNX Runtime's session: falls back to the CPU as the real one does."""

    usable = (CPU,)

    def __init__(self, path, options, providers) -> None:
        names = [p if isinstance(p, str) else p[0] for p in providers]
        self.asked = providers
        self._providers = [name for name in names if name in self.usable] or [CPU]

    def get_providers(self):
        return self._providers

    def get_inputs(self):
        return []


@pytest.fixture
def gpu(monkeypatch):
    """An installation with CUDA and a driver, whose CUDA libraries may or may not load."""

    def install(usable):
        monkeypatch.setattr(ort, "InferenceSession", type("S", (Session,), {"usable": usable}))
        monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
        monkeypatch.setattr(runtime, "gpu_problem", lambda: None)

    return install


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [("auto", "auto", 0), ("cpu", "cpu", 0), ("cuda", "cuda", 0), ("CUDA:2", "cuda", 2), ("tensorrt:1", "tensorrt", 1)],
)
def test_devices(text: str, kind: str, number: int) -> None:
    assert parse_device(text) == Device(kind, number)


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:-1", "cpu:1", "", "cuda 0"])
def test_unknown_devices(text: str) -> None:
    with pytest.raises(ConfigError, match="use auto, cpu, cuda"):
        parse_device(text)


def test_cuda_is_used_when_it_can_be(card: Card, gpu) -> None:
    gpu((CUDA, CPU))
    assert OnnxModel(card, Device("auto")).provider == CUDA
    model = OnnxModel(card, Device("cuda", 1))
    assert model.provider == CUDA
    assert model._session.asked[0] == (CUDA, {"device_id": "1"})


def test_asked_for_cuda_and_got_the_cpu_is_an_error(card: Card, gpu) -> None:
    gpu((CPU,))
    with pytest.raises(DeviceError, match=r"--device cuda:0 was asked for.*CPUExecutionProvider.*doctor"):
        OnnxModel(card, Device("cuda"))


def test_auto_says_what_it_chose(card: Card, gpu, caplog) -> None:
    gpu((CPU,))
    with caplog.at_level(logging.WARNING):
        assert OnnxModel(card, Device("auto")).provider == CPU
    assert "running on the CPU" in caplog.text


def test_no_such_provider(card: Card, monkeypatch) -> None:
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CPU])
    with pytest.raises(DeviceError, match="tensorrt:0 was asked for"):
        OnnxModel(card, Device("tensorrt"))


def test_the_cpu_really_runs(card: Card) -> None:
    model = OnnxModel(card, Device("cpu"), threads=1)
    frame, sequence = model.run(np.zeros((3, 27, 17, 3), np.float32))
    assert model.provider == CPU and frame.shape == (3, 17, 3) and sequence.shape == (3, 27, 17, 3)


def test_a_file_that_is_no_model(card: Card, tmp_path) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(b"no model")
    broken = Card(card.path, "x", "lifter", path, file_sha256(path), card.data)
    with pytest.raises(ModelError, match=r"can't load .*x\.onnx"):
        OnnxModel(broken, Device("cpu"))
