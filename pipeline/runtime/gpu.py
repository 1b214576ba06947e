"""NVIDIA driver and libraries: what is installed, and what is missing for CUDA or TensorRT.

ONNX Runtime says on standard error only that a library is missing, and only the first one. So this
module looks for them first, by the names that ONNX Runtime's providers are linked to (``readelf -d`` of
onnxruntime-gpu 1.23.2, built for CUDA 12, and 1.31.1, for CUDA 13; on Windows, what its ``preload_dlls`` loads).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import io
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import onnxruntime as ort

from pipeline.errors import DeviceError
from pipeline.runtime.device import PROVIDERS, TENSORRT, Device

log = logging.getLogger(__name__)

FIRST_GPU = Device("cuda")

_WINDOWS = os.name == "nt"
# nvidia-smi answers within a second; with a driver that hangs it never does.
_SMI_PATIENCE_S = 5.0
_NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE


@dataclass(frozen=True)
class Driver:
    """NVIDIA's driver, as its own library reports it.

    Attributes:
        cuda: the newest CUDA version that it can run, as (13, 0).
        gpus: number of GPUs that this process may use.
        error: CUDA's error code at start; 0 = none.
    """

    cuda: tuple[int, int]
    gpus: int
    error: int = 0


def find_driver() -> Driver | None:
    """The driver of this machine; None if its library can't be loaded."""
    library = load_library(driver_library())
    if library is None:
        return None
    version, gpus = ctypes.c_int(0), ctypes.c_int(0)
    error: int = library.cuDriverGetVersion(ctypes.byref(version)) or library.cuInit(0)
    error = error or library.cuDeviceGetCount(ctypes.byref(gpus))
    return Driver((version.value // 1000, version.value % 1000 // 10), gpus.value, error)


def load_library(name: str) -> ctypes.CDLL | None:
    """Load a shared library by file name or path; None if that fails."""
    try:
        # 0 makes Windows search PATH, as it does for the libraries that ONNX Runtime's providers need
        return ctypes.CDLL(name, winmode=0)
    except OSError as error:
        log.debug("%s", error)
        return None


def driver_library() -> str:
    """File name of the library that comes with NVIDIA's driver."""
    return "nvcuda.dll" if _WINDOWS else "libcuda.so.1"


def built_for_cuda() -> tuple[int, int] | None:
    """The CUDA version that this ONNX Runtime was built for; None for a build without CUDA."""
    major, _, minor = str(getattr(ort, "cuda_version", "")).partition(".")
    return (int(major), int(minor) if minor.isdigit() else 0) if major.isdigit() else None


def cuda_libraries(major: int) -> list[str]:
    """File names of the CUDA and cuDNN libraries that ONNX Runtime's CUDA provider needs.

    The build for CUDA 13 loads cuDNN and cuFFT only when a network needs them; ours have convolutions.
    """
    if _WINDOWS:
        names = [f"cudart64_{major}.dll", f"cublasLt64_{major}.dll", f"cublas64_{major}.dll"]
        return [*names, *(["cufft64_11.dll"] if major == 12 else []), "cudnn64_9.dll"]
    names = [f"libcudart.so.{major}", f"libcublasLt.so.{major}", f"libcublas.so.{major}", "libcurand.so.10"]
    return [*names, *(["libcufft.so.11"] if major == 12 else []), "libcudnn.so.9"]


def tensorrt_libraries() -> list[str]:
    """File names of the TensorRT libraries that ONNX Runtime's TensorRT provider needs."""
    return [f"{name}_10.dll" if _WINDOWS else f"lib{name}.so.10" for name in ("nvinfer", "nvonnxparser")]


@functools.cache
def preload() -> None:
    """Load CUDA, cuDNN and TensorRT from NVIDIA's wheels, whose folders are on no search path; never fails."""
    if hasattr(ort, "preload_dlls"):
        # it prints what it does not find; gpu_problems() has clearer messages
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            ort.preload_dlls()
    wheel = find_spec("tensorrt_libs")
    for folder in (wheel.submodule_search_locations or []) if wheel else []:
        for name in tensorrt_libraries():
            load_library(str(Path(folder) / name))


def gpu_problem(device: Device = FIRST_GPU) -> str | None:
    """Why a GPU can't be used here, as far as that can be seen without loading a model; None if no reason is found."""
    return next(gpu_problems(device), None)


def gpu_problems(device: Device) -> Iterator[str]:
    """Everything that is missing for a 'cuda' or 'tensorrt' device, each with advice, the most serious first."""
    built = built_for_cuda()
    if built is None or PROVIDERS[device.kind] not in ort.get_available_providers():
        yield f"ONNX Runtime {ort.__version__} was installed without {device.kind} (onnxruntime-gpu has it)"
        return
    yield from _driver_problems(device, built)
    preload()
    if missing := [name for name in cuda_libraries(built[0]) if load_library(name) is None]:
        yield (
            f"{', '.join(missing)} can't be loaded (onnxruntime-gpu {ort.__version__} needs CUDA {built[0]} and "
            "cuDNN 9); pip install -r requirements-cuda.txt"
        )
    if PROVIDERS[device.kind] == TENSORRT:
        yield from _tensorrt_problems(built[0])


def _driver_problems(device: Device, built: tuple[int, int]) -> Iterator[str]:
    driver = find_driver()
    if driver is None:
        yield f"there is no NVIDIA driver ({driver_library()} can't be loaded); install it if there is an NVIDIA GPU"
    elif driver.cuda[0] < built[0]:
        yield (
            f"the NVIDIA driver runs CUDA {driver.cuda[0]}.{driver.cuda[1]} at most, and onnxruntime-gpu "
            f"{ort.__version__} was built for CUDA {built[0]}.{built[1]}; install a newer driver"
            + (", or pip install onnxruntime-gpu==1.23.2, built for CUDA 12" if driver.cuda[0] == 12 else "")
        )
    elif driver.error or driver.gpus == 0:
        yield (
            f"the NVIDIA driver finds no usable GPU (CUDA error {driver.error or _NO_DEVICE}); look at nvidia-smi, "
            "and at CUDA_VISIBLE_DEVICES, which can hide GPUs"
        )
    elif device.number >= driver.gpus:
        yield f"there is no GPU {device.number}: they are numbered 0 to {driver.gpus - 1}"


def _tensorrt_problems(cuda_major: int) -> Iterator[str]:
    if missing := [name for name in tensorrt_libraries() if load_library(name) is None]:
        yield (
            f"{', '.join(missing)} can't be loaded (TensorRT 10; the provider is not linked to 11); "
            f"pip install 'tensorrt-cu{cuda_major}>=10,<11', or use the device cuda"
        )


def nvidia_smi() -> tuple[bool, str] | None:
    """The answer of ``nvidia-smi``: (True, "GPU, driver version") or (False, error); None if it is not installed.

    Raises:
        DeviceError: it does not answer; then the driver should not be called either, since it may never return.
    """
    path = shutil.which("nvidia-smi")
    if path is None:
        return None
    command = [path, "--query-gpu=name,driver_version", "--format=csv,noheader"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        text = " / ".join(process.communicate(timeout=_SMI_PATIENCE_S)[0].split("\n")).strip(" /")
    except subprocess.TimeoutExpired as error:
        process.kill()
        # a process that waits inside a broken driver can't even be killed, so this wait has a limit, too
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=1)
        raise DeviceError(
            f"nvidia-smi gave no answer within {_SMI_PATIENCE_S:g} s: the NVIDIA driver hangs; restart the machine"
        ) from error
    return process.returncode == 0, text or f"no answer, exit code {process.returncode}"
