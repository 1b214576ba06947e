from __future__ import annotations

import argparse
from types import SimpleNamespace

import pytest

from pipeline.commands import doctor
from pipeline.errors import DeviceError


@pytest.fixture
def installed(monkeypatch):
    """Pretend that exactly these packages are installed."""

    def install(*names: str) -> None:
        packages = [SimpleNamespace(metadata={"Name": name}) for name in names]
        monkeypatch.setattr(doctor, "distributions", lambda: packages)

    return install


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """Pretend what nvidia-smi says and what is missing for CUDA and for TensorRT on top of that."""

    def install(smi=None, cuda=(), tensorrt=()) -> None:
        missing = {"cuda": cuda, "tensorrt": (*cuda, *tensorrt)}
        monkeypatch.setattr(doctor, "nvidia_smi", lambda: smi)
        monkeypatch.setattr(doctor, "gpu_problems", lambda device: iter(missing[device.kind]))
        monkeypatch.setattr(doctor, "cache_dir", lambda: tmp_path / "engines")

    return install


def test_one_flavour_of_each_is_well(installed) -> None:
    installed("numpy", "onnxruntime_gpu", "opencv-python", "onnxruntime-extensions")
    assert [level for level, _ in doctor._packages()] == ["ok"]


def test_flavours_that_overwrite_each_other(installed) -> None:
    installed("onnxruntime", "onnxruntime_gpu", "opencv-python", "opencv_contrib_python", "opencv-python-headless")
    _, (level, text), (cv_level, cv_text) = doctor._packages()
    assert level == "problem" and "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install" in text
    assert cv_level == "note"
    assert "pip uninstall -y opencv-contrib-python opencv-python opencv-python-headless, then" in cv_text


def test_a_gpu_that_lacks_libraries(gpu) -> None:
    gpu((True, "Card A, 580.1"), cuda=["libcudnn.so.9 can't be loaded"], tensorrt=["libnvinfer.so.10 can't be loaded"])
    providers, *others = doctor._gpu()
    assert "CPUExecutionProvider" in providers[1]
    assert others == [
        ("ok", "nvidia-smi: Card A, 580.1"),
        ("note", "no CUDA: libcudnn.so.9 can't be loaded"),
        ("note", "no TensorRT: libnvinfer.so.10 can't be loaded"),
        ("ok", "device auto runs on the CPU"),
    ]


def test_a_gpu_that_works(gpu, monkeypatch, tmp_path) -> None:
    gpu((True, "Card A, 580.1"))
    monkeypatch.setattr(doctor, "OnnxModel", lambda card, device: SimpleNamespace(run=lambda array: []))
    (tmp_path / "engines" / "lift").mkdir(parents=True)
    (tmp_path / "engines" / "lift" / "x.engine").write_bytes(bytes(3 * 2**20))
    *_, cuda, cache = doctor._gpu()
    assert cuda == ("ok", f"lifter {doctor.DEFAULT_MODEL} runs on the GPU: --device cuda:0")
    assert cache[0] == "ok" and str(tmp_path / "engines") in cache[1] and "3 of at most 2048 MiB" in cache[1]


def test_a_gpu_that_looks_well_and_fails(gpu, monkeypatch) -> None:
    def broken(card, device):
        raise DeviceError("--device cuda:0 was asked for, but it failed")

    gpu()
    monkeypatch.setattr(doctor, "OnnxModel", broken)
    assert ("problem", "--device cuda:0 was asked for, but it failed") in list(doctor._gpu())


def test_a_driver_that_hangs_is_not_called(gpu, monkeypatch) -> None:
    def hangs():
        raise DeviceError("nvidia-smi gave no answer")

    def never(device):
        raise AssertionError("the driver was called")

    gpu()
    monkeypatch.setattr(doctor, "nvidia_smi", hangs)
    monkeypatch.setattr(doctor, "gpu_problems", never)
    assert list(doctor._gpu())[1:] == [("problem", "nvidia-smi gave no answer")]


def test_a_broken_driver_is_a_problem(gpu, monkeypatch, capsys) -> None:
    gpu((False, "Driver/library version mismatch"), cuda=["no usable GPU"])
    monkeypatch.setattr(doctor, "_CHECKS", (doctor._gpu,))
    assert doctor.execute(argparse.Namespace()) == 1
    printed = capsys.readouterr().out
    assert "PROBLEM  nvidia-smi: Driver/library version mismatch" in printed and "1 problem(s)" in printed


def test_no_gpu_is_no_problem(gpu, monkeypatch, capsys) -> None:
    gpu(cuda=["no NVIDIA driver"], tensorrt=["no TensorRT"])
    monkeypatch.setattr(doctor, "_CHECKS", (doctor._gpu,))
    assert doctor.execute(argparse.Namespace()) == 0
    assert "PROBLEM" not in capsys.readouterr().out


def test_models_that_a_run_needs_are_missed(monkeypatch) -> None:
    monkeypatch.setattr(doctor, "list_cards", lambda *_: [])
    missing = [text for level, text in doctor._models() if level == "problem"]
    assert [name in text for name, text in zip(("lift-27,", "lift-27-live,"), missing, strict=True)] == [True, True]
