"""A model on a checked device: device chosen, warmed up, compared with the CPU where its precision is reduced."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.errors import DeviceError
from pipeline.runtime import gpu
from pipeline.runtime.binding import DTYPES, BoundRun, can_bind
from pipeline.runtime.cards import Card
from pipeline.runtime.device import CPU, Device
from pipeline.runtime.session import first_line, open_session

log = logging.getLogger(__name__)

LARGEST_BATCH = 32
"""The largest batch of a run; GPUs are warmed up with it."""

FP16_LIMIT = 0.005
"""Largest allowed difference between half precision and the CPU, relative to the largest output: half a per cent is
4 mm for a joint 0.8 m from the pelvis, or a pixel in a crop of 256. The large weights of all models here are half
precision already (except the lifters' embedding), so the difference comes mostly from the arithmetic."""

_ADVICE = "run 'python app.py doctor', or use the device cpu"
_LEAST_OUTPUT = 0.01
_OUT_OF_MEMORY = ("out of memory", "failed to allocate memory", "alloc_failed", "cuda failure 2:")
_said: set[str] = set()


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A loaded model, as reports show it.

    Attributes:
        name, sha256: as in its card.
        provider: what ONNX Runtime runs it on.
        device: what was chosen in one line, under ``auto`` with the reason.
    """

    name: str
    sha256: str
    provider: str
    device: str


class OnnxModel:
    """One ONNX file in a session on a checked device.

    Args:
        card: its card; the weight file is verified against it first.
        device: where to run it.
        threads: CPU threads of the session; 0 = one per core.

    Attributes:
        card: as given.
        provider: what ONNX Runtime runs it on.
        precision: 'fp32' or 'fp16'.
        choice: what was chosen in one line, under ``auto`` with the reason.
        outputs: number of outputs.

    Raises:
        ModelError: the file is missing, damaged, or ONNX Runtime can't load it.
        DeviceError: the device was asked for by name and can't be used; the message names what is missing.
    """

    def __init__(self, card: Card, device: Device, threads: int = 0) -> None:
        card.verify()
        self.card = card
        opened = _open(card, device, threads)
        self.provider: str = opened.session.get_providers()[0]
        self.precision, self.choice = opened.precision, opened.choice
        self._device = opened.device
        self._session = opened.session
        self._inputs = [node.name for node in self._session.get_inputs()]
        self.outputs = len(self._session.get_outputs())
        self._call = _run_function(self._session)

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model, for reports."""
        return LoadedModel(self.card.name, self.card.sha256, self.provider, self.choice)

    def run(self, *inputs: NDArray[Any]) -> list[NDArray[Any]]:
        """Run the model on its inputs in order; returns its outputs in order.

        Raises:
            DeviceError: the GPU ran out of memory or failed.
        """
        feed = dict(zip(self._inputs, inputs, strict=True))
        if self.provider == CPU:
            return self._call(feed)
        try:
            return _guard_gpu(self._call, feed, self.card, self._device)
        except DeviceError as error:
            raise DeviceError(f"{error}; {_ADVICE}") from error.__cause__


@dataclass(frozen=True)
class _Opened:
    """A session with the device that it really uses."""

    session: ort.InferenceSession
    device: Device
    precision: str = "fp32"
    choice: str = ""


def _open(card: Card, device: Device, threads: int) -> _Opened:
    if device.kind == "auto":
        return _open_auto(card, threads)
    if device.kind == "cpu":
        return _Opened(open_session(card, device, threads), device, choice="cpu")
    try:
        if problem := gpu.gpu_problem(device):
            raise DeviceError(problem)
        return _open_tensorrt(card, device, threads) if device.kind == "tensorrt" else _open_cuda(card, device, threads)
    except DeviceError as error:
        raise DeviceError(f"device {device} was asked for, but {error}; {_ADVICE}") from error


def _open_auto(card: Card, threads: int) -> _Opened:
    """For ``auto``: CUDA if it works, else the CPU. TensorRT is not tried: it first builds engines for minutes."""
    device, cpu = Device("cuda"), Device("cpu")
    problem = gpu.gpu_problem(device)
    there_is_one = problem is None or gpu.find_driver() is not None
    if problem is None:
        try:
            opened = _open_cuda(card, device, threads)
            return _Opened(opened.session, device, choice=f"{device} (device auto: a usable GPU was found)")
        except DeviceError as error:
            problem = str(error)
    if there_is_one:  # machines without a GPU need no warning
        _say_once(f"device auto: the GPU could not be used ({problem}); running on the CPU")
    return _Opened(open_session(card, cpu, threads), cpu, choice=f"cpu (device auto: {problem})")


def _open_cuda(card: Card, device: Device, threads: int) -> _Opened:
    session = open_session(card, device, threads)
    _warm_up(session, card, device)
    return _Opened(session, device, choice=str(device))


def _open_tensorrt(card: Card, device: Device, threads: int) -> _Opened:
    """Open in half precision if that agrees with the CPU, else in full precision."""
    try:
        session = open_session(card, device, threads, "fp16")
        fast = _warm_up(session, card, device)
        exact = _warm_up(open_session(card, Device("cpu"), threads), card, Device("cpu"))
        difference = largest_difference(fast, exact)
        if difference <= FP16_LIMIT:
            return _Opened(session, device, "fp16", f"{device}, fp16 ({difference:.2g} from the CPU)")
        problem = f"its outputs differ from the CPU's by {difference:.2g} of the largest, allowed are {FP16_LIMIT:g}"
    except DeviceError as error:
        problem = str(error)
    _say_once(f"model {card.name} runs in full precision on {device}: in half precision {problem}")
    session = open_session(card, device, threads)
    _warm_up(session, card, device)
    return _Opened(session, device, "fp32", f"{device}, fp32")


def _run_function(session: ort.InferenceSession) -> Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]:
    if session.get_providers()[0] != CPU and can_bind(session):
        return BoundRun(session)
    return lambda feed: [np.asarray(output) for output in session.run(None, feed)]


