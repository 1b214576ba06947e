"""Sparse detection (``--detect-every N``): accuracy and speed for several N in one table.

    python -m benchmarks.bench_detect_every [MODEL[+MODEL]] --data FILE --footage FOLDER [--json FILE]

Accuracy, in mm, of the settled pose and of the preview of the newest frame (look-ahead 0) as a live run gives them, see
``models/evaluation/live.py``: on motion capture at 30 Hz with detector-like keypoints, those of the frames that are not
looked at removed; and on footage with a 2D detector that looks at every N-th frame only. Footage: S is the MPJPE after
one scale per clip, P the P-MPJPE, means over views.

Speed: CPU time per frame of the detector, and of all that comes after it up to both poses (swap repair, windows,
lifter), over all frames of a clip, medians of rounds in which all N take turns. Decoding and drawing are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.judging import (
    CONDITION,
    DEFAULT_LIFTER,
    Judged,
    add_data_arguments,
    judge,
    live_lifter,
    load_clips,
    load_footage,
    title_of,
)
from benchmarks.measuring import CLIP, CPU, cell, new_parser, start, take_turns, write_figures
from models.evaluation.live import SETTLED
from pipeline.detect.create import create_detector
from pipeline.errors import ConfigError
from pipeline.lift.base import PreviewLifter
from pipeline.run.people import People
from pipeline.sources import SourceInfo, open_source
from pipeline.types import Frame
from pipeline.window.buffer import WindowBuffer, frame_step

NEWEST = 0
"""Look-ahead of the preview."""

_WARM_UP_FRAMES = 20
_COLUMNS = (
    ("mocap", SETTLED, "mpjpe_mm", "MPJPE"),
    ("mocap", SETTLED, "p_mpjpe_mm", "P"),
    ("mocap", NEWEST, "mpjpe_mm", "MPJPE"),
    ("mocap", NEWEST, "p_mpjpe_mm", "P"),
    ("footage", SETTLED, "s_mpjpe_mm", "S"),
    ("footage", SETTLED, "p_mpjpe_mm", "P"),
    ("footage", NEWEST, "s_mpjpe_mm", "S"),
    ("footage", NEWEST, "p_mpjpe_mm", "P"),
)
_SPEED_COLUMNS = ("detect", "lift", "both")


@dataclass(frozen=True)
class Clip:
    """A clip, decoded."""

    frames: list[Frame]
    info: SourceInfo


@dataclass(frozen=True)
class Speed:
    """CPU milliseconds per frame: of the detector, and of swap repair, windows and lifter."""

    detect: float
    lift: float

    def to_json(self) -> dict[str, float]:
        """With the sum of both."""
        return {"detect": self.detect, "lift": self.lift, "both": self.detect + self.lift}


@dataclass(frozen=True)
class Row:
    """All of one N; no speed where it was not measured."""

    judged: Judged
    speed: Speed | None

    def to_json(self) -> dict[str, object]:
        """What there is, under ``mocap``, ``footage`` and ``cpu_ms``."""
        return {**self.judged.to_json(), **({} if self.speed is None else {"cpu_ms": self.speed.to_json()})}

    def cells(self) -> list[float | None]:
        """Of the table, in the order of its columns."""
        tiers = {"mocap": self.judged.mocap or {}, "footage": self.judged.averages()}
        found = [tiers[data].get(tier, {}).get(key) for data, tier, key, _ in _COLUMNS]
        speed = {} if self.speed is None else self.speed.to_json()
        return found + [speed.get(name) for name in _SPEED_COLUMNS]


def load_clip(source: str) -> Clip:
    """All frames of a clip.

    Raises:
        SourceError: it can't be read.
        ConfigError: it is too short.
    """
    with open_source(source) as opened:
        clip = Clip(list(opened), opened.info)
    if len(clip.frames) <= _WARM_UP_FRAMES:
        raise ConfigError(
            "--clip", source, f"has {len(clip.frames)} frames; the first {_WARM_UP_FRAMES} of them do not count"
        )
    return clip


def spent_ms(clip: Clip, lifter: PreviewLifter, detector_name: str, every: int, threads: int) -> Speed:
    """Mean CPU milliseconds per frame of the detector, and of swap repair, windows and lifter."""
    info, spec = clip.info, lifter.spec
    size_px, step = (info.width_px, info.height_px), frame_step(info.fps)
    people = People(
        lambda track: WindowBuffer(track, spec.window, spec.lookahead, size_px, None, step, spec.normalisation)
    )
    detect_s = lift_s = 0.0
    with create_detector(detector_name, device=CPU, threads=threads) as detector:
        for number, frame in enumerate(clip.frames):
            if number == _WARM_UP_FRAMES:
                detect_s = lift_s = 0.0
            began_s = time.process_time()
            found = detector(frame) if number % every == 0 else []
            looked_s = time.process_time()
            due, newest = people.push(frame.index, frame.time_s, found), people.preview(NEWEST)
            windows = [one.window for people_of in due for one in people_of if one.window is not None]
            lifter.lift_with_previews(windows, [one.window for one in newest if one.window is not None], NEWEST)
            detect_s += looked_s - began_s
            lift_s += time.process_time() - looked_s
    counted = len(clip.frames) - _WARM_UP_FRAMES
    return Speed(1000 * detect_s / counted, 1000 * lift_s / counted)


def speeds(clip: Clip, lifter: PreviewLifter, options: argparse.Namespace) -> dict[int, Speed]:
    """The speed by N: medians over rounds in which all N take turns, odd rounds backwards."""
    spent: dict[int, list[Speed]] = {every: [] for every in options.every}
    for every in take_turns(list(spent), options.rounds, "speed"):
        spent[every].append(spent_ms(clip, lifter, options.detector, every, options.threads))
    return {
        every: Speed(
            float(np.median([speed.detect for speed in rounds])), float(np.median([speed.lift for speed in rounds]))
        )
        for every, rounds in spent.items()
        if rounds
    }


def table(rows: Mapping[int, Row]) -> str:
    """One row per N: accuracy in mm, CPU time in ms per frame."""
    groups = ["mocap settled", "mocap preview", "footage settled", "footage preview"]
    width = 9
    titles = [*(title for *_, title in _COLUMNS), *_SPEED_COLUMNS]
    lines = [
        f"{'':>5}" + "".join(f"{group:>{2 * width}}" for group in groups) + f"{'CPU ms per frame':>{3 * width}}",
        f"{'N':>5}" + "".join(f"{title:>{width}}" for title in titles),
    ]
    lines += [f"{every:>5}" + "".join(cell(value, width) for value in row.cells()) for every, row in rows.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Judge, measure, print the table.

    Raises:
        PoseStrideError: a model or the data can't be read, or the figures can't be written.
    """
    parser = new_parser("bench_detect_every", __doc__)
    parser.add_argument("model", nargs="?", default=DEFAULT_LIFTER, metavar="MODEL", help="default: %(default)s")
    parser.add_argument("--every", type=int, nargs="+", default=[1, 2, 3, 5], metavar="N", help="default: 1 2 3 5")
    parser.add_argument("--clip", default=str(CLIP), metavar="SOURCE", help="for the speed, default: a clip of ours")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed, 0: none, default %(default)s")
    add_data_arguments(parser)
    options = parser.parse_args(arguments)
    if min(options.every) < 1 or options.rounds < 0:
        parser.error("--every takes numbers from 1, --rounds from 0")
    lifter = live_lifter(options.model, options.threads)
    clips = load_clips(options)
    judged = {
        every: judge(lifter, clips, load_footage(options, every), [NEWEST], every, f"every {every}")
        for every in options.every
    }
    speed = speeds(load_clip(options.clip), lifter, options) if options.rounds else {}
    rows = {every: Row(of_every, speed.get(every)) for every, of_every in judged.items()}
    print(table(rows))
    model = {"name": title_of(lifter), "sha256": lifter.models["lifter"].sha256}
    by_n = {str(every): row.to_json() for every, row in rows.items()}
    write_figures(options.json, {"model": model, "condition": CONDITION, "detect_every": by_n})


if __name__ == "__main__":
    start(main)
