"""How every benchmark starts, takes turns, and writes its figures; the clip, the device and the machine."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

import cv2
import numpy as np
import onnxruntime
from tqdm import tqdm

from pipeline.errors import PoseStrideError
from pipeline.export.run_json import write_run_json
from pipeline.runtime import Device

CLIP = Path(__file__).resolve().parent.parent / "demo_videos" / "jumping_jacks.mp4"
CPU = Device("cpu")
WARM_UP_ROUNDS = 2
"""They do not count: the first calls allocate."""

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Machine:
    """What the figures were measured on."""

    system: str
    cores: int | None
    onnxruntime: str
    opencv: str


def machine() -> Machine:
    """The machine that this runs on."""
    return Machine(platform.platform(), os.cpu_count(), onnxruntime.__version__, cv2.__version__)


def start(main: Callable[[], int | None]) -> NoReturn:
    """Run a benchmark from the command line: what went wrong is said in one line."""
    try:
        sys.exit(main())
    except PoseStrideError as failure:
        sys.exit(f"error: {failure}")


def new_parser(name: str, doc: str | None) -> argparse.ArgumentParser:
    """The parser of a benchmark: described by the first line of its text, with ``--json``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=(doc or "").splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return parser


def size_px(text: str) -> tuple[int, int]:
    """Width and height of '1280x720', for ``argparse``."""
    width, _, height = text.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise argparse.ArgumentTypeError(f"{text!r} is no size such as 1280x720")
    return int(width), int(height)


def write_figures(path: Path | None, figures: Mapping[str, object]) -> None:
    """Write the figures, with the machine, if there is a path.

    Raises:
        ExportError: the file can't be written.
    """
    if path is not None:
        write_run_json(path, {"machine": asdict(machine()), **figures})


def quiet() -> bool:
    """Whether progress bars would only be noise."""
    return not sys.stderr.isatty()


def take_turns(items: Sequence[Item], rounds: int, title: str | None = None) -> Iterator[Item]:
    """All items in each round, odd rounds backwards, so that a busy moment of the machine hits all alike."""
    with tqdm(total=rounds * len(items), unit="run", desc=title, disable=quiet()) as progress:
        for number in range(rounds):
            for item in items if number % 2 == 0 else reversed(items):
                yield item
                progress.update()


def medians_ms(calls: Mapping[Key, Callable[[], object]], rounds: int) -> dict[Key, float]:
    """Median milliseconds of each call; they take turns in every round, after rounds that do not count."""
    times_ms: dict[Key, list[float]] = {key: [] for key in calls}
    for number in range(WARM_UP_ROUNDS + rounds):
        for key, call in calls.items():
            started_s = time.perf_counter()
            call()
            if number >= WARM_UP_ROUNDS:
                times_ms[key].append(1000 * (time.perf_counter() - started_s))
    return {key: float(np.median(values)) for key, values in times_ms.items()}


def cell(value: float | int | None, width: int = 10) -> str:
    """A figure of a table; a dash where there is none."""
    if value is None:
        return f"{'-':>{width}}"
    return f"{value:>{width}}" if isinstance(value, int) else f"{value:>{width}.1f}"
