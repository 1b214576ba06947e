"""Sparse detection (``--detect-every N``): accuracy and speed for several N in one table.

    python -m benchmarks.bench_detect_every [MODEL[+MODEL]] --data FILE --footage FOLDER [--json FILE]

Accuracy, in mm, of the settled pose and of the provisional pose of the newest frame (look-ahead 0) as a live run gives
them, see ``models/evaluation/live.py``: on motion capture at 30 Hz with detector-like keypoints, those of the frames
that are not looked at removed; and on footage with a 2D detector that looks at every N-th frame only. Footage: S is the
MPJPE after one scale per clip, P the P-MPJPE, means over views.

Speed: CPU time per frame of the detector, and of all that comes after it up to both poses (swap repair, windows,
lifter), over all frames of a clip, medians of rounds in which all N take turns. Decoding and drawing are left out.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.bench_delay import (
    CONDITION,
    DEFAULT_LIFTER,
    add_data_arguments,
    cell,
    live_lifter,
    load_clips,
    load_seen,
    quiet,
    title_of,
)
from models.evaluation.clips import SeenClip
from models.evaluation.live import SETTLED, judge_clips, judge_views
from models.evaluation.on_mocap import CONDITIONS
from pipeline.detect import create_detector
from pipeline.export.run_json import write_run_json
from pipeline.lift.onnx import OnnxLifter
from pipeline.lift.paired import PairedLifter
from pipeline.run.people import People
from pipeline.runtime import Device
from pipeline.sources import SourceInfo, open_source
from pipeline.types import Frame
from pipeline.window.buffer import WindowBuffer, frame_step

NEWEST = 0
"""Look-ahead of the provisional pose."""

_CPU = Device("cpu")
_CLIP = Path(__file__).resolve().parent.parent / "demo_videos" / "jumping_jacks.mp4"
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
    """A recording, decoded."""

    frames: list[Frame]
    info: SourceInfo


def load_clip(source: str) -> Clip:
    """All frames of a recording.

    Raises:
        SourceError: it can't be read.
    """
    with closing(open_source(source)) as opened:
        return Clip(list(opened), opened.info)


def spent_ms(
    clip: Clip, lifter: OnnxLifter | PairedLifter, detector_name: str, every: int, threads: int
) -> tuple[float, float]:
    """Mean CPU milliseconds per frame of the detector, and of swap repair, windows and lifter."""
    info = clip.info
    size_px, step = (info.width_px, info.height_px), frame_step(info.fps)
    shape = lifter.window, lifter.lookahead
    people = People(lambda track: WindowBuffer(track, *shape, size_px, None, step, lifter.normalisation))
    detect_s = lift_s = 0.0
    with closing(create_detector(detector_name, _CPU, threads)) as detector:
        for number, frame in enumerate(clip.frames):
            if number == _WARM_UP_FRAMES:
                detect_s = lift_s = 0.0
            began_s = time.process_time()
            found = detector(frame) if number % every == 0 else []
            looked_s = time.process_time()
            due, newest = people.push(frame, found), people.preview(NEWEST)
            windows = [one.window for people_of in due for one in people_of if one.window is not None]
            lifter.lift_both(windows, [one.window for one in newest if one.window is not None], NEWEST)
            detect_s += looked_s - began_s
            lift_s += time.process_time() - looked_s
    counted = len(clip.frames) - _WARM_UP_FRAMES
    return 1000 * detect_s / counted, 1000 * lift_s / counted


def speeds(clip: Clip, lifter: OnnxLifter | PairedLifter, options: argparse.Namespace) -> dict[int, dict[str, float]]:
    """CPU milliseconds per frame by N: medians over rounds in which all N take turns, odd rounds backwards."""
    spent: dict[int, list[tuple[float, float]]] = {every: [] for every in options.every}
    with tqdm(total=options.rounds * len(spent), unit="run", desc="speed", disable=quiet()) as progress:
        for number in range(options.rounds):
            for every in list(spent) if number % 2 == 0 else list(spent)[::-1]:
                spent[every].append(spent_ms(clip, lifter, options.detector, every, options.threads))
                progress.update()
    figures = {}
    for every, rounds in spent.items():
        detect, lift = (float(value) for value in np.median(np.array(rounds), axis=0))
        figures[every] = {"detect": detect, "lift": lift, "both": detect + lift}
    return figures


def accuracy(
    lifter: OnnxLifter | PairedLifter, clips: list[SeenClip], every: int, options: argparse.Namespace
) -> dict[str, Any]:
    """Figures by tier under ``mocap`` and ``footage``, where these were given."""
    result: dict[str, Any] = {}
    if clips:
        frames = sum(len(clip.truth_m) for clip in clips)
        with tqdm(total=frames, unit="frame", desc=f"every {every}", disable=quiet()) as progress:
            result["mocap"] = judge_clips(lifter, clips, CONDITIONS[CONDITION], [NEWEST], every, progress.update)
    views, seen = load_seen(options, every)
    if views:
        result["footage"] = judge_views(lifter, views, seen, [NEWEST])
    return result


def table(rows: dict[int, dict[str, Any]]) -> str:
    """One row per N: accuracy in mm, CPU time in ms per frame."""
    groups = ["mocap settled", "mocap newest", "footage settled", "footage newest"]
    width, speed_width = 9, 9
    head = (
        f"{'':>5}" + "".join(f"{group:>{2 * width}}" for group in groups) + f"{'CPU ms per frame':>{3 * speed_width}}"
    )
    titles = [title for *_, title in _COLUMNS]
    lines = [head, f"{'N':>5}" + "".join(f"{title:>{width}}" for title in [*titles, *_SPEED_COLUMNS])]
    for every, row in rows.items():
        cells = [cell(_figure(row, data, tier, key), width) for data, tier, key, _ in _COLUMNS]
        speed = row.get("cpu_ms", {})
        cells += [cell(speed.get(name), speed_width) for name in _SPEED_COLUMNS]
        lines.append(f"{every:>5}" + "".join(cells))
    return "\n".join(lines)


def _figure(row: dict[str, Any], data: str, tier: str | int, key: str) -> float | None:
    figures = row.get(data, {}).get(tier, {})
    value: float | None = figures.get("average", figures).get(key)
    return value


def main(words: Sequence[str] | None = None) -> None:
    """Judge, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", nargs="?", default=DEFAULT_LIFTER, metavar="MODEL", help="default: %(default)s")
    parser.add_argument("--every", type=int, nargs="+", default=[1, 2, 3, 5], metavar="N", help="default: 1 2 3 5")
    parser.add_argument("--clip", default=str(_CLIP), metavar="SOURCE", help="for the speed, default: a clip of ours")
    parser.add_argument("--rounds", type=int, default=5, help="of the speed, 0: none, default %(default)s")
    add_data_arguments(parser)
    options = parser.parse_args(words)
    if min(options.every) < 1 or options.rounds < 0:
        parser.error("--every takes numbers from 1, --rounds from 0")
    lifter = live_lifter(options.model, options.threads)
    clips = load_clips(options)
    rows = {every: accuracy(lifter, clips, every, options) for every in options.every}
    if options.rounds:
        for every, figures in speeds(load_clip(options.clip), lifter, options).items():
            rows[every]["cpu_ms"] = figures
    print(table(rows))
    if options.json is not None:
        model = {"name": title_of(lifter), "sha256": lifter.card.sha256}
        by_n = {str(every): _with_text_keys(row) for every, row in rows.items()}
        write_run_json(options.json, {"model": model, "condition": CONDITION, "detect_every": by_n})


def _with_text_keys(value: Any) -> Any:
    return {str(key): _with_text_keys(part) for key, part in value.items()} if isinstance(value, dict) else value


if __name__ == "__main__":
    main()
