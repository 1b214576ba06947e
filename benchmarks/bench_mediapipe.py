"""Speed beside MediaPipe Pose: 2D and 3D of one clip, frame by frame as in a live run.

    python -m benchmarks.bench_mediapipe [SOURCE] --mediapipe-python PYTHON [--json FILE]

PYTHON is an interpreter that has the packages of ``benchmarks/requirements-mediapipe.txt``; without it the rows of
MediaPipe are left out.

All frames are decoded beforehand and shown to both sides alike, one at a time, as pictures that have just arrived
(BGR). A row of ours is a detector, the repair of swapped sides, the lifter on one window per frame (this pass gives the
settled pose of a frame, and with another of its outputs the preview of a newer one) and smoothing; a row of MediaPipe
is ``mp.solutions.pose`` with tracking and smoothing on, the conversion to RGB that it needs included. Drawing: ours is
the composed picture of the frame that has got its settled pose, with skeleton and 3D panel; MediaPipe's is
``drawing_utils.draw_landmarks`` on the picture, with its own style. MediaPipe's 3D plot (``plot_landmarks``, a new
figure of matplotlib per frame) is not made for live pictures and is left out. Decoding, and showing the picture in a
window, are left out on both sides.

Each round runs through all frames once per row and takes turns, ours, theirs, ours, so that whatever else the machine
does hits all alike; odd rounds go backwards. Each run starts anew; its first frames, in which the person is searched
for and the window fills, are not counted. Threads are those that each takes by default. ``CPU ms`` is the mean time of
all threads together, ``frames/s`` the inverse of the mean time, ``3D %`` the share of frames with a 3D pose.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field

import cv2
import numpy as np

from benchmarks.measuring import CLIP, CPU, new_parser, start, take_turns, write_figures
from models.evaluation.mediapipe_process import INSTALL, NETWORKS, MediaPipeProcess
from pipeline.detect.create import DETECTORS, create_detector
from pipeline.errors import ConfigError
from pipeline.lift.create import DEFAULT_MODEL
from pipeline.lift.network import OnnxNetwork
from pipeline.lift.windows import WindowLifter
from pipeline.render.compose import Composer
from pipeline.render.status import Status
from pipeline.runtime.cards import LifterCard, find_card
from pipeline.smooth.people import create_smoothing
from pipeline.sources import SourceInfo, open_source
from pipeline.track.swaps import SwapRepair
from pipeline.types import Frame, Person, Pose2D, Pose3D, Shown, Tier
from pipeline.window.buffer import WindowBuffer, frame_step

_WARM_UP_FRAMES = 20
_SHOWN_HZ = 30.0
_SMOOTH = "light"


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of one row: time, time over all threads, and whether there is a 3D pose."""

    ms: float
    cpu_ms: float
    found: bool


Look = Callable[[Frame], Step]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, with or without drawing.

    Attributes:
        name: 'PoseStride fast', 'MediaPipe heavy (2)'.
        choice: a detector of ours, or MediaPipe's complexity.
        draw: whether the picture is drawn as well.
    """

    name: str
    choice: str | int
    draw: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a row, over all rounds: milliseconds per frame, frames per second, share of frames with a 3D pose."""

    name: str
    draw: bool
    ms_median: float
    ms_p95: float
    ms_mean: float
    fps: float
    cpu_ms_mean: float
    found_percent: float
    frames: int

    def cells(self) -> str:
        """Of the table."""
        figures = self.ms_median, self.ms_p95, self.fps, self.cpu_ms_mean, self.found_percent
        return "".join(f"{figure:>10.1f}" for figure in figures)


@dataclass
class Tally:
    """Steps of a row that count, over all rounds."""

    row: Row
    steps: list[Step] = field(default_factory=list)

    def figures(self) -> Figures:
        """What the steps come to."""
        ms = np.array([step.ms for step in self.steps])
        return Figures(
            name=self.row.name,
            draw=self.row.draw,
            ms_median=float(np.median(ms)),
            ms_p95=float(np.percentile(ms, 95)),
            ms_mean=float(ms.mean()),
            fps=1000 / float(ms.mean()),
            cpu_ms_mean=float(np.mean([step.cpu_ms for step in self.steps])),
            found_percent=100 * float(np.mean([step.found for step in self.steps])),
            frames=len(self.steps),
        )


