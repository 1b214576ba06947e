"""Jitter and lag of the smoothing presets.

    python -m benchmarks.bench_smooth [--rates 30 60] [--people 6] [--json FILE]

Jitter: synthetic people, keypoints disturbed as a detector disturbs them, lifted by the shipped model; all joints but
the pelvis. Holding ``still``, in mm: ``std`` is the root mean square distance of a joint from its mean place, ``shake``
that from its mean place over one second, and ``accel`` the mean length of the second difference of its places from
frame to frame (what one sees as flicker). In a ``walk``: mean distance from the truth, and ``accel`` again (the line
``truth`` gives that of the motion itself).

Lag: of a joint that jumps 0.5 m or 0.05 m, the time until it has gone half and nine tenths of the way; of one that
swings back and forth once per second over 0.5 m or 0.1 m, the delay of its phase, and the share of its amplitude that
is ``kept``.

The presets are run as live (One Euro) and for files (zero phase); ``delay`` is how long after its frame a pose is out,
``cost`` the processor time per frame.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks import walker
from benchmarks.measuring import CPU, new_parser, start, write_figures
from pipeline.arrays import F32, F64
from pipeline.lift.base import Lifter
from pipeline.lift.create import DEFAULT_MODEL
from pipeline.lift.network import OnnxNetwork
from pipeline.lift.windows import WindowLifter
from pipeline.runtime.cards import LifterCard, find_card
from pipeline.skeletons import H36M_17
from pipeline.smooth.people import create_smoothing
from pipeline.smooth.presets import PRESETS, find_preset
from pipeline.smooth.zero_phase import ZeroPhase
from pipeline.sources.synthetic import SyntheticOptions, SyntheticSource
from pipeline.types import Pose3D
from pipeline.window.buffer import WindowBuffer

RATES_HZ = (30.0, 60.0)
STILL_S, WALK_S = 8.0, 6.0
LEAST_S = 1.5
"""``shake`` needs more than the second of its mean."""
JUMPS_M = (0.5, 0.05)
SWINGS_M, SWING_HZ = (0.5, 0.1), 1.0
Through = Callable[[list[Pose3D]], list[Pose3D]]


@dataclass(frozen=True)
class Person:
    """Lifted poses of somebody, and the truth in mm [T, 17, 3]."""

    poses: list[Pose3D]
    truth_mm: F64


def people_at(lifter: Lifter, rate_hz: float, frames: int, people: int, seed: int, still: bool) -> list[Person]:
    """People who hold still or walk, each seen from another side."""
    rng = np.random.default_rng(seed)
    found = []
    for number in range(people):
        source = SyntheticSource(SyntheticOptions(frames=frames, fps=rate_hz, seed=seed * 1000 + number))
        shown = [0] * frames if still else list(range(frames))
        xy = walker.keypoints_px(source, 1 if still else frames)[shown][None]
        truth_mm = np.stack([source.truth_xyz_m(index) for index in shown]).astype(np.float64) * 1000.0
        inside = np.ones(xy.shape[:3], bool)
        noisy, score = walker.disturbed(xy, inside, walker.body_px(xy), rate_hz, rng)
        size_px = (source.info.width_px, source.info.height_px)
        found.append(Person(_lifted(lifter, noisy[0], score[0], rate_hz, size_px), truth_mm))
    return found


def _lifted(lifter: Lifter, xy_px: F32, score: F32, rate_hz: float, size_px: tuple[int, int]) -> list[Pose3D]:
    spec = lifter.spec
    buffer = WindowBuffer(0, spec.window, spec.lookahead, size_px, normalisation=spec.normalisation)
    due = []
    for n, (xy, s) in enumerate(zip(xy_px, score, strict=True)):
        due += buffer.push(walker.pose(n, n / rate_hz, xy, s))
    due += buffer.finish()
    return lifter([one.window for one in due if one.window is not None])


def smoothed(poses: list[Pose3D], preset: str, live: bool) -> list[Pose3D]:
    """The poses of one person through a preset."""
    smoothing = create_smoothing(preset, live)
    if smoothing is None:
        return poses
    frames = [frame for pose in poses for frame in smoothing.push([pose])] + smoothing.finish()
    return [frame[0] for frame in frames]


@dataclass(frozen=True)
class Jitter:
    """In mm, see the head of the file; ``cost_us`` per frame."""

    std: float
    shake: float
    error: float
    accel: float
    cost_us: float


def jitter_mm(people: list[Person], rate_hz: float, through: Through) -> Jitter:
    """Of poses of several people beside the truth."""
    std, shake, error, accel, cost_us = [], [], [], [], []
    for person in people:
        started_s = time.thread_time()
        out = through(person.poses)
        cost_us.append((time.thread_time() - started_s) / len(person.poses) * 1e6)
        xyz_mm = np.stack([pose.xyz_m for pose in out])[:, 1:].astype(np.float64) * 1000.0
        std.append(_mean_square(xyz_mm - xyz_mm.mean(0)))
        shake.append(_mean_square(_off_its_mean(xyz_mm, round(rate_hz / 2))))
        error.append(np.linalg.norm(xyz_mm - person.truth_mm[:, 1:], axis=2).mean())
        accel.append(mean_accel(xyz_mm))
    return Jitter(
        float(np.sqrt(np.mean(std))),
        float(np.sqrt(np.mean(shake))),
        *(float(np.mean(values)) for values in (error, accel, cost_us)),
    )


def _mean_square(away_mm: F64) -> float:
    return float((away_mm**2).sum(2).mean())


def _off_its_mean(xyz_mm: F64, half: int) -> F64:
    """Distance from the mean over ``half`` frames on each side, where there are as many."""
    total = np.concatenate([np.zeros_like(xyz_mm[:1]), np.cumsum(xyz_mm, 0)])
    width = 2 * half + 1
    return np.asarray(xyz_mm[half:-half] - (total[width:] - total[:-width]) / width)


def mean_accel(xyz_mm: F64) -> float:
    """Mean length of the second difference of [T, J, 3] from frame to frame."""
    return float(np.linalg.norm(np.diff(xyz_mm, 2, axis=0), axis=2).mean())


def path_through(place_m: F64, rate_hz: float, through: Through) -> F64:
    """One coordinate [T] of a joint, smoothed."""
    joints = len(H36M_17)
    score, origin = np.ones(joints, np.float32), np.zeros(joints, np.uint8)
    poses = []
    for n, value in enumerate(place_m):
        xyz_m = np.zeros((joints, 3), np.float32)
        xyz_m[3, 0] = value
        poses.append(Pose3D(0, n, n / rate_hz, xyz_m, score, origin, True))
    return np.array([pose.xyz_m[3, 0] for pose in through(poses)], np.float64)


def jump_lag_ms(rate_hz: float, width_m: float, through: Through) -> tuple[float, float]:
    """Until half and nine tenths of a jump are done; counted from half a frame before the first frame after it."""
    frames = round(4 * rate_hz)
    time_s = np.arange(frames) / rate_hz
    start_s = 2.0 - 0.5 / rate_hz
    path = path_through(np.where(time_s > start_s, width_m, 0.0), rate_hz, through) / width_m
    half, most = (_crossing_s(time_s, path, level) - start_s for level in (0.5, 0.9))
    return half * 1000, most * 1000


def _crossing_s(time_s: F64, path: F64, level: float) -> float:
    after = int(np.argmax(path >= level))
    share = (level - path[after - 1]) / (path[after] - path[after - 1])
    return float(time_s[after - 1] + share * (time_s[after] - time_s[after - 1]))


def swing_lag_ms(rate_hz: float, width_m: float, through: Through) -> tuple[float, float]:
    """Delay of a swing in ms, and the share of its amplitude that is left in percent."""
    time_s = np.arange(round(8 * rate_hz)) / rate_hz
    swing = width_m / 2 * np.sin(2 * np.pi * SWING_HZ * time_s)
    path = path_through(swing, rate_hz, through)
    settled = (time_s >= 2) & (time_s < 6)  # whole periods, away from both ends
    wave = np.exp(2j * np.pi * SWING_HZ * time_s[settled])
    ratio = (path[settled] @ wave.conj()) / (swing[settled] @ wave.conj())
    return float(-np.angle(ratio) / (2 * np.pi * SWING_HZ) * 1000), float(abs(ratio) * 100)


@dataclass(frozen=True)
class Row:
    """One preset at one frame rate, see the head of the file; of jumps and swings one value per width.

    Attributes:
        filter: 'One Euro' (live) or 'zero phase' (files); empty where nothing is smoothed.
        jumps_ms: until half and nine tenths are done.
        swings: delay in ms, and percent of the amplitude.
    """

    rate_hz: float
    filter: str
    preset: str
    still: Jitter
    walk: Jitter
    jumps_ms: list[tuple[float, float]]
    swings: list[tuple[float, float]]
    delay_ms: float

    def line(self) -> str:
        """Of the table."""
        jumps = "".join(f"{round(half) + 0:>8.0f}{round(most) + 0:>6.0f}" for half, most in self.jumps_ms)
        swings = "".join(f"{round(lag, 1) + 0.0:>9.1f}{round(kept, 1) + 0.0:>7.1f}" for lag, kept in self.swings)
        return (
            f"{self.rate_hz:>4.0f}  {self.filter:<11}{self.preset:<7}"
            f"{self.still.std:>7.1f}{self.still.shake:>7.1f}{self.still.accel:>7.2f}"
            f"{self.walk.error:>9.1f}{self.walk.accel:>7.2f}{jumps}{swings}"
            f"{self.delay_ms:>10.0f}{self.walk.cost_us:>9.0f}"
        )


def measure(rate_hz: float, name: str, live: bool, still: list[Person], walking: list[Person]) -> Row:
    """All figures of a preset, as a live run uses it or as one for files does."""
    preset = find_preset(name)

    def through(poses: list[Pose3D]) -> list[Pose3D]:
        return smoothed(poses, name, live)

    return Row(
        rate_hz,
        "" if preset is None else "One Euro" if live else "zero phase",
        name,
        jitter_mm(still, rate_hz, through),
        jitter_mm(walking, rate_hz, through),
        [jump_lag_ms(rate_hz, width_m, through) for width_m in JUMPS_M],
        [swing_lag_ms(rate_hz, width_m, through) for width_m in SWINGS_M],
        0.0 if live or preset is None else ZeroPhase(preset).lookahead_s * 1000,
    )


def head() -> str:
    """The lines above the table."""
    groups = [("still, mm", 21), ("walk, mm", 16)]
    groups += [(f"jump {width_m} m", 14) for width_m in JUMPS_M] + [(f"swing {width_m} m", 16) for width_m in SWINGS_M]
    return "\n".join(
        [
            " " * 24 + "".join(f"{title:>{width}}" for title, width in groups),
            f"{'Hz':>4}  {'filter':<11}{'preset':<7}{'std':>7}{'shake':>7}{'accel':>7}{'error':>9}{'accel':>7}"
            + f"{'1/2 ms':>8}{'9/10':>6}" * 2
            + f"{'lag ms':>9}{'kept %':>7}" * 2
            + f"{'delay ms':>10}{'cost us':>9}",
        ]
    )


def main(arguments: list[str] | None = None) -> None:
    """Parse the options, measure, print the table.

    Raises:
        PoseStrideError: the model is missing, or the figures can't be written.
    """
    parser = new_parser("bench_smooth", __doc__)
    parser.add_argument("--model", default=DEFAULT_MODEL, help="lifter that makes the jitter, default %(default)s")
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES_HZ), metavar="HZ", help="default: 30 60")
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=list(PRESETS), help="default: all")
    parser.add_argument("--people", type=int, default=6, help="people per measurement, default %(default)s")
    parser.add_argument("--still", type=float, default=STILL_S, metavar="S", help="seconds, default %(default)g")
    parser.add_argument("--walk", type=float, default=WALK_S, metavar="S", help="seconds, default %(default)g")
    parser.add_argument("--seed", type=int, default=1, help="of all choices, default %(default)s")
    options = parser.parse_args(arguments)
    if min(options.still, options.walk) < LEAST_S:
        parser.error(f"--still and --walk must be at least {LEAST_S} s")
    lifter = WindowLifter(OnnxNetwork(find_card(options.model, LifterCard), CPU, threads=1))
    presets = [name for name in options.presets if name != "off"]
    chosen = [("off", True)] if "off" in options.presets else []
    chosen += [(name, live) for live in (True, False) for name in presets]
    rows, truth_accel_mm = [], {}
    print(head())
    for rate_hz in options.rates:
        still, walking = (
            people_at(lifter, rate_hz, round(length_s * rate_hz), options.people, options.seed, holds_still)
            for length_s, holds_still in ((options.still, True), (options.walk, False))
        )
        truth = truth_accel_mm[rate_hz] = float(np.mean([mean_accel(one.truth_mm[:, 1:]) for one in walking]))
        print(f"{rate_hz:>4.0f}  {'truth':<18}{0:>7.1f}{0:>7.1f}{0:>7.2f}{0:>9.1f}{truth:>7.2f}")
        for name, live in chosen:
            rows.append(measure(rate_hz, name, live, still, walking))
            print(rows[-1].line(), flush=True)
    figures = {"jumps_m": JUMPS_M, "swings_m": SWINGS_M, "truth_accel_mm": truth_accel_mm}
    write_figures(options.json, {**figures, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    start(main)
