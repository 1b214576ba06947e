"""Left/right swaps before and after their repair.

    python -m benchmarks.bench_swaps [--data FILE] [--rates 15 30 60] [--tracks 60] [--json FILE]

Tracks with a known truth are projected, disturbed as a detector disturbs them, and swapped in bursts; then they pass
``pipeline.track.swaps.SwapRepair`` frame by frame. The motion is that of the synthetic walker, or of a motion capture
file in the layout of ``models/data/mocap.py``, seen by random cameras.

A joint counts as swapped when its pair is the wrong way round and its two joints are at least 3 % of the body's height
apart in the picture (closer, nobody could tell). Bursts of 1 to 20 frames: ``arms`` (elbows, wrists), ``legs`` (hips,
knees, ankles), ``all``. ``turn`` is what detectors do when somebody turns round: from the moment in which the shoulders
cross, they keep calling the sides as before for 3 to 20 frames. ``error`` is the mean distance of the joints from the
truth, in percent of the body's height. ``false`` is the share of joints that are exchanged on tracks without swaps.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import walker
from benchmarks.measuring import new_parser, start, write_figures
from models.data.bodies import rotate
from models.data.cameras import random_views
from models.data.mocap import COCO_OF_MOCAP, Mocap, load_mocap
from pipeline.arrays import F32, Bools
from pipeline.skeletons import COCO_17
from pipeline.sources.synthetic import SyntheticOptions, SyntheticSource
from pipeline.track.swaps import SwapRepair
from pipeline.types import Origin

RATES_HZ = (15, 30, 60)
KINDS = ("arms", "legs", "all", "turn")
TRACK_S = 6.0
BURST_FRAMES = (1, 20)
BURST_EVERY_S = 2.0
VISIBLE = 0.03
_PAIRS = np.array(COCO_17.pairs)
_PAIRS_OF_KIND = {"arms": [3, 4], "legs": [5, 6, 7], "all": list(range(8)), "turn": list(range(8))}


@dataclass(frozen=True)
class Track:
    """One person at one frame rate.

    Attributes:
        truth_px: float32 [T, 17, 2].
        xy_px: float32 [T, 17, 2], as detected.
        score: float32 [T, 17], 0 where missing.
        body_px: length of the body.
        rate_hz: frame rate.
    """

    truth_px: F32
    xy_px: F32
    score: F32
    body_px: float
    rate_hz: float


def mocap_tracks(mocap: Mocap, rate_hz: float, count: int, seed: int) -> list[Track]:
    """Clips at random, people alike, each from its own direction."""
    rng = np.random.default_rng(seed)
    frames = round(TRACK_S * rate_hz)
    people = np.unique(mocap.subjects)
    windows: list[F32] = []
    while len(windows) < count:
        own = np.flatnonzero(mocap.subjects == rng.choice(people))
        clip = mocap.clip_m(int(rng.choice(own)))
        step = float(mocap.fps[own[0]]) / rate_hz
        room = len(clip) - 1 - (frames - 1) * step
        if room < 0:
            people = (
                people if any(np.diff(mocap.starts)[own] > frames * step) else people[people != mocap.subjects[own[0]]]
            )
            continue
        at = rng.uniform(0, room) + np.arange(frames) * step
        low = np.floor(at).astype(int)
        part = (at - low).astype(np.float32)[:, None, None]
        windows.append(clip[low] * (1 - part) + clip[np.minimum(low + 1, len(clip) - 1)] * part)
    points = np.stack(windows)
    points = points - points[:, frames // 2, None, None, 0]
    yaw = rng.uniform(-np.pi, np.pi, count)
    cos, sin, zero, one = np.cos(yaw), np.sin(yaw), np.zeros(count), np.ones(count)
    turn = np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], -1).reshape(-1, 3, 3)
    rates = np.full(count, rate_hz, np.float32)
    view = random_views(rotate(turn[:, None], points).astype(np.float32), rates, rng)
    xy = view.xy_px[:, :, COCO_OF_MOCAP]
    return _detected(xy, view.inside[:, :, COCO_OF_MOCAP], view.body_px, rate_hz, rng)


def walker_tracks(rate_hz: float, count: int, seed: int) -> list[Track]:
    """The synthetic walker on its circle."""
    frames = round(TRACK_S * rate_hz)
    tracks = []
    for number in range(count):
        source = SyntheticSource(SyntheticOptions(frames=frames, fps=rate_hz, seed=1000 * seed + number))
        tracks.append(walker.keypoints_px(source, frames))
    xy = np.stack(tracks)
    return _detected(xy, np.ones(xy.shape[:3], bool), walker.body_px(xy), rate_hz, np.random.default_rng(seed))


def _detected(xy_px: F32, inside: Bools, body_px: F32, rate_hz: float, rng: np.random.Generator) -> list[Track]:
    noisy, score = walker.disturbed(xy_px, inside, body_px, rate_hz, rng)
    return [Track(*values, rate_hz=rate_hz) for values in zip(xy_px, noisy, score, map(float, body_px), strict=True)]


def bursts(track: Track, kind: str, rng: np.random.Generator) -> Bools:
    """Which pairs are swapped when: bool [T, 8]."""
    frames = len(track.xy_px)
    swapped = np.zeros((frames, len(_PAIRS)), bool)
    for begin, length in _turns(track, rng) if kind == "turn" else _anywhere(track, rng):
        swapped[begin : begin + length, _PAIRS_OF_KIND[kind]] = True
    return swapped


def _anywhere(track: Track, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    every = round(BURST_EVERY_S * track.rate_hz)
    for base in range(0, len(track.xy_px) - every + 1, every):
        length = int(rng.integers(*BURST_FRAMES, endpoint=True))
        yield base + int(rng.integers(1, every - length + 1)), length


def _turns(track: Track, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
    across = track.truth_px[:, 5, 0] - track.truth_px[:, 6, 0]
    last = -len(track.xy_px)
    for frame in np.flatnonzero(across[1:] * across[:-1] < 0) + 1:
        if frame - last > BURST_EVERY_S * track.rate_hz:
            last = int(frame)
            yield last, int(rng.integers(3, BURST_FRAMES[1], endpoint=True))


def exchanged(values: F32, swapped: Bools) -> F32:
    """Values [T, 17, ...] with the pairs [T, 8] exchanged."""
    out = values.copy()
    for row, (left, right) in enumerate(_PAIRS):
        now = swapped[:, row]
        out[now, left], out[now, right] = values[now, right], values[now, left]
    return out


def repaired(track: Track) -> tuple[F32, Bools, float]:
    """Keypoints [T, 17, 2] after the repair, which joints it marked [T, 17], and microseconds per frame."""
    repair = SwapRepair()
    xy, marked = np.empty_like(track.xy_px), np.zeros(track.score.shape, bool)
    poses = [
        walker.pose(n, n / track.rate_hz, *seen) for n, seen in enumerate(zip(track.xy_px, track.score, strict=True))
    ]
    started = time.perf_counter()
    results = [repair(pose) for pose in poses]
    spent_us = (time.perf_counter() - started) / len(xy) * 1e6
    for index, pose in enumerate(results):
        xy[index], marked[index] = pose.xy_px, pose.origin == Origin.SWAP_REPAIRED
    return xy, marked, spent_us


@dataclass(frozen=True)
class Row:
    """One kind of bursts at one frame rate, see the head of the file; ``spent_us`` per frame."""

    rate_hz: float
    bursts: str
    tracks: int
    swapped_before_percent: float
    swapped_after_percent: float
    error_before_percent: float
    error_after_percent: float
    exchanged_percent: float
    spent_us: float

    def line(self) -> str:
        """Of the table."""
        return (
            f"{self.rate_hz:>6g}{self.bursts:>8}"
            f"{self.swapped_before_percent:>10.2f}{self.swapped_after_percent:>10.2f}"
            f"{self.error_before_percent:>10.2f}{self.error_after_percent:>10.2f}"
            f"{self.exchanged_percent:>11.2f}{self.spent_us:>8.0f}"
        )


@dataclass
class Tally:
    """Sums over tracks, of joints that count (see the head of the file)."""

    joints: int = 0
    swapped_before: int = 0
    swapped_after: int = 0
    error_before: float = 0.0
    error_after: float = 0.0
    marked: int = 0
    spent_us: float = 0.0
    tracks: int = 0

    def add(self, clean: Track, swapped: Bools) -> None:
        """Swap a track, repair it, count."""
        before = replace(clean, xy_px=exchanged(clean.xy_px, swapped), score=exchanged(clean.score, swapped))
        after, marked, spent_us = repaired(before)
        seen = np.asarray((clean.score[:, _PAIRS] > 0).all(2))
        apart = np.linalg.norm(clean.truth_px[:, _PAIRS[:, 0]] - clean.truth_px[:, _PAIRS[:, 1]], axis=-1)
        counts = seen & (apart >= VISIBLE * clean.body_px)
        wrong = (after[:, _PAIRS[:, 0]] != clean.xy_px[:, _PAIRS[:, 0]]).any(-1)
        self.joints += 2 * int(counts.sum())
        self.swapped_before += 2 * int((swapped & counts).sum())
        self.swapped_after += 2 * int((wrong & counts).sum())
        self.error_before += self._error(before.xy_px, clean, counts)
        self.error_after += self._error(after, clean, counts)
        self.marked += 2 * int(np.asarray(marked[:, _PAIRS].all(2))[counts].sum())
        self.spent_us += spent_us
        self.tracks += 1

    @staticmethod
    def _error(xy_px: F32, clean: Track, counts: Bools) -> float:
        distance = np.linalg.norm(xy_px - clean.truth_px, axis=-1)[:, _PAIRS].sum(2)
        return float(np.where(counts, distance, 0).sum() / clean.body_px * 100)

    def row(self, rate_hz: float, kind: str) -> Row:
        """Shares and means."""
        joints = max(self.joints, 1)
        return Row(
            rate_hz,
            kind,
            self.tracks,
            100 * self.swapped_before / joints,
            100 * self.swapped_after / joints,
            self.error_before / joints,
            self.error_after / joints,
            100 * self.marked / joints,
            self.spent_us / max(self.tracks, 1),
        )


def measure(tracks: list[Track], kind: str | None, seed: int) -> Tally:
    """All tracks with bursts of one kind, or without."""
    tally, rng = Tally(), np.random.default_rng(seed)
    for track in tracks:
        none = np.zeros((len(track.xy_px), len(_PAIRS)), bool)
        swapped = bursts(track, kind, rng) if kind else none
        if kind is None or swapped.any():
            tally.add(track, swapped)
    return tally


def main(arguments: list[str] | None = None) -> None:
    """Parse the options, measure, print the table.

    Raises:
        PoseStrideError: the data can't be read, or the figures can't be written.
    """
    parser = new_parser("bench_swaps", __doc__)
    parser.add_argument("--data", type=Path, metavar="FILE", help="motion capture; the synthetic walker without it")
    parser.add_argument(
        "--rates", type=float, nargs="+", default=list(RATES_HZ), metavar="HZ", help="default: 15 30 60"
    )
    parser.add_argument("--tracks", type=int, default=60, help="tracks per frame rate, default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of all choices, default %(default)s")
    options = parser.parse_args(arguments)
    mocap = load_mocap(options.data) if options.data else None
    print(f"{'':>6}{'':>8}{'swapped joints %':>20}{'error, % of body':>20}{'exchanged':>11}{'us per':>8}")
    print(f"{'Hz':>6}{'bursts':>8}{'before':>10}{'after':>10}{'before':>10}{'after':>10}{'%':>11}{'frame':>8}")
    rows = []
    for rate_hz in options.rates:
        if mocap is not None:
            tracks = mocap_tracks(mocap, rate_hz, options.tracks, options.seed)
        else:
            tracks = walker_tracks(rate_hz, options.tracks, options.seed)
        for kind in (None, *KINDS):
            rows.append(measure(tracks, kind, options.seed).row(rate_hz, kind or "none"))
            print(rows[-1].line(), flush=True)
    write_figures(options.json, {"rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    start(main)