class Ours:
    """Detector, swap repair, windows, lifter, smoothing and perhaps the composer, one frame after the other.

    Args:
        detector: a name of ``DETECTORS``.
        card: of the lifter.
        info: of the source.
        draw: compose the picture as well.
    """

    def __init__(self, detector: str, card: LifterCard, info: SourceInfo, draw: bool) -> None:
        size_px = (info.width_px, info.height_px)
        self._detector, self._repair = create_detector(detector, device=CPU), SwapRepair()
        self._lifter = WindowLifter(OnnxNetwork(card, CPU))
        spec, step = self._lifter.spec, frame_step(info.fps)
        self._buffer = WindowBuffer(
            0, spec.window, spec.lookahead, size_px, step=step, normalisation=spec.normalisation
        )
        self._smoothing = create_smoothing(_SMOOTH, live=True)
        self._composer = Composer(*size_px) if draw else None
        self._waiting: deque[Frame] = deque()  # frames without a settled pose yet

    def __call__(self, frame: Frame) -> Step:
        """All that a frame needs; what is drawn is the frame whose look-ahead has just passed."""
        # just arrived, as MediaPipe's comes through a pipe: in the processor's caches
        frame = Frame(frame.index, frame.time_s, frame.image.copy())
        started_s, cpu_s = time.perf_counter(), time.process_time()
        found = self._detector(frame)
        pose = self._repair(found[0] if found else Pose2D.missing(frame.index, frame.time_s))
        ready = self._buffer.push(pose)
        lifted = self._lifter([one.window for one in ready if one.window is not None])
        if self._smoothing is not None:
            (lifted,) = self._smoothing.push(lifted)
        if self._composer is not None:
            self._draw(self._composer, frame, [one.pose for one in ready], lifted)
        ms, cpu_ms = 1000 * (time.perf_counter() - started_s), 1000 * (time.process_time() - cpu_s)
        return Step(ms, cpu_ms, bool(lifted))

    def _draw(self, composer: Composer, frame: Frame, poses: list[Pose2D], lifted: list[Pose3D]) -> None:
        self._waiting.append(composer.shrink(frame))
        solid = {pose.frame_index: pose for pose in lifted}
        for pose in poses:
            person = Person(pose, solid.get(pose.frame_index) or Pose3D.missing(pose.frame_index, pose.time_s))
            composer.draw(Shown(self._waiting.popleft(), (person,), Tier.SETTLED), Status(_SHOWN_HZ))

    def close(self) -> None:
        """Release the detector."""
        self._detector.close()


@dataclass
class Bench:
    """What the rows share.

    Attributes:
        frames: all of them, decoded.
        info: of their source.
        card: of the lifter.
        warm_up: how many frames of each run do not count.
        mediapipe: the other side, if there is one.
    """

    frames: list[Frame]
    info: SourceInfo
    card: LifterCard
    warm_up: int
    mediapipe: MediaPipeProcess | None

    def run(self, row: Row) -> list[Step]:
        """Once through all frames; the steps that count."""
        with self._look(row) as look:
            return [look(frame) for frame in self.frames][self.warm_up :]

    @contextmanager
    def _look(self, row: Row) -> Iterator[Look]:
        if isinstance(row.choice, str):
            with closing(Ours(row.choice, self.card, self.info, row.draw)) as ours:
                yield ours
            return
        assert self.mediapipe is not None
        yield self._theirs(self.mediapipe, row.choice, row.draw)

    @staticmethod
    def _theirs(mediapipe: MediaPipeProcess, complexity: int, draw: bool) -> Look:
        mediapipe.start(complexity)

        def look(frame: Frame) -> Step:
            found = mediapipe.look(frame.image, draw)
            return Step(found.ms, found.cpu_ms, found.world_m is not None)

        return look


def rows_of(detectors: Sequence[str], complexities: Sequence[int]) -> list[Row]:
    """All rows in the order of a round: ours and theirs take turns."""
    ours: list[tuple[str, str | int]] = [(f"PoseStride {name}", name) for name in detectors]
    theirs: list[tuple[str, str | int]] = [
        (f"MediaPipe {NETWORKS[number]} ({number})", number) for number in complexities
    ]
    pairs = itertools.zip_longest(ours, theirs)
    return [Row(side[0], side[1], draw) for pair in pairs for draw in (False, True) for side in pair if side]


def measure(bench: Bench, rows: Sequence[Row], rounds: int) -> list[Tally]:
    """Rounds over all rows, every other one backwards."""
    tallies = {row: Tally(row) for row in rows}
    for row in take_turns(rows, rounds):
        tallies[row].steps += bench.run(row)
    return list(tallies.values())


def decode(source: str, most: int) -> tuple[list[Frame], SourceInfo]:
    """The first frames of a clip, at most so many.

    Raises:
        SourceError: it can't be read.
        ConfigError: it is live.
    """
    with open_source(source) as opened:
        if opened.info.live:
            raise ConfigError("SOURCE", source, "is live; both sides must see the same frames, so give a clip")
        return list(itertools.islice(opened, most)), opened.info


def table(rows: Sequence[Figures]) -> str:
    """One line per model, without and with drawing; ours first."""
    titles = "".join(f"{title:>10}" for title in ("median", "95 %", "frames/s", "CPU ms", "3D %"))
    lines = [
        f"{'':<22}{'without drawing':^50}  {'with drawing':^50}".rstrip(),
        f"{'ms per frame':<22}{titles}  {titles}",
    ]
    names = sorted(dict.fromkeys(row.name for row in rows), key=lambda name: not name.startswith("PoseStride"))
    for name in names:
        plain, drawn = (next(row for row in rows if row.name == name and row.draw == draw) for draw in (False, True))
        lines.append(f"{name:<22}{plain.cells()}  {drawn.cells()}")
    return "\n".join(lines)


