"""Left/right swaps before and after their repair: ``python benchmarks/bench_swaps.py [--data FILE]``.

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

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from models.data.bodies import rotate
from models.data.cameras import random_views
from models.data.keypoint_noise import DETECTOR_LIKE, add_noise
from models.data.mocap import COCO_OF_MOCAP, Mocap, load_mocap
from pipeline.skeletons import COCO_17
from pipeline.sources.synthetic import SyntheticOptions, SyntheticSource
from pipeline.track.swaps import SwapRepair
from pipeline.types import Origin, Pose2D

F32 = NDArray[np.float32]
Bools = NDArray[np.bool_]

RATES_HZ = (15, 30, 60)
KINDS = ("arms", "legs", "all", "turn")
TRACK_S = 6.0
BURST_FRAMES = (1, 20)
BURST_EVERY_S = 2.0
VISIBLE = 0.03
BODY_SHARE_OF_BOX = 0.9
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
    windows = []
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
        tracks.append(np.stack([source.truth_coco_px(index) for index in range(frames)]))
    xy = np.stack(tracks)
    body = (np.ptp(xy[..., 1], axis=2).max(1) / BODY_SHARE_OF_BOX).astype(np.float32)
    return _detected(xy, np.ones(xy.shape[:3], bool), body, rate_hz, np.random.default_rng(seed))


def _detected(xy_px: F32, inside: Bools, body_px: F32, rate_hz: float, rng: np.random.Generator) -> list[Track]:
    rates = np.full(len(xy_px), rate_hz, np.float32)
    noisy, score = add_noise(xy_px, inside, body_px, rates, rng, DETECTOR_LIKE)
    return [Track(*values, rate_hz=rate_hz) for values in zip(xy_px, noisy, score, map(float, body_px), strict=True)]


def bursts(track: Track, kind: str, rng: np.random.Generator) -> Bools:
    """Which pairs are swapped when: bool [T, 8]."""
    frames = len(track.xy_px)
    swapped = np.zeros((frames, len(_PAIRS)), bool)
    for start, length in _turns(track, rng) if kind == "turn" else _anywhere(track, rng):
        swapped[start : start + length, _PAIRS_OF_KIND[kind]] = True
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
    poses = [_pose(track, index) for index in range(len(xy))]
    started = time.perf_counter()
    results = [repair(pose) for pose in poses]
    spent_us = (time.perf_counter() - started) / len(xy) * 1e6
    for index, pose in enumerate(results):
        xy[index], marked[index] = pose.xy_px, pose.origin == Origin.SWAP_REPAIRED
    return xy, marked, spent_us


def _pose(track: Track, index: int) -> Pose2D:
    seen = track.score[index] > 0
    if not seen.any():
        return Pose2D.missing(index, index / track.rate_hz)
    xy = np.where(seen[:, None], track.xy_px[index], np.nan).astype(np.float32)
    box = np.concatenate([np.nanmin(xy, 0), np.nanmax(xy, 0)]).astype(np.float32)
    origin = np.where(seen, Origin.MEASURED, Origin.MISSING).astype(np.uint8)
    return Pose2D(index, index / track.rate_hz, 0, xy, track.score[index], box, origin)


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
        seen = (clean.score[:, _PAIRS] > 0).all(2)
        apart = np.linalg.norm(clean.truth_px[:, _PAIRS[:, 0]] - clean.truth_px[:, _PAIRS[:, 1]], axis=-1)
        counts = seen & (apart >= VISIBLE * clean.body_px)
        wrong = (after[:, _PAIRS[:, 0]] != clean.xy_px[:, _PAIRS[:, 0]]).any(-1)
        self.joints += 2 * int(counts.sum())
        self.swapped_before += 2 * int((swapped & counts).sum())
        self.swapped_after += 2 * int((wrong & counts).sum())
        self.error_before += self._error(before.xy_px, clean, counts)
        self.error_after += self._error(after, clean, counts)
        self.marked += int(marked[:, _PAIRS].all(2)[counts].sum()) * 2
        self.spent_us += spent_us
        self.tracks += 1

    @staticmethod
    def _error(xy_px: F32, clean: Track, counts: Bools) -> float:
        distance = np.linalg.norm(xy_px - clean.truth_px, axis=-1)[:, _PAIRS].sum(2)
        return float(np.where(counts, distance, 0).sum() / clean.body_px * 100)

    def row(self) -> list[float]:
        """Percent swapped before and after, error before and after, percent marked, microseconds."""
        joints = max(self.joints, 1)
        return [
            100 * self.swapped_before / joints,
            100 * self.swapped_after / joints,
            self.error_before / joints,
            self.error_after / joints,
            100 * self.marked / joints,
            self.spent_us / max(self.tracks, 1),
        ]


def measure(tracks: list[Track], kind: str | None, seed: int) -> Tally:
    """All tracks with bursts of one kind, or without."""
    tally, rng = Tally(), np.random.default_rng(seed)
    for track in tracks:
        none = np.zeros((len(track.xy_px), len(_PAIRS)), bool)
        swapped = bursts(track, kind, rng) if kind else none
        if kind is None or swapped.any():
            tally.add(track, swapped)
    return tally


def main() -> None:
    """Parse the options, measure, print the table."""
    parser = argparse.ArgumentParser(description="Left/right swaps before and after their repair.")
    parser.add_argument("--data", type=Path, help="motion capture file; the synthetic walker without it")
    parser.add_argument("--tracks", type=int, default=60, help="tracks per frame rate, default %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="of all choices, default %(default)s")
    options = parser.parse_args()
    mocap = load_mocap(options.data) if options.data else None
    print(f"{'':>6}{'':>8}{'swapped joints %':>20}{'error, % of body':>20}{'exchanged':>11}{'us per':>8}")
    print(f"{'Hz':>6}{'bursts':>8}{'before':>10}{'after':>10}{'before':>10}{'after':>10}{'%':>11}{'frame':>8}")
    for rate_hz in RATES_HZ:
        if mocap is not None:
            tracks = mocap_tracks(mocap, rate_hz, options.tracks, options.seed)
        else:
            tracks = walker_tracks(rate_hz, options.tracks, options.seed)
        for kind in (None, *KINDS):
            row = measure(tracks, kind, options.seed).row()
            cells = f"{row[0]:>10.2f}{row[1]:>10.2f}{row[2]:>10.2f}{row[3]:>10.2f}{row[4]:>11.2f}{row[5]:>8.0f}"
            print(f"{rate_hz:>6}{kind or 'none':>8}{cells}")


if __name__ == "__main__":
    main()
