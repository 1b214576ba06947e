"""What is missing for a GPU: with libraries, driver and nvidia-smi played by stand-ins."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from pathlib import Path

import onnxruntime as ort
import pytest

from pipeline.errors import DeviceError
from pipeline.runtime import Device, gpu
from pipeline.runtime.gpu import Driver, gpu_problem, gpu_problems

pytestmark = pytest.mark.skipif(os.name == "nt", reason="names of Linux libraries")

CUDA_13 = ["libcudart.so.13", "libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudnn.so.9"]
TENSORRT_10 = ["libnvinfer.so.10", "libnvonnxparser.so.10"]
GOOD = Driver(cuda=(13, 0), gpus=2)

Machine = Callable[..., None]


@pytest.fixture
def machine(monkeypatch) -> Machine:
    """A machine with an onnxruntime-gpu built for ``built``, a driver, and these libraries."""

    def install(driver: Driver | None = GOOD, libraries=(*CUDA_13, *TENSORRT_10), built="13.0", providers=None) -> None:
        names = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
        monkeypatch.setattr(ort, "get_available_providers", lambda: providers or names)
        monkeypatch.setattr(ort, "cuda_version", built, raising=False)
        monkeypatch.setattr(gpu, "preload", lambda: None)
        monkeypatch.setattr(gpu, "find_driver", lambda: driver)
        monkeypatch.setattr(gpu, "load_library", lambda name: object() if name in libraries else None)

    return install


def test_nothing_is_missing(machine: Machine) -> None:
    machine()
    assert gpu_problem() is None and gpu_problem(Device("cuda", 1)) is None and gpu_problem(Device("tensorrt")) is None


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (None, ("no NVIDIA driver", "libcuda.so.1", "install")),
        (Driver((12, 4), 1), ("CUDA 12.4 at most", "built for CUDA 13.0", "newer driver", "onnxruntime-gpu==1.23.2")),
        (Driver((11, 8), 1), ("CUDA 11.8 at most", "newer driver")),
        (Driver((13, 0), 0, error=100), ("no usable GPU", "CUDA error 100", "CUDA_VISIBLE_DEVICES")),
        (Driver((13, 0), 0), ("no usable GPU",)),
        (Driver((13, 0), 1), ("no GPU 1", "0 to 0")),
    ],
)
def test_drivers(machine: Machine, driver: Driver | None, words: tuple[str, ...]) -> None:
    machine(driver)
    (problem,) = gpu_problems(Device("cuda", 1))
    assert all(word in problem for word in words)


@pytest.mark.parametrize("missing", CUDA_13)
def test_a_missing_cuda_library(machine: Machine, missing: str) -> None:
    machine(libraries=set(CUDA_13) - {missing})
    problem = gpu_problem()
    assert problem and problem.startswith(f"{missing} can't be loaded") and "requirements-cuda.txt" in problem
    assert (Path(__file__).parents[3] / "requirements-cuda.txt").is_file()


def test_a_build_for_cuda_12_needs_other_names(machine: Machine) -> None:
    machine(built="12.2")
    problem = gpu_problem()
    assert problem and "libcudart.so.12" in problem and "libcufft.so.11" in problem and "CUDA 12 " in problem
    assert "libcudnn" not in problem


def test_tensorrt_alone_is_missing(machine: Machine) -> None:
    machine(libraries=CUDA_13)
    assert gpu_problem() is None
    problem = gpu_problem(Device("tensorrt"))
    assert (
        problem
        and "libnvinfer.so.10" in problem
        and "tensorrt-cu13>=10,<11" in problem
        and "or use the device cuda" in problem
    )


def test_all_problems_are_named(machine: Machine) -> None:
    machine(driver=None, libraries=())
    driver, cuda, tensorrt = gpu_problems(Device("tensorrt"))
    assert "driver" in driver and "libcudnn.so.9" in cuda and "libnvinfer.so.10" in tensorrt


@pytest.mark.parametrize(("built", "providers"), [("", None), ("13.0", ["CPUExecutionProvider"])])
def test_an_onnx_runtime_without_cuda(machine: Machine, built: str, providers) -> None:
    machine(built=built, providers=providers)
    (problem,) = gpu_problems(Device("cuda"))
    assert "installed without cuda" in problem and "onnxruntime-gpu" in problem


class FakeDriverLibrary:
    """libcuda with two GPUs and CUDA 12.4."""

    def __init__(self, error: int = 0) -> None:
        self.error = error

    def cuDriverGetVersion(self, version) -> int:
        version._obj.value = 12040
        return 0

    def cuInit(self, flags: int) -> int:
        return self.error

    def cuDeviceGetCount(self, count) -> int:
        count._obj.value = 2
        return 0


def test_the_driver_is_asked(monkeypatch) -> None:
    library = FakeDriverLibrary()
    monkeypatch.setattr(gpu, "load_library", {"libcuda.so.1": library}.get)
    assert gpu.find_driver() == Driver((12, 4), 2)
    library.error = 803
    assert gpu.find_driver() == Driver((12, 4), 0, 803)
    monkeypatch.setattr(gpu, "load_library", lambda name: None)
    assert gpu.find_driver() is None


def test_libraries_are_really_loaded() -> None:
    assert isinstance(gpu.load_library("libc.so.6"), ctypes.CDLL)
    assert gpu.load_library("libnothing.so.7") is None


def test_preloading_is_silent_and_never_fails(monkeypatch, capsys) -> None:
    def broken() -> None:
        print("Failed to load libcublas.so.13")
        raise RuntimeError("no")

    monkeypatch.setattr(ort, "preload_dlls", broken, raising=False)
    gpu.preload.__wrapped__()
    monkeypatch.delattr(ort, "preload_dlls")
    gpu.preload.__wrapped__()
    assert capsys.readouterr().out == ""


def test_tensorrt_is_loaded_from_its_wheel(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "tensorrt_libs").mkdir()
    (tmp_path / "tensorrt_libs" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delattr(ort, "preload_dlls", raising=False)
    loaded: list[str] = []
    monkeypatch.setattr(gpu, "load_library", loaded.append)
    gpu.preload.__wrapped__()
    assert loaded == [str(tmp_path / "tensorrt_libs" / name) for name in TENSORRT_10]


@pytest.fixture
def smi(monkeypatch, tmp_path: Path) -> Callable[[str], None]:
    """Put a script in place of nvidia-smi."""

    def install(script: str) -> None:
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return install


def test_nvidia_smi(smi, monkeypatch, tmp_path: Path) -> None:
    smi("echo 'Card A, 580.1'; echo 'Card B, 580.1'")
    assert gpu.nvidia_smi() == (True, "Card A, 580.1 / Card B, 580.1")
    smi("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    assert gpu.nvidia_smi() == (False, "Failed to initialize NVML: Driver/library version mismatch")
    smi("exit 3")
    assert gpu.nvidia_smi() == (False, "no answer, exit code 3")
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert gpu.nvidia_smi() is None


def test_an_nvidia_smi_that_hangs(smi, monkeypatch) -> None:
    smi("exec sleep 60")
    monkeypatch.setattr(gpu, "_SMI_PATIENCE_S", 0.2)
    with pytest.raises(DeviceError, match=r"no answer within 0.2 s.*restart"):
        gpu.nvidia_smi()