@dataclass(frozen=True)
class Theirs:
    """MediaPipe as it was started: versions of its packages, threads of its OpenCV, its networks if they are files."""

    versions: dict[str, str]
    opencv_threads: int
    networks_sha256: dict[str, str | None]


@dataclass(frozen=True)
class Weights:
    """Which weights."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Threads:
    """As each takes them by default; MediaPipe does not say how many its networks take."""

    onnxruntime: int | None
    opencv: int
    mediapipe_opencv: int | None


@dataclass(frozen=True)
class About:
    """What the figures belong to."""

    source: str
    width_px: int
    height_px: int
    frames_counted: int
    rounds: int
    warm_up_frames: int
    lifter: Weights
    threads: Threads
    mediapipe: Theirs | None

    def head(self) -> str:
        """Of the table."""
        lines = [
            f"{self.source}, {self.width_px}x{self.height_px}; {self.rounds} rounds, "
            f"{self.frames_counted} frames counted per row; {self.threads.onnxruntime} cores; "
            f"lifter {self.lifter.name}",
            f"threads: ours {self.threads.onnxruntime} per model, OpenCV {self.threads.opencv}; MediaPipe: its default",
        ]
        if self.mediapipe is None:
            lines.append(f"MediaPipe is left out: --mediapipe-python names no interpreter that has it; {INSTALL}")
        else:
            lines[-1] += f" (version {self.mediapipe.versions['mediapipe']}), OpenCV {self.mediapipe.opencv_threads}"
        return "\n".join(lines)


def about(bench: Bench, theirs: Theirs | None, rounds: int) -> About:
    """What the figures of a bench belong to."""
    return About(
        source=bench.info.name,
        width_px=bench.info.width_px,
        height_px=bench.info.height_px,
        frames_counted=(len(bench.frames) - bench.warm_up) * rounds,
        rounds=rounds,
        warm_up_frames=bench.warm_up,
        lifter=Weights(bench.card.name, bench.card.sha256),
        threads=Threads(os.cpu_count(), cv2.getNumThreads(), theirs.opencv_threads if theirs else None),
        mediapipe=theirs,
    )


def started(mediapipe: MediaPipeProcess, complexities: Sequence[int]) -> Theirs:
    """Try all networks: one that can't be downloaded shows at once.

    Raises:
        ConfigError: mediapipe is missing or can't load one of them.
    """
    found = {NETWORKS[complexity]: mediapipe.start(complexity) for complexity in complexities}
    first = next(iter(found.values()))
    networks = {name: answer["network_sha256"] for name, answer in found.items()}
    return Theirs(first["versions"], first["opencv_threads"], networks)


def main(arguments: list[str] | None = None) -> None:
    """Print one table.

    Raises:
        PoseStrideError: what went wrong.
    """
    parser = new_parser("bench_mediapipe", __doc__)
    parser.add_argument("source", nargs="?", default=str(CLIP), metavar="SOURCE", help="a clip (default: one of ours)")
    parser.add_argument("--mediapipe-python", metavar="PYTHON", help="an interpreter that has mediapipe")
    parser.add_argument("--rounds", type=int, default=3, help="runs per row (default: 3)")
    parser.add_argument(
        "--frames", type=int, default=150, help="at most so many; they are held in memory (default: 150)"
    )
    parser.add_argument("--detectors", nargs="+", choices=DETECTORS, default=list(DETECTORS), metavar="NAME")
    parser.add_argument("--complexities", type=int, nargs="+", choices=NETWORKS, default=list(NETWORKS), metavar="N")
    parser.add_argument("--model", default=DEFAULT_MODEL, help=f"our lifter (default: {DEFAULT_MODEL})")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    card = find_card(options.model, LifterCard)
    frames, info = decode(options.source, options.frames)
    warm_up = max(_WARM_UP_FRAMES, card.lookahead * frame_step(info.fps) + 1)
    if len(frames) <= warm_up:
        raise ConfigError("SOURCE", options.source, f"gave {len(frames)} frames; at least {warm_up + 1} are needed")
    mediapipe = MediaPipeProcess(options.mediapipe_python) if options.mediapipe_python else None
    try:
        theirs = started(mediapipe, options.complexities) if mediapipe else None
        bench = Bench(frames, info, card, warm_up, mediapipe)
        tallies = measure(bench, rows_of(options.detectors, options.complexities if mediapipe else ()), options.rounds)
    finally:
        if mediapipe is not None:
            mediapipe.close()
    rows = [tally.figures() for tally in tallies]
    what = about(bench, theirs, options.rounds)
    print(f"{what.head()}\n{table(rows)}")
    write_figures(options.json, {**asdict(what), "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    start(main)
