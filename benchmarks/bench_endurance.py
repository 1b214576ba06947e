"""One hour of a live run at 60 frames per second in accelerated time: memory, threads and handles must not grow.

    python -m benchmarks.bench_endurance [--frames 216000] [--lifter NAME] [--csv FILE] [--json FILE]

The whole live policy runs (``pipeline.run`` in two tiers: threads, queues, swap repair, windows, previews and settled
poses, smoothing, drawing), as fast as it takes frames. The source says that it is live and hands out a frame as soon as
the one before was taken, so that the newest-wins policy has no reason to drop it. The detector is the truth of the
synthetic walker with noise. People come and go, the stream breaks for some seconds every minute, and the frames that
were held up then come all at once: some of them are dropped. Every frame that was handed out and not dropped must give
exactly one row, in order.

Memory is flat when the median of the samples of the last quarter is at most ``--limit-mb`` above that of the second
quarter (the first one fills buffers). ``blocks`` are the pieces of memory that Python's allocator has given out: one
object that is kept per frame shows there long before it shows in megabytes. Needs Linux: figures come from /proc/self.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from benchmarks.measuring import CPU, new_parser, quiet, start, write_figures
from pipeline.arrays import F32, U8
from pipeline.detect.base import Detector
from pipeline.errors import SourceError
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.lift.base import LifterSpec, PreviewLifter
from pipeline.lift.network import OnnxNetwork
from pipeline.lift.windows import WindowLifter
from pipeline.render.compose import Composer
from pipeline.render.status import Status
from pipeline.run.options import RunOptions
from pipeline.run.pipeline import Pipeline
from pipeline.run.statistics import Statistics
from pipeline.runtime import LoadedModel
from pipeline.runtime.cards import LifterCard, find_card
from pipeline.skeletons import COCO_17
from pipeline.sources import SourceInfo, SyntheticSource
from pipeline.sources.base import Source
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Frame, Origin, Pose2D, Pose3D, Rows, Shown, Window

HOUR_FRAMES = 216_000
RATE_HZ = 60.0
SIZE_PX = (160, 120)

_WALK_FRAMES = 600  # of the walker; the walk goes forth and back
_PICTURES = 16
_NOISE_PX = 0.4
_NOISE_FRAMES = 997  # prime, so that it does not repeat with the walk
_SCORE = 0.9
_MOST_UNDER_WAY = 256  # frames without a row yet; the look-ahead and smoothing need some of them
_PATIENCE_S = 60.0
_WARM_UP_FRAMES = 200  # libraries start their own threads on their first work
_ENDING_S = 2.0  # threads that were told to end may take so long
_MEGABYTE = 1e6
_PROC = Path("/proc/self")

Item = TypeVar("Item")


@dataclass(frozen=True)
class Story:
    """What happens before the camera. Lengths and places are frames.

    Attributes:
        frames: how many are handed out.
        away_every, away: the person leaves for the last ``away`` of every ``away_every``.
        blink_every, blink: the same for short absences, which are bridged.
        guest_every, guest: a second person is there in the first ``guest`` of every ``guest_every``, from the second
            time on.
        break_every, break_s: the stream breaks every so many frames for so long.
        burst: how many frames come at once after a break.
    """

    frames: int = HOUR_FRAMES
    away_every: int = 2400
    away: int = 300
    blink_every: int = 500
    blink: int = 6
    guest_every: int = 3000
    guest: int = 900
    break_every: int = 3600
    break_s: float = 3.0
    burst: int = 5

    def people(self, index: int) -> list[int]:
        """Who is in the picture."""
        here = index % self.away_every < self.away_every - self.away
        here = here and index % self.blink_every < self.blink_every - self.blink
        guest = index >= self.guest_every and index % self.guest_every < self.guest
        return [0] * here + [1] * guest

    def time_s(self, index: int) -> float:
        """Capture time."""
        return index / RATE_HZ + index // self.break_every * self.break_s

    def waits(self, index: int) -> bool:
        """Whether this frame is handed out only when the one before it was taken."""
        return index < self.break_every or index % self.break_every >= self.burst


class HurriedSource(Source):
    """A live source as fast as the pipeline.

    Args:
        story: what happens.

    Attributes:
        handed: frames handed out so far.
        walk_px: float32 [N, 17, 2], COCO-17 keypoints of the walker.
    """

    def __init__(self, story: Story) -> None:
        super().__init__()
        self._story = story
        width, height = SIZE_PX
        walker = SyntheticSource(SyntheticOptions(_WALK_FRAMES, RATE_HZ, width, height))
        there = np.stack([walker.truth_coco_px(index) for index in range(_WALK_FRAMES)])
        self.walk_px: F32 = np.concatenate([there, there[::-1]])
        drawn = SyntheticSource(SyntheticOptions(_PICTURES, RATE_HZ, width, height))
        self._pictures = [frame.image for frame in drawn]
        self._info = SourceInfo("hurried walker", "synthetic", width, height, RATE_HZ, None, True, None, 0.0)
        self._changed = threading.Condition()
        self._newest_taken, self._taken, self._rows = -1, 0, 0
        self.handed = 0

    def __iter__(self) -> Iterator[Frame]:
        """Frames, each when there is room for it.

        Raises:
            SourceError: there was no room for a long time.
        """
        for index in range(self._story.frames):
            if self._story.waits(index):
                self._wait()
            if self._closed:
                return
            self.handed += 1
            yield Frame(index, self._story.time_s(index), self._pictures[index % _PICTURES])

    def _wait(self) -> None:
        with self._changed:
            room = self._changed.wait_for(lambda: self._closed or self._has_room(), _PATIENCE_S)
        if not room:
            raise SourceError(f"nobody took frame {self.handed - 1} for {_PATIENCE_S:g} s; the pipeline is stuck")

    def _has_room(self) -> bool:
        return self._newest_taken == self.handed - 1 and self._taken - self._rows < _MOST_UNDER_WAY

    def taken(self, index: int) -> None:
        """The pipeline has begun with this frame."""
        with self._changed:
            self._newest_taken, self._taken = index, self._taken + 1
            self._changed.notify_all()

    def row_done(self) -> None:
        """A frame has got its row."""
        with self._changed:
            self._rows += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End an iteration that is under way."""
        with self._changed:
            super().close()
            self._changed.notify_all()


