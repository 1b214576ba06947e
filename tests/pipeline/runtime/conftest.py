"""A machine with GPUs, played by the CPU: a stand-in for ONNX Runtime's inference session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest

from pipeline.runtime import gpu, model
from pipeline.runtime.cards import DetectorCard, LifterCard, find_card

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
_REAL_SESSION = ort.InferenceSession


class Binding:
    """Stand-in for an IO binding on a GPU: inputs are copied when they are bound, as ONNX Runtime does it there."""

    def __init__(self, session: Session) -> None:
        self.real = session.real.io_binding()

    def bind_cpu_input(self, name: str, array: Any) -> None:
        self.real.bind_cpu_input(name, array.copy())

    def bind_output(self, *arguments: Any) -> None:
        self.real.bind_output(*arguments)

    def synchronize_outputs(self) -> None:
        self.real.synchronize_outputs()


class Session:
    """Stand-in for ONNX Runtime's session: claims the providers that ``usable`` has, and computes on the CPU.

    Class attributes, set by the fixture ``gpu_machine``: ``usable``; ``fails``, called before each run with the
    session and the batch; ``half_error``, the relative error of half precision; ``opened``, all sessions so far.
    """

    usable: tuple[str, ...] = (CPU,)
    fails: Callable[[Session, int], None] | None = None
    half_error = 0.0
    opened: list[Session]

    def __init__(self, path: str, options: Any, providers: list[Any], enable_fallback: int = 1) -> None:
        self.asked: dict[str, dict[str, Any]] = dict(p if isinstance(p, tuple) else (p, {}) for p in providers)
        self.enable_fallback = enable_fallback
        self.real = _REAL_SESSION(path, options, providers=[CPU])
        self.batches: list[int] = []
        self.bound_runs = 0
        self.opened.append(self)

    def get_providers(self) -> list[str]:
        return [name for name in self.asked if name in self.usable] or [CPU]

    def get_inputs(self) -> list[Any]:
        return self.real.get_inputs()

    def get_outputs(self) -> list[Any]:
        return self.real.get_outputs()

    def io_binding(self) -> Binding:
        return Binding(self)

    def run(self, names: None, feed: dict[str, Any]) -> list[Any]:
        batch = len(next(iter(feed.values())))
        if (fails := type(self).fails) is not None:
            fails(self, batch)
        self.batches.append(batch)
        outputs = self.real.run(names, feed)
        half = self.asked.get(TENSORRT, {}).get("trt_fp16_enable") == "1"
        return [output * (1 + self.half_error) for output in outputs] if half else outputs

    def run_with_iobinding(self, binding: Binding) -> None:
        if (fails := type(self).fails) is not None:
            fails(self, 1)
        self.bound_runs += 1
        self.real.run_with_iobinding(binding.real)


@pytest.fixture
def gpu_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., type[Session]]:
    """Install a machine whose driver and libraries are found; ``usable`` are the providers that really load."""

    def install(usable: tuple[str, ...] = (TENSORRT, CUDA, CPU), **attributes: Any) -> type[Session]:
        session = type("GpuSession", (Session,), {"usable": usable, "opened": [], **attributes})
        monkeypatch.setattr(ort, "InferenceSession", session)
        monkeypatch.setattr(ort, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
        monkeypatch.setattr(gpu, "gpu_problem", lambda device: None)
        monkeypatch.setattr(model, "_said", set())
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
        return session

    return install


@pytest.fixture
def card() -> LifterCard:
    return find_card("lift-27", LifterCard)


@pytest.fixture
def detector_card() -> DetectorCard:
    return find_card("movenet-lightning", DetectorCard)


@pytest.fixture
def keypoints() -> np.ndarray:
    return np.random.default_rng(1).random((3, 27, 17, 3)).astype(np.float32)
