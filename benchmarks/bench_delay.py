"""Delay against accuracy of what a live run shows: provisional poses at several look-aheads, and the settled one.

    python -m benchmarks.bench_delay [MODEL[+MODEL] ...] --data FILE --footage FOLDER [--json FILE]

MODEL+MODEL: settled poses come from the first, provisional ones from the second, as in a live run.

Motion capture (layout in ``models/data/mocap.py``) is seen by fixed virtual cameras at 30 Hz with detector-like
keypoints; footage with triangulated joints (layout in ``models/evaluation/on_footage.py``) by a 2D detector. Both go
the way of a live run, see ``models/evaluation/live.py``: a provisional pose is read from the full-sequence head n
frames before the end of a window that ends with the newest frame, or, of a pair's second model at the look-ahead that
it was trained for, from its single-frame head; the settled pose is the target frame's. ``delay`` is what the
look-ahead costs at the frame rate; detector and lifter come on top. All rows of a model are judged on the same frames.
S-MPJPE: after one scale per clip. ``no pose``: frames in which nothing is shown.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tqdm import tqdm

from models.data.mocap import load_mocap
from models.evaluation.clips import CAMERAS, RATE_HZ, SECONDS, SeenClip, seen_clips
from models.evaluation.evaluate import lifter_card
from models.evaluation.live import SETTLED, Seen, judge_clips, judge_views, look
from models.evaluation.on_footage import View, load_views
from models.evaluation.on_mocap import CONDITIONS
from pipeline.commands.options import DEFAULT_MODEL, LIVE_MODEL
from pipeline.detect import DETECTORS, create_detector
from pipeline.export.run_json import write_run_json
from pipeline.lift.onnx import OnnxLifter
from pipeline.lift.paired import PairedLifter
from pipeline.runtime import Device
from pipeline.window.buffer import frame_step

DEFAULT_LIFTER = f"{DEFAULT_MODEL}+{LIVE_MODEL}"
CONDITION = "detector_like"

_CPU = Device("cpu")
_MOCAP_COLUMNS = (
    ("mpjpe_mm", "MPJPE"),
    ("p_mpjpe_mm", "P-MPJPE"),
    ("n_mpjpe_mm", "N-MPJPE"),
    ("mpjve_mm", "MPJVE"),
    ("frames", "frames"),
    ("frames_without_pose", "no pose"),
)
_FOOTAGE_COLUMNS = (("s_mpjpe_mm", "S-MPJPE"), ("p_mpjpe_mm", "P-MPJPE"), ("jitter_mm", "jitter"))


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """What is judged on, and how much of it."""
    parser.add_argument("--data", type=Path, metavar="FILE", help="motion capture file (.npz)")
    parser.add_argument("--footage", type=Path, metavar="FOLDER", help="recordings with triangulated joints")
    parser.add_argument("--detector", default="default", choices=list(DETECTORS), help="of the footage")
    parser.add_argument("--cameras", type=int, default=CAMERAS, help="motion capture: per clip, default %(default)s")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="motion capture: longest part of a clip, default %(default)g"
    )
    parser.add_argument("--clips", type=int, metavar="N", help="motion capture: at most so many, for a quick look")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads per model, default %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures")


def load_clips(options: argparse.Namespace) -> list[SeenClip]:
    """The motion capture that the options name, spread over the file where ``--clips`` leaves some out."""
    if options.data is None:
        return []
    clips = list(seen_clips(load_mocap(options.data), options.cameras, options.seconds))
    if options.clips is None or options.clips >= len(clips):
        return clips
    return [clips[number * len(clips) // options.clips] for number in range(options.clips)]


def load_seen(options: argparse.Namespace, every: int = 1) -> tuple[list[View], list[Seen]]:
    """The footage that the options name, and what the detector finds in it; a fresh one for each video."""
    if options.footage is None:
        return [], []
    views, seen = load_views(options.footage), []
    for view in views:
        with closing(create_detector(options.detector, _CPU, options.threads)) as detector:
            seen.append(look(view, detector, every))
    return views, seen


def quiet() -> bool:
    """Whether progress bars would only be noise."""
    return not sys.stderr.isatty()


def cell(value: float | int | None, width: int = 10) -> str:
    """A figure of a table."""
    if value is None:
        return f"{'-':>{width}}"
    return f"{value:>{width}}" if isinstance(value, int) else f"{value:>{width}.1f}"


def live_lifter(text: str, threads: int) -> OnnxLifter | PairedLifter:
    """The lifter of a live run: of one model, or of two with a plus sign between them.

    Raises:
        ModelError: there is no such model.
        ConfigError: the two make no pair.
    """
    settled, _, early = text.partition("+")
    lifter = OnnxLifter(lifter_card(settled), _CPU, threads)
    return PairedLifter(lifter, OnnxLifter(lifter_card(early), _CPU, threads)) if early else lifter


def title_of(lifter: OnnxLifter | PairedLifter) -> str:
    """Name of a live run's lifter."""
    return f"{lifter.card.name}+{lifter.early.card.name}" if isinstance(lifter, PairedLifter) else lifter.card.name