class TellingComposer(Composer):
    """Draws, and tells the source which frames were taken: every frame that is not dropped passes ``shrink``.

    Args:
        source: the frames.
        draw_every: of so many pictures one is drawn, the others stay as the last one drawn.
    """

    def __init__(self, source: HurriedSource, draw_every: int = 1) -> None:
        super().__init__(*SIZE_PX)
        self._source, self._draw_every = source, draw_every
        self._pictures, self._last = 0, np.zeros((0, 0, 3), np.uint8)

    def draw(self, shown: Shown, status: Status) -> U8:
        """As the composer's, but not each time."""
        if self._pictures % self._draw_every == 0:
            self._last = super().draw(shown, status)
        self._pictures += 1
        return self._last

    def shrink(self, frame: Frame) -> Frame:
        """As the composer's."""
        self._source.taken(frame.index)
        return super().shrink(frame)


class NoisyTruth(Detector):
    """A detector that knows the walk; wrists and ankles are missing now and then."""

    def __init__(self, source: HurriedSource, story: Story) -> None:
        self._walk_px, self._story = source.walk_px, story
        self._noise_px = np.random.default_rng(0).normal(0.0, _NOISE_PX, (_NOISE_FRAMES, len(COCO_17), 2))
        self._ends = [COCO_17.index(f"{side}_{joint}") for side in "lr" for joint in ("wrist", "ankle")]

    def __call__(self, frame: Frame) -> list[Pose2D]:
        """The people whom the story has in this frame."""
        return [self._pose(frame, track_id) for track_id in self._story.people(frame.index)]

    def _pose(self, frame: Frame, track_id: int) -> Pose2D:
        at = frame.index + track_id * _WALK_FRAMES // 2
        xy = self._walk_px[at % len(self._walk_px)] + self._noise_px[at % _NOISE_FRAMES]
        score, origin = np.full(len(COCO_17), _SCORE, np.float32), np.full(len(COCO_17), Origin.MEASURED, np.uint8)
        if at % _NOISE_FRAMES < len(self._ends):
            joint = self._ends[at % _NOISE_FRAMES]
            xy[joint], score[joint], origin[joint] = np.nan, 0.0, Origin.MISSING
        box = np.concatenate([np.nanmin(xy, 0), np.nanmax(xy, 0)])
        return Pose2D(frame.index, frame.time_s, track_id, xy.astype(np.float32), score, box.astype(np.float32), origin)

    def reset(self) -> None:
        """Nothing to forget: where people are hangs on the number of the frame alone."""


