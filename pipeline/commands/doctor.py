"""``doctor``: what this machine has for PoseStride, what is missing, and what to do about it."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import distributions

import av
import cv2
import numpy as np
import onnxruntime as ort

from pipeline.cards import list_cards
from pipeline.commands.options import DEFAULT_MODEL
from pipeline.errors import PoseStrideError
from pipeline.render.screen import display_problem
from pipeline.runtime import OnnxModel, gpu_problem, parse_device

# (level, text): 'ok', 'note' (something is not available that not everybody needs), 'problem'
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
    installed = {dist.metadata["Name"].lower() for dist in distributions() if dist.metadata["Name"]}
    flavours = sorted(name for name in installed if name in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml"))
    if len(flavours) > 1:
        yield (
            "problem",
            f"{' and '.join(flavours)} are both installed and overwrite each other: "
            f"pip uninstall -y {' '.join(flavours)}, then pip install -r requirements-run.txt",
        )
    if {"opencv-python", "opencv-python-headless"} <= installed:
        yield "note", "opencv-python and opencv-python-headless are both installed; windows may not work"


def _video() -> Iterator[Finding]:
    try:
        av.codec.Codec("libx264", "w")
        yield "ok", "H.264 encoder found"
    except (ValueError, av.error.FFmpegError):
        yield "problem", "this PyAV has no H.264 encoder (libx264): install requirements-run.txt, or use --no-video"


def _gpu() -> Iterator[Finding]:
    problem = gpu_problem()
    if problem is None:
        yield "ok", "CUDA can be used: --device cuda"
    else:
        yield "note", f"no GPU: {problem}; the CPU is used"


def _screen() -> Iterator[Finding]:
    problem = display_problem()
    yield ("ok", "a window can be opened") if problem is None else ("note", f"no window: {problem}")


def _models() -> Iterator[Finding]:
    try:
        cards = list_cards()
    except PoseStrideError as error:
        yield "problem", str(error)
        return
    for card in cards:
        try:
            card.verify()
        except PoseStrideError as error:
            yield "problem", str(error)
            continue
        if card.kind == "lifter":
            yield from _try_lifter(card.name)
    if not any(card.name == DEFAULT_MODEL for card in cards):
        yield "problem", f"the default model {DEFAULT_MODEL} is missing from weights/"


def _try_lifter(name: str) -> Iterator[Finding]:
    try:
        card = next(card for card in list_cards("lifter") if card.name == name)
        arch = card.data["architecture"]
        shape = (1, card.data["window"], arch["joints"], arch["channels"])
        OnnxModel(card, parse_device("cpu")).run(np.zeros(shape, np.float32))
        yield "ok", f"lifter {name} runs on the CPU"
    except PoseStrideError as error:
        yield "problem", str(error)


_CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (_machine, _packages, _video, _gpu, _screen, _models)
