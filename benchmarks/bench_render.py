"""Time of drawing and writing, per frame.

    python -m benchmarks.bench_render [--size 1280x720] [--frames 90] [--video FILE] [--json FILE]

Prints medians in milliseconds of wall clock and the mean CPU time, over all threads, of the same calls. The frames are
drawn here (a figure that moves over a patterned ground), so nothing outside the repository is needed; ``--video`` takes
the pictures from a file instead, which compresses as real video does.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measuring import new_parser, size_px, start, write_figures
from pipeline.arrays import U8
from pipeline.errors import SourceError
from pipeline.export.csv_poses2d import CsvPoses2D
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.export.npz import NpzPoses3D
from pipeline.export.video import VideoSink
from pipeline.render.compose import Composer
from pipeline.render.overlay import draw_pose2d
from pipeline.render.panel import Panel
from pipeline.render.status import Status
from pipeline.skeletons import COCO_17
from pipeline.types import Frame, Person, Pose2D, Pose3D, Rows, Shown, Tier

RATE_HZ = 30.0
PRESETS = ("ultrafast", "superfast", "veryfast")
"""Of the video encoder."""
LEAST_FRAMES = 10
_WARM_UP = 3
_MOST_PICTURES = 30

# A standing figure, metres, camera axes, Human3.6M-17 and COCO-17 order.
BODY_M = np.array(
    [
        *[(0, 0, 0), (-0.11, 0, 0), (-0.12, 0.42, 0.02), (-0.12, 0.84, 0.1)],
        *[(0.11, 0, 0), (0.12, 0.42, -0.02), (0.12, 0.84, -0.1)],
        *[(0, -0.24, 0), (0, -0.48, 0), (0, -0.55, -0.08), (0, -0.7, -0.02)],
        *[
            (0.18, -0.46, 0),
            (0.25, -0.2, 0.05),
            (0.28, 0.04, -0.02),
            (-0.18, -0.46, 0),
            (-0.25, -0.2, -0.05),
            (-0.28, 0.04, -0.1),
        ],
    ],
    np.float32,
)
FLAT_M = np.array(
    [
        *[(0, -0.6), (0.03, -0.63), (-0.03, -0.63), (0.07, -0.61), (-0.07, -0.61)],
        *[(0.18, -0.46), (-0.18, -0.46), (0.25, -0.2), (-0.25, -0.2), (0.28, 0.04), (-0.28, 0.04)],
        *[(0.11, 0), (-0.11, 0), (0.12, 0.42), (-0.12, 0.42), (0.12, 0.84), (-0.12, 0.84)],
    ],
    np.float32,
)


def people(count: int, width: int, height: int) -> list[Person]:
    """A person who sways, two thirds of the picture high; one value per frame."""
    score, origin = np.full(len(COCO_17), 0.7, np.float32), np.zeros(len(COCO_17), np.uint8)
    found = []
    for n in range(count):
        sway = np.float32(0.2 * np.sin(n / 9))
        centre = np.array([width / 2, height / 2], np.float32)
        xy = (FLAT_M + np.array([sway, 0], np.float32)) * np.float32(height * 0.4) + centre
        flat = Pose2D(n, n / RATE_HZ, 0, xy, score, np.array([*xy.min(0), *xy.max(0)], np.float32), origin)
        turn = np.array([[np.cos(sway), 0, np.sin(sway)], [0, 1, 0], [-np.sin(sway), 0, np.cos(sway)]], np.float32)
        found.append(Person(flat, Pose3D(0, n, n / RATE_HZ, BODY_M @ turn, score, origin, True)))
    return found


def pictures(count: int, width: int, height: int, video: Path | None) -> list[U8]:
    """``count`` pictures, at most 30 different ones.

    Raises:
        SourceError: the file can't be read.
    """
    made: list[U8] = []
    if video is not None:
        capture = cv2.VideoCapture(str(video))
        while len(made) < min(count, _MOST_PICTURES):
            found, image = capture.read()
            if not found:
                break
            made.append(np.asarray(cv2.resize(image, (width, height)), np.uint8))
        capture.release()
        if not made:
            raise SourceError(f"can't read {video}; name a video file that OpenCV can open")
    else:
        noise = np.random.default_rng(0).integers(60, 190, (height // 8 + 8, width // 8 + 8, 3), dtype=np.uint8)
        ground = cv2.resize(noise, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
        made = [np.ascontiguousarray(ground[n : n + height, n : n + width]) for n in range(min(count, _MOST_PICTURES))]
    return [made[n % len(made)] for n in range(count)]


@dataclass(frozen=True)
class Stage:
    """What one stage takes, per frame.

    Attributes:
        name: of the stage.
        ms_median: wall clock.
        cpu_ms_mean: of all threads.
        mbit_s, close_ms: of a video: what it takes on the disk, and until the file is closed.
    """

    name: str
    ms_median: float
    cpu_ms_mean: float
    mbit_s: float | None = None
    close_ms: float | None = None

    def line(self) -> str:
        """Of the table."""
        more = "" if self.mbit_s is None else f": {self.mbit_s:.1f} Mbit/s, close {self.close_ms:.0f} ms"
        return f"{self.name + more:<52}{self.ms_median:>11.2f}{self.cpu_ms_mean:>9.2f}"


def measure(name: str, count: int, step: Callable[[int], object]) -> Stage:
    """Time ``step(n)``; the first frames do not count."""
    for n in range(_WARM_UP):
        step(n)
    wall_ms = []
    cpu_s = time.process_time()
    for n in range(_WARM_UP, count):
        start_s = time.perf_counter()
        step(n)
        wall_ms.append((time.perf_counter() - start_s) * 1000)
    return Stage(name, statistics.median(wall_ms), (time.process_time() - cpu_s) * 1000 / len(wall_ms))


def measure_video(path: Path, preset: str, pictures: Sequence[U8], count: int) -> Stage:
    """Write ``count`` pictures to a video."""
    height, width = pictures[0].shape[:2]
    sink = VideoSink(path, width, height, RATE_HZ, preset=preset)
    stage = measure(f"video, {preset}", count, lambda n: sink.write((n / RATE_HZ, pictures[n % len(pictures)])))
    start_s = time.perf_counter()
    sink.close()
    close_ms = (time.perf_counter() - start_s) * 1000
    return replace(stage, mbit_s=path.stat().st_size * 8e-6 / (count / RATE_HZ), close_ms=close_ms)


def run(width: int, height: int, count: int, video: Path | None) -> list[Stage]:
    """All rows of the table for one picture size."""
    images = pictures(count, width, height, video)
    swaying = people(count, width, height)
    rows_of = [Rows(n, n / RATE_HZ, (person,)) for n, person in enumerate(swaying)]
    panel = Panel(height, height)
    space = np.empty((height, height, 3), np.uint8)
    composer = Composer(width, height)
    frames = [Frame(n, n / RATE_HZ, image) for n, image in enumerate(images)]
    shown = [Shown(frame, (person,), Tier.SETTLED) for frame, person in zip(frames, swaying, strict=True)]
    status = Status(RATE_HZ, Tier.SETTLED.value)

    def compose(n: int) -> U8:
        return composer.draw(shown[n], status)

    composed = [compose(n) for n in range(min(count, _MOST_PICTURES))]
    canvas = images[0].copy()
    rows = [
        measure("overlay", count, lambda n: draw_pose2d(canvas, swaying[n].pose2d)),
        measure("3D panel", count, lambda n: panel.draw(space, [swaying[n].pose3d])),
        measure("compose (all drawing)", count, compose),
    ]
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        with CsvPoses3D(out / "a.csv") as tidy, CsvPoses3D(out / "b.csv", wide=True) as wide:
            rows.append(measure("CSV 3D, tidy", count, lambda n: tidy.write(rows_of[n])))
            rows.append(measure("CSV 3D, wide", count, lambda n: wide.write(rows_of[n])))
        with CsvPoses2D(out / "c.csv") as tidy2d, NpzPoses3D(out / "d.npz") as npz:
            rows.append(measure("CSV 2D, tidy", count, lambda n: tidy2d.write(rows_of[n])))
            rows.append(measure("NPZ", count, lambda n: npz.write(rows_of[n])))
        rows += [measure_video(out / f"{preset}.mp4", preset, composed, count) for preset in PRESETS]
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Parse the options, measure, print the table.

    Raises:
        PoseStrideError: the video can't be read, or the figures can't be written.
    """
    parser = new_parser("bench_render", __doc__)
    parser.add_argument("--size", type=size_px, default=(1280, 720), help="picture size, default: 1280x720")
    parser.add_argument("--frames", type=int, default=90, help="frames per measurement, default %(default)s")
    parser.add_argument("--video", type=Path, metavar="FILE", help="take the pictures from this file")
    options = parser.parse_args(arguments)
    if options.frames < LEAST_FRAMES:
        parser.error(f"--frames must be at least {LEAST_FRAMES}")
    width, height = options.size
    cv2.setNumThreads(1)
    print(f"{width} x {height}, {options.frames} frames, OpenCV on one thread")
    print(f"{'stage':<52}{'median ms':>11}{'CPU ms':>9}")
    stages = run(width, height, options.frames, options.video)
    for stage in stages:
        print(stage.line())
    figures = {"width_px": width, "height_px": height, "frames": options.frames}
    write_figures(options.json, {**figures, "rows": [asdict(stage) for stage in stages]})


if __name__ == "__main__":
    start(main)