class FlatLifter:
    """Stands in for a network: the window's own keypoints, without depth."""

    spec = LifterSpec(27, 13, previews=True)

    @property
    def models(self) -> dict[str, LoadedModel]:
        """None."""
        return {}

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Settled poses."""
        return [self._flat(window, self.spec.lookahead, True) for window in windows]

    def lift_with_previews(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled poses and previews."""
        return self(windows), [self._flat(window, lookahead, False) for window in newest]

    def _flat(self, window: Window, lookahead: int, settled: bool) -> Pose3D:
        xyz: F32 = window.keypoints[self.spec.window - 1 - lookahead] * np.array([1, 1, 0], np.float32)
        xyz = xyz - xyz[0]
        return Pose3D(
            window.track_id, window.target_index, window.target_time_s, xyz, window.score, window.origin, settled
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """What the process holds after so many rows.

    Attributes:
        rows: rows so far.
        rss_mb: resident memory in 10^6 bytes.
        blocks: pieces of memory given out by Python's allocator.
        threads, handles: how many there are.
        wall_s, cpu_s: since the run began; CPU time is that of all threads.
    """

    rows: int
    rss_mb: float
    blocks: int
    threads: int
    handles: int
    wall_s: float
    cpu_s: float


@dataclass
class Endured:
    """What came of a run.

    Attributes:
        handed, dropped: frames.
        rows: frames with rows.
        in_order: whether their frame numbers only grew.
        row_per_frame: whether row n was that of frame n, as it must be where nothing was dropped.
        pictures: how many were drawn.
        samples: in order.
        before: threads and handles before the run.
        after: and after it.
    """

    handed: int = 0
    dropped: int = 0
    rows: int = 0
    in_order: bool = True
    row_per_frame: bool = True
    pictures: int = 0
    samples: list[Sample] = field(default_factory=list)
    before: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)

    @property
    def growth_mb(self) -> float:
        """Median memory of the last quarter of the samples less that of the second quarter."""
        return growth([sample.rss_mb for sample in self.samples])

    @property
    def blocks_per_frame(self) -> float:
        """The same of the blocks, per frame between the middles of both quarters."""
        return growth([sample.blocks for sample in self.samples]) / (self.rows / 2)

    def counts(self, quarter: int) -> tuple[int, int]:
        """Most threads and handles in a quarter of the samples, 0 to 3."""
        part = _quarter(self.samples, quarter)
        return max(sample.threads for sample in part), max(sample.handles for sample in part)

    def problems(self, limit_mb: float) -> list[str]:
        """What is not as it must be, in words."""
        found = []
        if self.rows != self.handed - self.dropped:
            found.append(f"{self.rows} rows for {self.handed} frames, {self.dropped} of them dropped")
        if not self.in_order:
            found.append("rows are not in order")
        if self.growth_mb > limit_mb:
            found.append(f"memory grew by {self.growth_mb:.1f} MB")
        for name, early, late in zip(("threads", "handles"), self.counts(1), self.counts(3), strict=True):
            if late > early:
                found.append(f"{name} grew from {early} to {late}")
        for name, early, late in zip(("threads", "handles"), self.before, self.after, strict=True):
            if late > early:
                found.append(f"{late - early} {name} were left behind")
        return found


