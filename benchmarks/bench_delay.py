"""Delay against accuracy of what a live run shows: previews at several look-aheads, and the settled pose.

    python -m benchmarks.bench_delay [MODEL[+MODEL] ...] --data FILE --footage FOLDER [--json FILE]

MODEL+MODEL: settled poses come from the first, previews from the second, as in a live run.

Motion capture (layout in ``models/data/mocap.py``) is seen by fixed virtual cameras at 30 Hz with detector-like
keypoints; footage with triangulated joints (layout in ``models/evaluation/on_footage.py``) by a 2D detector. Both go
the way of a live run, see ``models/evaluation/live.py``: a preview is read from the full-sequence head n frames before
the end of a window that ends with the newest frame, or, of a pair's second model at the look-ahead that it was trained
for, from its single-frame head; the settled pose is the target frame's. ``delay`` is what the look-ahead costs at the
frame rate; detector and lifter come on top. All rows of a model are judged on the same frames. S-MPJPE: after one scale
per clip. ``no pose``: frames in which nothing is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.judging import (
    CONDITION,
    DEFAULT_LIFTER,
    Figures,
    Footage,
    add_data_arguments,
    judge,
    live_lifter,
    load_clips,
    load_footage,
    title_of,
)
from benchmarks.measuring import cell, new_parser, start, write_figures
from models.evaluation.clips import RATE_HZ, SeenClip
from models.evaluation.live import SETTLED, Tier
from pipeline.window.buffer import frame_step

PREVIEWED_BY = "provisional_by"
"""The model of the previews, as it is called in figures and in the cards that were made from them."""

_MOCAP_COLUMNS = (
    ("mpjpe_mm", "MPJPE"),
    ("p_mpjpe_mm", "P-MPJPE"),
    ("n_mpjpe_mm", "N-MPJPE"),
    ("mpjve_mm", "MPJVE"),
    ("frames", "frames"),
    ("frames_without_pose", "no pose"),
)
_FOOTAGE_COLUMNS = (("s_mpjpe_mm", "S-MPJPE"), ("p_mpjpe_mm", "P-MPJPE"), ("jitter_mm", "jitter"))


def delay_table(
    tiers: Mapping[Tier, Figures], lookahead: int, rate_hz: float, columns: Sequence[tuple[str, str]]
) -> str:
    """One row per tier, the fastest first.

    Args:
        tiers: figures by tier, see ``models.evaluation.live``.
        lookahead: of the settled pose, in frames of the window.
        rate_hz: frame rate of the clip.
        columns: keys and titles of the figures.
    """
    lines = [f"{'pose':22}{'look-ahead':>11}{'delay ms':>10}" + "".join(f"{title:>10}" for _, title in columns)]
    for tier in sorted(tiers, key=lambda tier: lookahead + 1 if tier == SETTLED else int(tier)):
        ahead = lookahead if tier == SETTLED else int(tier)
        delay_ms = 1000 * ahead * frame_step(rate_hz) / rate_hz
        name = SETTLED if tier == SETTLED else "preview"
        cells = "".join(cell(tiers[tier][key]) for key, _ in columns)
        lines.append(f"{name:22}{ahead:>11}{delay_ms:>10.0f}{cells}")
    return "\n".join(lines)


def measure(
    name: str, lookaheads: Sequence[int], clips: Sequence[SeenClip], footage: Footage, threads: int
) -> dict[str, object]:
    """Judge one model and print its tables; its figures for the file, in the layout that cards are made from."""
    lifter = live_lifter(name, threads)
    title, lookahead = title_of(lifter), lifter.spec.lookahead
    judged = judge(lifter, clips, footage, [ahead for ahead in lookaheads if ahead <= lookahead], title=title)
    if judged.mocap is not None:
        print(f"\n{title}, motion capture at {RATE_HZ:g} Hz, {CONDITION} 2D input; mm")
        print(delay_table(judged.mocap, lookahead, RATE_HZ, _MOCAP_COLUMNS))
    if judged.footage is not None:
        print(f"\n{title}, footage at {footage.rate_hz:g} Hz, {len(footage.views)} views; mm")
        print(delay_table(judged.averages(), lookahead, footage.rate_hz, _FOOTAGE_COLUMNS))
    settled, preview = lifter.models["lifter"], lifter.models.get("preview_lifter")
    about: dict[str, object] = {"model": settled.name, "sha256": settled.sha256, "lookahead": lookahead}
    if preview is not None:
        about[PREVIEWED_BY] = {"name": preview.name, "sha256": preview.sha256}
    return {**about, **judged.to_json()}


def main(arguments: list[str] | None = None) -> None:
    """Judge, print the tables.

    Raises:
        PoseStrideError: a model or the data can't be read, or the figures can't be written.
    """
    parser = new_parser("bench_delay", __doc__)
    parser.add_argument("models", nargs="*", default=[DEFAULT_LIFTER], metavar="MODEL", help="default: %(default)s")
    parser.add_argument("--lookaheads", type=int, nargs="+", default=[0, 3, 13], metavar="N", help="default: 0 3 13")
    add_data_arguments(parser)
    options = parser.parse_args(arguments)
    if options.data is None and options.footage is None:
        parser.error("nothing to judge on; give --data, a motion capture file, or --footage, a folder, or both")
    if min(options.lookaheads) < 0:
        parser.error("a look-ahead is a number of frames, 0 is the newest one")
    clips, footage = load_clips(options), load_footage(options)
    results = [measure(name, options.lookaheads, clips, footage, options.threads) for name in options.models]
    write_figures(options.json, {"condition": CONDITION, "clips": len(clips), "results": results})


if __name__ == "__main__":
    start(main)
