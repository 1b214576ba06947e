"""``doctor``: a check of this machine: what is installed, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import os
import platform
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distributions

import av
import cv2
import numpy as np
import onnxruntime as ort

from pipeline.errors import DisplayError, PoseStrideError
from pipeline.lift.create import DEFAULT_MODEL, LIVE_MODEL
from pipeline.render.display import open_window
from pipeline.runtime import Device, OnnxModel
from pipeline.runtime.cards import Card, LifterCard, list_cards
from pipeline.runtime.engines import LIMIT_BYTES, cache_dir, size_bytes
from pipeline.runtime.gpu import gpu_problems, nvidia_smi

# Packages that unpack into the same folder: of each group only one may be installed.
_ONNX_RUNTIMES = {f"onnxruntime{flavour}" for flavour in ("", "-gpu", "-directml", "-openvino", "-qnn", "-rocm")}
_OPENCVS = {f"opencv{contrib}-python{headless}" for contrib in ("", "-contrib") for headless in ("", "-headless")}

# (level, text): 'ok', 'note' (something optional is not available), 'problem'
Finding = tuple[str, str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``doctor``: none."""


def execute(options: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if there is a problem."""
    findings = [finding for check in _CHECKS for finding in check()]
    for level, text in findings:
        print(f"{level.upper():8} {text}")
    problems = sum(level == "problem" for level, _ in findings)
    print("everything that a run needs is here" if not problems else f"{problems} problem(s), see above")
    return 1 if problems else 0


def _machine() -> Iterator[Finding]:
    yield "ok", f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} cores"
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        yield "note", "tested with Python 3.10 to 3.13 only"


def _packages() -> Iterator[Finding]:
    yield (
        "ok",
        f"numpy {np.__version__}, OpenCV {cv2.__version__}, PyAV {av.__version__}, ONNX Runtime {ort.__version__}",
    )
    installed = {re.sub(r"[-_.]+", "-", dist.metadata["Name"] or "").lower() for dist in distributions()}
    if len(flavours := sorted(_ONNX_RUNTIMES & installed)) > 1:
        yield "problem", _clash(flavours, "GPU support or all of it may be missing")
    if len(flavours := sorted(_OPENCVS & installed)) > 1:
        yield "note", _clash(flavours, "windows may not work")


def _clash(packages: list[str], effect: str) -> str:
    return (
        f"{' and '.join(packages)} are installed together and overwrite each other, {effect}: "
        f"pip uninstall -y {' '.join(packages)}, then pip install -r requirements-run.txt"
    )


def _video() -> Iterator[Finding]:
    try:
        av.codec.Codec("libx264", "w")
        yield "ok", "H.264 encoder found"
    except (ValueError, av.error.FFmpegError):
        yield "problem", "this PyAV has no H.264 encoder (libx264): install requirements-run.txt, or use --no-video"


def _gpu() -> Iterator[Finding]:
    yield "ok", f"ONNX Runtime's providers: {', '.join(ort.get_available_providers())}"
    try:
        answer = nvidia_smi()
    except PoseStrideError as error:
        yield "problem", str(error)
        return
    if answer:
        works, text = answer
        yield "ok" if works else "problem", f"nvidia-smi: {text}"
    cuda, tensorrt = (list(gpu_problems(Device(kind))) for kind in ("cuda", "tensorrt"))
    for problem in cuda:
        yield "note", f"no CUDA: {problem}"
    for problem in tensorrt:
        if problem not in cuda:
            yield "note", f"no TensorRT: {problem}"
    if cuda:
        yield "ok", "device auto runs on the CPU"
    else:
        yield from _try_model(DEFAULT_MODEL, Device("cuda"))
    if not tensorrt:
        yield from _engine_cache()


def _engine_cache() -> Iterator[Finding]:
    try:
        folder = cache_dir()
        used = size_bytes(folder) / 2**20
        yield "ok", f"TensorRT engines: {folder}, {used:.0f} of at most {LIMIT_BYTES / 2**20:.0f} MiB; may be deleted"
    except (OSError, RuntimeError) as error:
        yield "note", f"TensorRT engines can't be kept: {error}"


def _screen() -> Iterator[Finding]:
    try:
        open_window("PoseStride").close()
        yield "ok", "a window can be opened"
    except DisplayError as error:
        yield "note", f"no window: {error}"


def _models() -> Iterator[Finding]:
    try:
        cards = list_cards(Card)
    except PoseStrideError as error:
        yield "problem", str(error)
        return
    for card in cards:
        try:
            card.verify()
        except PoseStrideError as error:
            yield "problem", str(error)
            continue
        if isinstance(card, LifterCard):
            yield from _try_model(card.name, Device("cpu"))
    for name in (DEFAULT_MODEL, LIVE_MODEL):
        if not any(card.name == name for card in cards):
            yield "problem", f"the model {name}, which runs need unless told otherwise, is missing from weights/"


def _try_model(name: str, device: Device) -> Iterator[Finding]:
    try:
        card = next((card for card in list_cards(LifterCard) if card.name == name), None)
        if card is None:
            return
        shape = (1, card.window, card.joints, card.channels)
        OnnxModel(card, device).run(np.zeros(shape, np.float32))
        yield "ok", f"lifter {name} runs on the {'CPU' if device.kind == 'cpu' else f'GPU: --device {device}'}"
    except PoseStrideError as error:
        yield "problem", str(error)


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_machine, _packages, _video, _gpu, _screen, _models)
