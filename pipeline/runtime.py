"""ONNX Runtime sessions on a chosen device, checked after loading.

ONNX Runtime falls back to the CPU without an error when a provider can't be loaded. Here the providers are
passed explicitly and compared with what the session really uses, so that "asked for CUDA, got the CPU" is an
error, except under ``auto``, which says what it chose.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.cards import Card
from pipeline.errors import ConfigError, DeviceError, ModelError

log = logging.getLogger(__name__)

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}


@dataclass(frozen=True)
class Device:
    """A device that was asked for: kind 'auto', 'cpu', 'cuda' or 'tensorrt', and the GPU's number."""

    kind: str
    number: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind in ("auto", "cpu") else f"{self.kind}:{self.number}"


def parse_device(text: str) -> Device:
    """Parse ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``tensorrt``, ``tensorrt:0``.

    Raises:
        ConfigError: anything else.
    """
    match = re.fullmatch(r"(auto|cpu|cuda|tensorrt)(?::(\d+))?", text.strip().lower())
    if not match or (match[2] and match[1] in ("auto", "cpu")):
        raise ConfigError(f"--device {text!r} is not valid; use auto, cpu, cuda, cuda:N or tensorrt")
    return Device(match[1], int(match[2] or 0))


class OnnxModel:
    """One ONNX file in a session on a checked device.

    Args:
        card: its card; the weight file is verified against it first.
        device: where to run it.
        threads: CPU threads of the session; 0 = one per core.

    Raises:
        ModelError: the file is missing, damaged, or ONNX Runtime can't load it.
        DeviceError: the device was asked for by name and the session does not use it.
    """

    def __init__(self, card: Card, device: Device, threads: int = 0) -> None:
        card.verify()
        self.card = card
        self._session = _open(card, device, threads)
        self.provider: str = self._session.get_providers()[0]
        self._inputs = [node.name for node in self._session.get_inputs()]

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model on its inputs in order; returns its outputs in order."""
        outputs: Sequence[Any] = self._session.run(None, dict(zip(self._inputs, inputs, strict=True)))
        return [np.asarray(output) for output in outputs]


def _open(card: Card, device: Device, threads: int) -> ort.InferenceSession:
    wanted = device.kind
    if wanted == "auto":
        wanted = "cpu" if gpu_problem() else "cuda"
    session = _session(card, wanted, device.number, threads)
    got = session.get_providers()[0]
    if got != _PROVIDERS[wanted]:
        if device.kind != "auto":
            raise DeviceError(_explain(device, got))
        log.warning("device auto: the GPU could not be used (%s); running on the CPU", _explain(device, got))
        session = _session(card, "cpu", 0, threads)
    return session


def _session(card: Card, kind: str, number: int, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads or (os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Spinning workers steal the core from the other stages of the pipeline on small machines.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    providers: list[Any] = [_PROVIDERS[kind]]
    if kind != "cpu":
        providers = [(_PROVIDERS[kind], {"device_id": str(number)}), _PROVIDERS["cpu"]]
        if _PROVIDERS[kind] not in ort.get_available_providers():
            raise DeviceError(_explain(Device(kind, number), "no such provider"))
    try:
        return ort.InferenceSession(str(card.model_path), options, providers=providers)
    except Exception as error:  # ONNX Runtime raises many types without a common base
        raise ModelError(f"model {card.name}: ONNX Runtime can't load {card.model_path}: {error}") from error


def gpu_problem() -> str | None:
    """Why CUDA can't be used here, as far as it shows without loading a model; None if nothing speaks against it."""
    if _PROVIDERS["cuda"] not in ort.get_available_providers():
        return f"ONNX Runtime {ort.__version__} was installed without CUDA (onnxruntime-gpu has it)"
    # Asking ONNX Runtime for CUDA without a driver prints an error, so look for the driver first.
    if os.name == "posix" and not os.path.exists("/dev/nvidiactl"):
        return "no NVIDIA driver is loaded"
    return None


def _explain(device: Device, found: str) -> str:
    available = ", ".join(ort.get_available_providers())
    return (
        f"--device {device} was asked for, but ONNX Runtime uses {found} (providers in this installation: "
        f"{available}); it needs an NVIDIA driver and the CUDA and cuDNN libraries that onnxruntime-gpu "
        f"{ort.__version__} was built for; run 'python app.py doctor', or use --device cpu"
    )
