"""Time of drawing and writing, per frame: ``python benchmarks/bench_render.py``.

Prints medians in milliseconds of wall clock and the mean CPU time, over all threads, of the same calls. The frames are
drawn here (a figure that moves over a patterned ground), so nothing outside the repository is needed; ``--video`` takes
the pictures from a file instead, which compresses as real video does.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.arrays import U8
from pipeline.export.csv_poses2d import CsvPoses2D
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.export.npz import NpzPoses3D
from pipeline.export.video import VideoSink
from pipeline.render.compose import Composer
from pipeline.render.overlay import draw_pose2d
from pipeline.render.panel import Panel
from pipeline.types import Frame, Pose2D, Pose3D

RATE_HZ = 30.0
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


def poses(count: int, width: int, height: int) -> tuple[list[Pose2D], list[Pose3D]]:
    """A person who sways, two thirds of the picture high."""
    score, origin = np.full(17, 0.7, np.float32), np.zeros(17, np.uint8)
    flat, solid = [], []
    for n in range(count):
        sway = np.float32(0.2 * np.sin(n / 9))
        centre = np.array([width / 2, height / 2], np.float32)
        xy = (FLAT_M + np.array([sway, 0], np.float32)) * np.float32(height * 0.4) + centre
        flat.append(Pose2D(n, n / RATE_HZ, 0, xy, score, np.array([*xy.min(0), *xy.max(0)], np.float32), origin))
        turn = np.array([[np.cos(sway), 0, np.sin(sway)], [0, 1, 0], [-np.sin(sway), 0, np.cos(sway)]], np.float32)
        solid.append(Pose3D(0, n, n / RATE_HZ, BODY_M @ turn, score, origin, True))
    return flat, solid


def pictures(count: int, width: int, height: int, video: Path | None) -> list[U8]:
    """``count`` pictures, at most 30 different ones."""
    made: list[U8] = []
    if video is not None:
        capture = cv2.VideoCapture(str(video))
        while len(made) < min(count, 30):
            found, image = capture.read()
            if not found:
                break
            made.append(np.asarray(cv2.resize(image, (width, height)), np.uint8))
        capture.release()
        if not made:
            raise SystemExit(f"can't read {video}; name a video file that OpenCV can open")
    else:
        noise = np.random.default_rng(0).integers(60, 190, (height // 8 + 8, width // 8 + 8, 3), dtype=np.uint8)
        ground = cv2.resize(noise, None, fx=8, fy=8, interpolation=cv2.INTER_CUBIC)
        made = [np.ascontiguousarray(ground[n : n + height, n : n + width]) for n in range(min(count, 30))]
    return [made[n % len(made)] for n in range(count)]


def measure(name: str, count: int, step: Callable[[int], object]) -> tuple[str, float, float]:
    """Name, median wall clock and mean CPU time of ``step(n)``, milliseconds."""
    for n in range(3):
        step(n)
    wall_ms = []
    cpu_s = time.process_time()
    for n in range(3, count):
        start_s = time.perf_counter()
        step(n)
        wall_ms.append((time.perf_counter() - start_s) * 1000)
    return name, statistics.median(wall_ms), (time.process_time() - cpu_s) * 1000 / len(wall_ms)


def run(width: int, height: int, count: int, video: Path | None) -> list[tuple[str, float, float]]:
    """All rows of the table for one picture size."""
    images = pictures(count, width, height, video)
    flat, solid = poses(count, width, height)
    panel = Panel(height, height)
    space = np.empty((height, height, 3), np.uint8)
    composer = Composer(width, height)
    frames = [Frame(n, n / RATE_HZ, image) for n, image in enumerate(images)]
    composed = [composer.compose(frames[n], [flat[n]], [solid[n]], RATE_HZ, "settled") for n in range(min(count, 30))]
    canvas = images[0].copy()
    rows = [
        measure("overlay", count, lambda n: draw_pose2d(canvas, flat[n])),
        measure("3D panel", count, lambda n: panel.draw(space, [solid[n]])),
        measure(
            "compose (all drawing)",
            count,
            lambda n: composer.compose(frames[n], [flat[n]], [solid[n]], 30.0, "settled"),
        ),
    ]
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        with CsvPoses3D(out / "a.csv") as tidy, CsvPoses3D(out / "b.csv", wide=True) as wide:
            rows.append(measure("CSV 3D, tidy", count, lambda n: tidy.write(solid[n])))
            rows.append(measure("CSV 3D, wide", count, lambda n: wide.write(solid[n])))
        with CsvPoses2D(out / "c.csv") as tidy2d, NpzPoses3D(out / "d.npz") as npz:
            rows.append(measure("CSV 2D, tidy", count, lambda n: tidy2d.write(flat[n])))
            rows.append(measure("NPZ", count, lambda n: npz.write(solid[n])))
        for preset in ("ultrafast", "superfast", "veryfast"):
            path = out / f"{preset}.mp4"
            sink = VideoSink(path, *composer.output_size, RATE_HZ, preset=preset)
            row = measure("", count, lambda n, to=sink: to.write((n / RATE_HZ, composed[n % len(composed)])))  # type: ignore[misc]
            start_s = time.perf_counter()
            sink.close()
            close_ms = (time.perf_counter() - start_s) * 1000
            mbit_s = path.stat().st_size * 8e-6 / (count / RATE_HZ)
            rows.append((f"video, {preset}: {mbit_s:.1f} Mbit/s, close {close_ms:.0f} ms", *row[1:]))
    return rows


def main() -> None:
    """Parse the options, measure, print the table."""
    parser = argparse.ArgumentParser(description="Time of drawing and writing, per frame.")
    parser.add_argument("--size", default="1280x720", help="picture size, default %(default)s")
    parser.add_argument("--frames", type=int, default=90, help="frames per measurement, default %(default)s")
    parser.add_argument("--video", type=Path, help="take the pictures from this file")
    options = parser.parse_args()
    width, height = (int(part) for part in options.size.split("x"))
    cv2.setNumThreads(1)
    print(f"{width} x {height}, {options.frames} frames, OpenCV on one thread")
    print(f"{'stage':<52}{'median ms':>11}{'CPU ms':>9}")
    for name, wall_ms, cpu_ms in run(width, height, max(options.frames, 10), options.video):
        print(f"{name:<52}{wall_ms:>11.2f}{cpu_ms:>9.2f}")


if __name__ == "__main__":
    main()
