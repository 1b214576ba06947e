"""How late a picture is on the screen, by a window in the run's process and by one in its own.

    python -m benchmarks.bench_window [--size 1000x360] [--pictures 300]

Needs Linux and Xvfb, whose screen is a file that can be looked at. Each way shows pictures at 30 per second in turn, in
rounds; medians and 95th percentiles over all of them, in milliseconds: ``busy`` until the run's thread goes on,
``seen`` until the last pixel of the picture is on the screen.
"""

from __future__ import annotations

import argparse
import mmap
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from pipeline.render.cv_window import CvWindow
from pipeline.render.display import open_window
from pipeline.render.screen import Screen, Window

_ROUNDS = 3
_RATE_HZ = 30.0
_LIMIT_S = 2.0
_FIRST = 10
_SCREEN = (1920, 1080)
_LARGEST = (1600, 840)  # windows begin no larger
_WAYS = ("inside", "own process")

Times = tuple[float, float]
"""Milliseconds until the caller goes on, and until the picture is on the screen."""


@contextmanager
def xvfb(folder: Path) -> Iterator[str]:
    """An Xvfb with its screen in a file in the folder; gives the display's name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{_SCREEN[0]}x{_SCREEN[1]}x24", "-nolisten", "tcp"]
    with subprocess.Popen([*command, "-fbdir", str(folder)], pass_fds=(write,), stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            ready, _, _ = select.select([read], [], [], 30.0)
            yield f":{os.read(read, 16).decode().strip()}" if ready else ""
        finally:
            os.close(read)
            server.terminate()


class ScreenFile:
    """The screen of Xvfb (an X window dump of 32 bits per pixel, X11/XWDFile.h)."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        head = np.frombuffer(self._map[:100], ">u4").astype(int)
        self._start, self._row_bytes = int(head[0] + 12 * head[19]), int(head[12])

    def level(self, x_px: int, y_px: int) -> int:
        """Blue of a pixel."""
        return self._map[self._start + y_px * self._row_bytes + 4 * x_px]


def measure(window: Window, screen_file: ScreenFile, size: tuple[int, int], count: int) -> Iterator[Times]:
    """The times of each picture but the first ones."""
    width, height = size
    pattern = np.random.default_rng(0).integers(0, 40, (height, width, 3), np.uint8)
    fit = min(1.0, _LARGEST[0] / width, _LARGEST[1] / height)
    last_px = round(width * fit) - 2, round(height * fit) - 2
    with Screen(window) as screen:
        screen.say("", 0)
        for number in range(count):
            level = (80, 160)[number % 2]
            picture = pattern + np.uint8(level)
            started_s = time.perf_counter()
            screen.show(picture)
            busy_s = time.perf_counter() - started_s
            while abs(screen_file.level(*last_px) - level) > 42 and time.perf_counter() < started_s + _LIMIT_S:
                time.sleep(0.0001)
                if time.perf_counter() > started_s + 0.05:  # the window in this process works only when it is asked
                    screen.wait(0)
            seen_s = time.perf_counter() - started_s
            if number >= _FIRST:
                yield 1000 * busy_s, 1000 * seen_s
            time.sleep(max(0.0, started_s + 1 / _RATE_HZ - time.perf_counter()))


def parse() -> argparse.Namespace:
    """Options of the command line."""
    parser = argparse.ArgumentParser(description="How late a picture is on the screen.")
    parser.add_argument("--size", default="1000x360", help="of the pictures (default: 640x360 with its 3D panel)")
    parser.add_argument("--pictures", type=int, default=300, help="in each round")
    parser.add_argument("--way", choices=_WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--screen", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure both ways in turn, each in a fresh process, and print a table."""
    options = parse()
    width, height = map(int, options.size.split("x"))
    if options.way:
        window = CvWindow("bench") if options.way == _WAYS[0] else open_window("bench")
        for busy_ms, seen_ms in measure(window, ScreenFile(options.screen), (width, height), options.pictures):
            print(busy_ms, seen_ms)
        return
    found: dict[str, list[Times]] = {way: [] for way in _WAYS}
    with tempfile.TemporaryDirectory() as folder, xvfb(Path(folder)) as display:
        for _ in range(_ROUNDS):
            for way in _WAYS:
                words = [*("--size", options.size, "--pictures", str(options.pictures)), *("--way", way)]
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.bench_window", *words, "--screen", f"{folder}/Xvfb_screen0"],
                    env={**os.environ, "DISPLAY": display},
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                rows = ([float(word) for word in line.split()] for line in done.stdout.splitlines())
                found[way] += [(busy_ms, seen_ms) for busy_ms, seen_ms in rows]
    print(f"{options.size}, {len(found[_WAYS[0]])} pictures each, OpenCV {cv2.__version__}, ms")
    print(f"{'window':14}{'busy':>8}{'95 %':>8}{'seen':>8}{'95 %':>8}")
    for way, times_ms in found.items():
        table = np.percentile(np.array(times_ms), [50, 95], axis=0).T.ravel()
        print(f"{way:14}" + "".join(f"{figure:8.2f}" for figure in table))
    inside, own = (float(np.median(np.array(found[way])[:, 1])) for way in _WAYS)
    print(f"in its own process a picture is seen {own - inside:+.2f} ms later (median)")


if __name__ == "__main__":
    main()