def delay_table(
    tiers: dict[str | int, dict[str, Any]], lookahead: int, rate_hz: float, columns: Sequence[tuple[str, str]]
) -> str:
    """One row per tier, the fastest first.

    Args:
        tiers: figures by tier, see ``models.evaluation.live``.
        lookahead: of the settled pose, in frames of the window.
        rate_hz: frame rate of the recording.
        columns: keys and titles of the figures.
    """
    lines = [f"{'pose':22}{'look-ahead':>11}{'delay ms':>10}" + "".join(f"{title:>10}" for _, title in columns)]
    for tier in sorted(tiers, key=lambda tier: lookahead + 1 if tier == SETTLED else int(tier)):
        ahead = lookahead if tier == SETTLED else int(tier)
        delay_ms = 1000 * ahead * frame_step(rate_hz) / rate_hz
        name = SETTLED if tier == SETTLED else "provisional"
        cells = "".join(cell(tiers[tier][key]) for key, _ in columns)
        lines.append(f"{name:22}{ahead:>11}{delay_ms:>10.0f}{cells}")
    return "\n".join(lines)


def measure(
    name: str, options: argparse.Namespace, clips: list[SeenClip], footage: tuple[list[View], list[Seen]]
) -> Any:
    """The figures of one model; prints its tables."""
    lifter = live_lifter(name, options.threads)
    title = title_of(lifter)
    lookaheads = [ahead for ahead in options.lookaheads if ahead <= lifter.lookahead]
    result: dict[str, Any] = {"model": lifter.card.name, "sha256": lifter.card.sha256, "lookahead": lifter.lookahead}
    if isinstance(lifter, PairedLifter):
        result["provisional_by"] = {"name": lifter.early.card.name, "sha256": lifter.early.card.sha256}
    if clips:
        frames = sum(len(clip.truth_m) for clip in clips)
        with tqdm(total=frames, unit="frame", desc=title, disable=quiet()) as progress:
            tiers = judge_clips(lifter, clips, CONDITIONS[CONDITION], lookaheads, 1, progress.update)
        print(f"\n{title}, motion capture at {RATE_HZ:g} Hz, {CONDITION} 2D input; mm")
        print(delay_table(tiers, lifter.lookahead, RATE_HZ, _MOCAP_COLUMNS))
        result["mocap"] = {str(tier): figures for tier, figures in tiers.items()}
    if footage[0]:
        tiers = judge_views(lifter, *footage, lookaheads)
        rate_hz = footage[1][0].rate_hz
        print(f"\n{title}, footage at {rate_hz:g} Hz, {len(footage[0])} views; mm")
        averages = {tier: figures["average"] for tier, figures in tiers.items()}
        print(delay_table(averages, lifter.lookahead, rate_hz, _FOOTAGE_COLUMNS))
        result["footage"] = {str(tier): figures for tier, figures in tiers.items()}
    return result


def main(words: Sequence[str] | None = None) -> None:
    """Judge, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=[DEFAULT_LIFTER], metavar="MODEL", help="default: %(default)s")
    parser.add_argument("--lookaheads", type=int, nargs="+", default=[0, 3, 13], metavar="N", help="default: 0 3 13")
    add_data_arguments(parser)
    options = parser.parse_args(words)
    if options.data is None and options.footage is None:
        parser.error("nothing to judge on; give --data, a motion capture file, or --footage, a folder, or both")
    if min(options.lookaheads) < 0:
        parser.error("a look-ahead is a number of frames, 0 is the newest one")
    clips, footage = load_clips(options), load_seen(options)
    results = [measure(name, options, clips, footage) for name in options.models]
    if options.json is not None:
        write_run_json(options.json, {"condition": CONDITION, "clips": len(clips), "results": results})


if __name__ == "__main__":
    main()