def growth(values: Sequence[float]) -> float:
    """Median of the last quarter less the median of the second quarter."""
    return float(np.median(_quarter(values, 3)) - np.median(_quarter(values, 1)))


def _quarter(values: Sequence[Item], number: int) -> Sequence[Item]:
    """The quarter 0 to 3 of the values; never empty where there are values."""
    first, end = len(values) * number // 4, len(values) * (number + 1) // 4
    return values[first : max(end, first + 1)]


def rss_mb() -> float:
    """Resident memory of this process in 10^6 bytes."""
    pages = int((_PROC / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MEGABYTE


def threads_and_handles() -> tuple[int, int]:
    """How many threads and open file handles this process has, those of libraries too."""
    # the listing itself holds one
    return len(list((_PROC / "task").iterdir())), len(list((_PROC / "fd").iterdir())) - 1


def endure(
    story: Story,
    lifter: PreviewLifter,
    options: RunOptions,
    sample_every: int,
    write: Callable[[Rows], None] | None = None,
    draw_every: int = 1,
) -> Endured:
    """Run the story, after a short one that does not count.

    Args:
        story: what happens.
        lifter: the network or a stand-in.
        options: of the run.
        sample_every: rows between two samples.
        write: also gets the rows of each frame.
        draw_every: of so many pictures one is drawn.

    Raises:
        PoseStrideError: what a room could not do.
    """
    own = threading.active_count()
    _play(Story(_WARM_UP_FRAMES), lifter, options, draw_every, lambda _: None)
    endured = Endured(before=_when_ended(own))
    started_s, cpu_s, newest = time.perf_counter(), time.process_time(), -1

    def take(rows: Rows) -> None:
        nonlocal newest
        endured.in_order &= rows.frame_index > newest
        endured.row_per_frame &= rows.frame_index == endured.rows
        newest = rows.frame_index
        endured.rows += 1
        if write is not None:
            write(rows)
        if endured.rows % sample_every == 0:
            gc.collect()  # also empties Python's own free lists, which fill for a thousand frames and are no growth
            spent = time.perf_counter() - started_s, time.process_time() - cpu_s
            held = rss_mb(), sys.getallocatedblocks(), *threads_and_handles()
            endured.samples.append(Sample(endured.rows, *held, *spent))

    endured.handed, statistics = _play(story, lifter, options, draw_every, take)
    endured.dropped, endured.pictures = statistics.dropped, statistics.pictures
    endured.after = _when_ended(own)
    return endured


def _play(
    story: Story, lifter: PreviewLifter, options: RunOptions, draw_every: int, take: Callable[[Rows], None]
) -> tuple[int, Statistics]:
    """Give the rows of each frame to ``take``; returns how many frames were handed out, and the run's own counts."""
    source = HurriedSource(story)
    composer = TellingComposer(source, draw_every)
    pipeline = Pipeline(source, NoisyTruth(source, story), lifter, options, drawer=composer)

    def take_and_tell(rows: Rows) -> None:
        take(rows)
        source.row_done()

    statistics = pipeline.run(take_and_tell)
    return source.handed, statistics


def _when_ended(threads: int) -> tuple[int, int]:
    """Python's threads and the handles, when no more than these threads are left, or after a while.

    Threads of libraries do not count here: a pool may be opened at any time, once; ``Sample`` shows whether it grows.
    """
    due_s = time.monotonic() + _ENDING_S
    while threading.active_count() > threads and time.monotonic() < due_s:
        time.sleep(0.01)
    return threading.active_count(), threads_and_handles()[1]


def table(endured: Endured) -> str:
    """One line per sample: how it stands, and what a frame cost since the sample before."""
    lines = [f"{'rows':>8}{'RSS MB':>10}{'blocks':>10}{'threads':>9}{'handles':>9}{'ms/frame':>10}{'CPU ms':>9}"]
    before = Sample(0, 0.0, 0, 0, 0, 0.0, 0.0)
    for now in endured.samples:
        frames = now.rows - before.rows
        wall_ms, cpu_ms = (1000 * (now.wall_s - before.wall_s) / frames, 1000 * (now.cpu_s - before.cpu_s) / frames)
        lines.append(
            f"{now.rows:>8}{now.rss_mb:>10.1f}{now.blocks:>10}{now.threads:>9}{now.handles:>9}"
            f"{wall_ms:>10.3f}{cpu_ms:>9.3f}"
        )
        before = now
    return "\n".join(lines)


def verdict(endured: Endured, limit_mb: float) -> str:
    """The run in a few lines."""
    media_s = endured.handed / RATE_HZ
    wall_s = endured.samples[-1].wall_s * endured.handed / endured.samples[-1].rows
    problems = endured.problems(limit_mb)
    return "\n".join(
        [
            f"{endured.handed} frames handed out ({media_s / 60:.1f} min at {RATE_HZ:g} Hz in {wall_s / 60:.1f} min), "
            f"{endured.dropped} dropped, {endured.rows} rows, {endured.pictures} pictures",
            f"memory: {endured.growth_mb:+.1f} MB and {endured.blocks_per_frame:+.3f} blocks per frame from the second "
            "quarter to the last (medians)",
            f"threads and handles before the run {endured.before}, after it {endured.after}",
            "flat, nothing left behind" if not problems else "NOT as it must be: " + "; ".join(problems),
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Run, print the table and the verdict; 1 if something grew.

    Raises:
        PoseStrideError: the run failed, or a file can't be written.
    """
    parser = new_parser("bench_endurance", __doc__)
    parser.add_argument("--frames", type=int, default=HOUR_FRAMES, help="default: %(default)s, one hour")
    parser.add_argument("--sample-every", type=int, default=10_000, metavar="ROWS", help="default: %(default)s")
    parser.add_argument("--lifter", metavar="NAME", help="a lifter of weights/ (default: a stand-in without a network)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the lifter, default %(default)s")
    parser.add_argument("--smooth", default="light", help="as for run, default %(default)s")
    parser.add_argument("--detect-every", type=int, default=1, help="as for run, default %(default)s")
    parser.add_argument("--draw-every", type=int, default=1, metavar="N", help="draw one of N pictures, default 1")
    parser.add_argument("--limit-mb", type=float, default=5.0, help="growth that still counts as flat, default 5")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write poses3d.csv, wide, as run does")
    options = parser.parse_args(arguments)
    if not (_PROC / "statm").is_file():
        parser.error("this benchmark reads /proc/self/statm, which this system does not have")
    if not 4 <= 4 * options.sample_every <= options.frames:
        parser.error("--sample-every must leave at least four samples in --frames")
    lifter: PreviewLifter = FlatLifter()
    if options.lifter is not None:
        lifter = WindowLifter(OnnxNetwork(find_card(options.lifter, LifterCard), CPU, options.threads))
    run = RunOptions(smooth=options.smooth, detect_every=options.detect_every, preview_lookahead=0)
    with ExitStack() as stack:
        progress = stack.enter_context(tqdm(total=options.frames, unit="frame", disable=quiet()))
        sinks = [] if options.csv is None else [stack.enter_context(CsvPoses3D(options.csv, wide=True))]

        def write(rows: Rows) -> None:
            progress.update()
            for sink in sinks:
                sink.write(rows)

        endured = endure(Story(options.frames), lifter, run, options.sample_every, write, options.draw_every)
    print(table(endured))
    print(verdict(endured, options.limit_mb))
    problems = endured.problems(options.limit_mb)
    about = {"lifter": options.lifter or "stand-in", "run": asdict(run)}
    growth_of = {"growth_mb": endured.growth_mb, "blocks_per_frame": endured.blocks_per_frame}
    write_figures(options.json, {**about, **asdict(endured), **growth_of, "problems": problems})
    return 1 if problems else 0


if __name__ == "__main__":
    start(main)
