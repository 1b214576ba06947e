from __future__ import annotations

import argparse
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from pipeline.commands import doctor
from pipeline.errors import DeviceError, DisplayError


@pytest.fixture(autouse=True)
def nothing_real(monkeypatch) -> None:
    """No window is opened and no model is run, unless a test says so."""

    def no_window(title: str) -> None:
        raise DisplayError("no display")

    monkeypatch.setattr(doctor, "open_window", no_window)
    monkeypatch.setattr(doctor, "OnnxModel", lambda card, device: SimpleNamespace(run=lambda array: []))


@pytest.fixture
def findings(capsys) -> Callable[[], tuple[int, list[tuple[str, str]]]]:
    """The exit code of ``doctor`` and the level and text of each of its lines but the last, which sums up."""

    def run() -> tuple[int, list[tuple[str, str]]]:
        code = doctor.execute(argparse.Namespace())
        *lines, last = capsys.readouterr().out.splitlines()
        found = [(line[:8].strip().lower(), line[9:]) for line in lines]
        problems = sum(level == "problem" for level, _ in found)
        assert (f"{problems} problem(s)" in last) == bool(problems) == bool(code)
        return code, found

    return run


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


def test_one_flavour_of_each_is_well(installed, findings) -> None:
    installed("numpy", "onnxruntime_gpu", "opencv-python", "onnxruntime-extensions")
    _, found = findings()
    assert any(level == "ok" and text.startswith("numpy ") for level, text in found)
    assert not any("are installed together" in text for _, text in found)


def test_flavours_that_overwrite_each_other(installed, findings) -> None:
    installed("onnxruntime", "onnxruntime_gpu", "opencv-python", "opencv_contrib_python", "opencv-python-headless")
    code, found = findings()
    (level, text), (cv_level, cv_text) = [one for one in found if "are installed together" in one[1]]
    assert level == "problem" and "pip uninstall -y onnxruntime onnxruntime-gpu, then pip install" in text and code == 1
    assert cv_level == "note"
    assert "pip uninstall -y opencv-contrib-python opencv-python opencv-python-headless, then" in cv_text


def of_gpu(found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The findings from the providers on, up to those of the screen."""
    places = [n for n, (_, text) in enumerate(found) if "ONNX Runtime's providers" in text or "window" in text]
    return found[places[0] : places[1]]


def test_a_gpu_that_lacks_libraries(gpu, findings) -> None:
    gpu((True, "Card A, 580.1"), cuda=["libcudnn.so.9 can't be loaded"], tensorrt=["libnvinfer.so.10 can't be loaded"])
    providers, *others = of_gpu(findings()[1])
    assert "CPUExecutionProvider" in providers[1]
    assert others == [
        ("ok", "nvidia-smi: Card A, 580.1"),
        ("note", "no CUDA: libcudnn.so.9 can't be loaded"),
        ("note", "no TensorRT: libnvinfer.so.10 can't be loaded"),
        ("ok", "device auto runs on the CPU"),
    ]


def test_a_gpu_that_works(gpu, findings, tmp_path) -> None:
    gpu((True, "Card A, 580.1"))
    (tmp_path / "engines" / "lift").mkdir(parents=True)
    (tmp_path / "engines" / "lift" / "x.engine").write_bytes(bytes(3 * 2**20))
    *_, cuda, cache = of_gpu(findings()[1])
    assert cuda == ("ok", f"lifter {doctor.DEFAULT_MODEL} runs on the GPU: --device cuda:0")
    assert cache[0] == "ok" and str(tmp_path / "engines") in cache[1] and "3 of at most 2048 MiB" in cache[1]


def test_a_gpu_that_looks_well_and_fails(gpu, findings, monkeypatch) -> None:
    def broken(card, device):
        raise DeviceError("--device cuda:0 was asked for, but it failed")

    gpu()
    monkeypatch.setattr(doctor, "OnnxModel", broken)
    code, found = findings()
    assert ("problem", "--device cuda:0 was asked for, but it failed") in of_gpu(found) and code == 1


def test_a_driver_that_hangs_is_not_called(gpu, findings, monkeypatch) -> None:
    def hangs():
        raise DeviceError("nvidia-smi gave no answer")

    def never(device):
        raise AssertionError("the driver was called")

    gpu()
    monkeypatch.setattr(doctor, "nvidia_smi", hangs)
    monkeypatch.setattr(doctor, "gpu_problems", never)
    assert of_gpu(findings()[1])[1:] == [("problem", "nvidia-smi gave no answer")]


def test_a_broken_driver_is_a_problem(installed, gpu, findings) -> None:
    installed("onnxruntime")
    gpu((False, "Driver/library version mismatch"), cuda=["no usable GPU"])
    code, found = findings()
    assert code == 1
    assert [one for one in found if one[0] == "problem"] == [("problem", "nvidia-smi: Driver/library version mismatch")]


def test_no_gpu_is_no_problem(installed, gpu, findings) -> None:
    installed("onnxruntime")
    gpu(cuda=["no NVIDIA driver"], tensorrt=["no TensorRT"])
    code, found = findings()
    assert code == 0 and "problem" not in [level for level, _ in found]
    assert ("note", "no window: no display") in found


def test_models_that_a_run_needs_are_missed(gpu, findings, monkeypatch) -> None:
    gpu(cuda=["no NVIDIA driver"])
    monkeypatch.setattr(doctor, "list_cards", lambda *_: [])
    missing = [text for level, text in findings()[1] if level == "problem" and "model" in text]
    assert [name in text for name, text in zip(("lift-27,", "lift-27-live,"), missing, strict=True)] == [True, True]
