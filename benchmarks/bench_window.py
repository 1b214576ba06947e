"""How late a picture is on the screen, by a window in the run's process and by one in its own.

    python -m benchmarks.bench_window [--size 1000x360] [--pictures 300] [--rounds 3] [--json FILE]

Needs Linux and Xvfb, whose screen is a file that can be looked at. Each way shows pictures at 30 per second in turn, in
rounds; medians and 95th percentiles over all of them, in milliseconds: ``busy`` until the run's thread goes on,
``seen`` until the last pixel of the picture is on the screen.
"""

from __future__ import annotations

import argparse
import mmap
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measuring import new_parser, size_px, start, write_figures
from pipeline.errors import DeviceError
from pipeline.render.cv_window import CvWindow
from pipeline.render.display import open_window
from pipeline.render.screen import Screen, Window

_RATE_HZ = 30.0
_LIMIT_S = 2.0
_FIRST = 10
_SCREEN = (1920, 1080)
_LARGEST = (1600, 840)  # windows begin no larger
_WAYS = ("inside", "own process")


@dataclass(frozen=True)
class Delays:
    """Milliseconds until the caller goes on, and until the picture is on the screen."""

    busy_ms: float
    seen_ms: float


@dataclass(frozen=True)
class Row:
    """Medians and 95th percentiles of one kind of window."""

    window: str
    pictures: int
    busy_ms_median: float
    busy_ms_p95: float
    seen_ms_median: float
    seen_ms_p95: float

    def line(self) -> str:
        """Of the table."""
        figures = self.busy_ms_median, self.busy_ms_p95, self.seen_ms_median, self.seen_ms_p95
        return f"{self.window:14}" + "".join(f"{figure:8.2f}" for figure in figures)


def row_of(window: str, delays: Sequence[Delays]) -> Row:
    """The figures of all pictures of a window."""
    busy_ms, seen_ms = [one.busy_ms for one in delays], [one.seen_ms for one in delays]
    busy, seen = (map(float, np.percentile(times_ms, [50, 95])) for times_ms in (busy_ms, seen_ms))
    return Row(window, len(delays), *busy, *seen)


@contextmanager
def xvfb(folder: Path) -> Iterator[str]:
    """An Xvfb with its screen in a file in the folder; gives the display's name.

    Raises:
        DeviceError: there is no Xvfb, or it does not start.
    """
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{_SCREEN[0]}x{_SCREEN[1]}x24", "-nolisten", "tcp"]
    if shutil.which(command[0]) is None:
        raise DeviceError("this benchmark needs Xvfb (Debian: apt-get install xvfb)")
    with subprocess.Popen([*command, "-fbdir", str(folder)], pass_fds=(write,), stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            ready, _, _ = select.select([read], [], [], 30.0)
            number = os.read(read, 16).decode().strip() if ready else ""
            if not number:
                raise DeviceError("Xvfb did not start")
            yield f":{number}"
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


def measure(window: Window, screen_file: ScreenFile, size: tuple[int, int], count: int) -> Iterator[Delays]:
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
                yield Delays(1000 * busy_s, 1000 * seen_s)
            time.sleep(max(0.0, started_s + 1 / _RATE_HZ - time.perf_counter()))


def _in_fresh_process(options: argparse.Namespace, way: str, display: str, screen_file: Path) -> list[Delays]:
    width, height = options.size
    words = ["--size", f"{width}x{height}", "--pictures", str(options.pictures), "--way", way]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench_window", *words, "--screen", str(screen_file)],
        env={**os.environ, "DISPLAY": display},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [Delays(*map(float, line.split())) for line in done.stdout.splitlines()]


def main(arguments: list[str] | None = None) -> None:
    """Measure both ways in turn, each in a fresh process, and print a table.

    Raises:
        PoseStrideError: there is no Xvfb, or the figures can't be written.
    """
    parser = new_parser("bench_window", __doc__)
    parser.add_argument(
        "--size", type=size_px, default=(1000, 360), help="default: 1000x360, 640x360 with its 3D panel"
    )
    parser.add_argument("--pictures", type=int, default=300, help="in each round, default %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    parser.add_argument("--way", choices=_WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--screen", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.pictures <= _FIRST or options.rounds < 1:
        parser.error(f"--pictures must be more than {_FIRST}, which do not count, and --rounds at least 1")
    if options.way:
        window = CvWindow("bench") if options.way == _WAYS[0] else open_window("bench")
        for delays in measure(window, ScreenFile(options.screen), options.size, options.pictures):
            print(delays.busy_ms, delays.seen_ms)
        return
    found: dict[str, list[Delays]] = {way: [] for way in _WAYS}
    with tempfile.TemporaryDirectory() as folder, xvfb(Path(folder)) as display:
        for _ in range(options.rounds):
            for way in _WAYS:
                found[way] += _in_fresh_process(options, way, display, Path(folder, "Xvfb_screen0"))
    width, height = options.size
    inside, own = rows = [row_of(way, found[way]) for way in _WAYS]
    print(f"{width}x{height}, {inside.pictures} pictures each, OpenCV {cv2.__version__}, ms")
    print(f"{'window':14}{'busy':>8}{'95 %':>8}{'seen':>8}{'95 %':>8}")
    for row in rows:
        print(row.line())
    later_ms = own.seen_ms_median - inside.seen_ms_median
    print(f"in its own process a picture is seen {later_ms:+.2f} ms later (median)")
    write_figures(options.json, {"width_px": width, "height_px": height, "rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    start(main)