def _warm_up(session: ort.InferenceSession, card: Card, device: Device) -> list[NDArray[Any]]:
    """Run at the smallest and the largest batch; returns the outputs of both.

    A GPU loads kernels and lays out memory at the first run (TensorRT builds engines, and again for a batch outside
    the sizes seen), a missing library shows only then, and a live run should not wait for it. On the CPU a first run is
    little slower than the next ones (by 1 to 16 ms with four of our models, one thread), so nothing is warmed up there.
    """
    call = _run_function(session)
    sizes = [size for node in session.get_inputs() for size in node.shape]
    batches = (1,) if all(isinstance(size, int) for size in sizes) else (1, LARGEST_BATCH)
    return [output for batch in batches for output in _guard_gpu(call, sample(session, batch), card, device)]


def sample(session: ort.InferenceSession, batch: int) -> dict[str, NDArray[Any]]:
    """Noise as input, always the same: 0..1 for real inputs, 0..255 for integers; symbolic sizes become ``batch``.

    Zeros would hide the effect of half precision on the weights.
    """
    random = np.random.default_rng(0)
    feed: dict[str, NDArray[Any]] = {}
    for node in session.get_inputs():
        shape = [size if isinstance(size, int) else batch for size in node.shape]
        dtype = np.dtype(DTYPES.get(node.type, np.float32))
        noise = random.random(shape) if dtype.kind == "f" else random.integers(0, 256, shape)
        feed[node.name] = noise.astype(dtype)
    return feed


def largest_difference(outputs: list[NDArray[Any]], exact: list[NDArray[Any]]) -> float:
    """The largest difference of any output, relative to the largest value of that output; inf if any is not finite."""
    worst = 0.0
    for output, true in zip(outputs, exact, strict=True):
        if not (np.isfinite(output).all() and np.isfinite(true).all()):
            return float("inf")
        scale = max(float(np.abs(true).max(initial=0)), _LEAST_OUTPUT)
        worst = max(worst, float(np.abs(output - true).max(initial=0)) / scale)
    return worst


def _guard_gpu(
    call: Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]],
    feed: dict[str, NDArray[Any]],
    card: Card,
    device: Device,
) -> list[NDArray[Any]]:
    """Run the call; a failure of the GPU becomes a DeviceError that says what to do."""
    try:
        return call(feed)
    except Exception as error:  # ONNX Runtime raises many types without a common base
        # a wrong shape of the input is not a failure of the GPU
        if isinstance(error, ValueError) or type(error).__name__ == "InvalidArgument":
            raise
        line = first_line(error)
        if any(sign in line.lower() for sign in _OUT_OF_MEMORY):
            hint = "its memory is full; close the other programs that use it (nvidia-smi lists them)"
        else:
            hint = "check that nvidia-smi still answers, and start again"
        raise DeviceError(f"{device} failed while it ran model {card.name} ({line}): {hint}") from error


def _say_once(text: str) -> None:
    """Warn once per process: a run loads several models on the same device."""
    if text not in _said:
        _said.add(text)
        log.warning("%s", text)
