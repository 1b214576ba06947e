"""The names of devices."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.errors import ConfigError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

PROVIDERS = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}
"""Kind of device -> ONNX Runtime's name. Apple's CoreML is left out: it has not been measured with these models, so
Macs run on the CPU."""


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
        ConfigError: the text is something else.
    """
    match = re.fullmatch(r"(auto|cpu|cuda|tensorrt)(?::(\d+))?", text.strip().lower())
    if not match or (match[2] and match[1] in ("auto", "cpu")):
        raise ConfigError("device", text, "is not valid; use auto, cpu, cuda, cuda:N or tensorrt")
    return Device(match[1], int(match[2] or 0))
