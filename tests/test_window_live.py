"""The real program on a real display (Xvfb) and a real MJPEG stream, as its user meets it."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import av
import cv2
import pytest

import app
from pipeline.arrays import U8
from tests.helpers.http_video import Plan, http_video
from tests.helpers.leaks import wait_until
from tests.helpers.xvfb import Display, needs_xdotool, needs_xvfb, xvfb

ROOT = Path(app.__file__).parent
TITLE = "PoseStride"
SIZE_PX = (320, 240)
LIMIT_S = 60.0

pytestmark = [needs_xvfb, needs_xdotool]


class Program:
    """``app.py run`` on a stream, as a process."""

    def __init__(self, process: subprocess.Popen[bytes], display: Display, folder: Path) -> None:
        self.process, self.display, self.folder = process, display, folder

    def press(self, *keys: str) -> None:
        """Press keys one after the other, as a person does."""
        for key in keys:
            self.display.type(TITLE, key)
            time.sleep(0.1)

    def shows(self, condition: Callable[[U8], bool]) -> bool:
        """Whether the screen comes to look so; the window is in its upper left corner and has the picture's size."""
        return wait_until(lambda: condition(self.display.picture()[:240, :560]), LIMIT_S)

    def window(self) -> int:
        """The number of the window's process, which is waited for."""
        assert wait_until(lambda: self._window() is not None)
        found = self._window()
        assert found is not None
        return found

    def _window(self) -> int | None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and b"window_main" in (folder / "cmdline").read_bytes():
                    return int(folder.name)
            except OSError:  # it has ended meanwhile
                continue
        return None

    def end(self, how: int | None = None) -> int:
        """Send a signal, if there is one to send; the exit code."""
        if how is not None:
            self.process.send_signal(how)
        return self.process.wait(LIMIT_S)

    @property
    def errors(self) -> str:
        return (self.folder / "stderr.txt").read_text()

    @property
    def report(self) -> dict:
        return json.loads((self.folder / "out" / "run.json").read_text())

    def times_s(self) -> list[float]:
        """Of the frames in poses3d.csv, all of which are complete."""
        with (self.folder / "out" / "poses3d.csv").open(newline="") as file:
            times_s = [float(row["time_s"]) for row in csv.DictReader(file)]
        assert len(times_s) % 17 == 0
        return times_s[::17]


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    with xvfb(tmp_path_factory.mktemp("xvfb")) as started:
        yield started


@contextmanager
def program(display: Display, folder: Path, *words: str) -> Iterator[Program]:
    with (
        http_video(Plan(rate_hz=25, sizes_px=(SIZE_PX,)), path="/mjpeg") as address,
        (folder / "stderr.txt").open("wb") as stderr,
        (folder / "stdout.txt").open("wb") as stdout,
        subprocess.Popen(
            [
                *(sys.executable, "app.py", "run", address, "--out", str(folder / "out")),
                *("--detector", "fast", "--device", "cpu", "--threads", "1", *words),
            ],
            cwd=ROOT,
            env={**os.environ, "DISPLAY": display.name, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        ) as process,
    ):
        try:
            yield Program(process, display, folder)
        finally:
            process.kill()


def streaming(shown: U8) -> bool:
    """The picture of the stream: red in the lower left corner, green in the lower right one."""
    left, right = shown[200, 20].astype(int), shown[200, 300].astype(int)
    return bool(left[2] > left[:2].max() + 100 and right[1] > right[[0, 2]].max() + 100)


def test_the_window_shows_the_stream_and_obeys_its_keys(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path) as run:
        assert run.shows(streaming)

        def help_is_shown(shown: U8) -> bool:
            """White words on the panel, which is on the right and has none in its middle."""
            return bool((shown[60:180, 330:540].min(-1) > 200).sum() > 200)

        assert not help_is_shown(display.picture())
        run.press("h")
        assert run.shows(help_is_shown)
        run.press("h", "s", "r")
        assert wait_until(lambda: (tmp_path / "out" / "recording_0001.mp4.part").exists())
        time.sleep(1.0)  # of film
        run.press("r", "q")
        assert run.end() == 0, run.errors
    report = run.report
    assert report["status"] == "complete" and report["counts"]["frames"] == len(run.times_s()) > 0
    assert report["timings"]["screen_ms_median"] > 0
    snapshot = cv2.imread(str(tmp_path / "out" / "snapshot_0001.png"))
    assert snapshot.shape == (240, 560, 3) and streaming(snapshot)  # type: ignore[arg-type, union-attr]
    with av.open(str(tmp_path / "out" / "recording_0001.mp4")) as film:
        pictures = [frame.to_ndarray(format="bgr24") for frame in film.decode(video=0)]
    assert pictures and streaming(pictures[-1])  # type: ignore[arg-type]
    assert not list((tmp_path / "out").glob("*.part"))
    assert run.errors.splitlines() == ["running on cpu"]
    printed = (tmp_path / "stdout.txt").read_text()
    assert all(str(tmp_path / "out" / name) in printed for name in ("snapshot_0001.png", "recording_0001.mp4"))


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_keep_rows_and_a_playable_video(display: Display, tmp_path: Path, how: int, code: int) -> None:
    with program(display, tmp_path, "--record") as run:
        assert run.shows(streaming)
        window = run.window()
        assert run.end(how) == code, run.errors
        assert wait_until(lambda: not Path(f"/proc/{window}").exists())
    assert run.report["status"] == "interrupted" and len(run.times_s()) == run.report["counts"]["frames"] > 0
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) > 0


@pytest.mark.parametrize("how", [(signal.SIGHUP, signal.SIGHUP), (signal.SIGTERM, *[signal.SIGINT] * 20)])
def test_signals_that_come_more_than_once_lose_nothing(display: Display, tmp_path: Path, how: tuple[int, ...]) -> None:
    """``timeout`` and a terminal that is closed send theirs twice."""
    with program(display, tmp_path, "--record") as run:
        assert run.shows(streaming)
        for number in how:
            run.process.send_signal(number)
            time.sleep(0.01)
        assert run.end() == 128 + how[0], run.errors
    counts = run.report["counts"]
    assert run.report["status"] == "interrupted" and "error" not in run.report
    assert len(run.times_s()) == counts["frames"] == counts["pictures"] + counts["not_drawn"] > 0
    with av.open(str(tmp_path / "out" / "overlay.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == counts["pictures"] - counts["not_recorded"]
    assert not list((tmp_path / "out").glob("*.part"))


def test_a_closed_terminal_ends_the_run_in_order(display: Display, tmp_path: Path) -> None:
    with http_video(Plan(rate_hz=25, sizes_px=(SIZE_PX,)), path="/mjpeg") as address:
        words = ["app.py", "run", address, "--out", str(tmp_path / "out"), "--detector", "fast", "--device", "cpu"]
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(ROOT)
            os.execve(sys.executable, [sys.executable, *words], {**os.environ, "DISPLAY": display.name})
        try:
            assert wait_until(lambda: streaming(display.picture()[:240, :560]), LIMIT_S)
            os.close(terminal)
            _, status = os.waitpid(child, 0)
        finally:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(status) == 129
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"


def test_a_window_that_crashes_does_not_touch_the_run(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path, "--end", "6") as run:
        assert run.shows(streaming)
        os.kill(run.window(), signal.SIGKILL)
        assert run.end() == 0, run.errors
    assert run.report["status"] == "complete" and run.times_s()[-1] > 5
    assert run.errors.count("the window is gone (its process ended with code -9); the run goes on without it") == 1


def test_a_window_that_hangs_does_not_touch_the_run(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path, "--end", "6") as run:
        assert run.shows(streaming)
        window = run.window()
        os.kill(window, signal.SIGSTOP)
        assert run.end() == 0, run.errors
        assert wait_until(lambda: not Path(f"/proc/{window}").exists())
    assert run.report["status"] == "complete" and run.times_s()[-1] > 5


def test_when_the_run_is_killed_its_window_goes_too(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path) as run:
        assert run.shows(streaming)
        window = run.window()
        run.end(signal.SIGKILL)
        assert wait_until(lambda: not Path(f"/proc/{window}").exists())


def test_a_closed_window_ends_the_run(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path) as run:
        assert run.shows(streaming)
        display.close_window(TITLE)
        assert run.end() == 0, run.errors
    assert run.report["status"] == "complete" and run.times_s()


def test_a_window_that_is_closed_while_the_run_sleeps_ends_it(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path) as run:
        assert run.shows(streaming)
        run.process.send_signal(signal.SIGSTOP)
        display.close_window(TITLE)
        time.sleep(0.5)
        assert run.end(signal.SIGCONT) == 0, run.errors
    assert run.report["status"] == "complete" and "window" not in run.errors


def test_a_window_that_is_closed_while_the_models_load_ends_the_run(display: Display, tmp_path: Path) -> None:
    with program(display, tmp_path) as run:
        display.close_window(TITLE)  # which waits for it
        assert run.end() == 0, run.errors
    assert run.report["status"] == "complete" and "is gone" not in run.errors


@contextmanager
def silent_display() -> Iterator[Display]:
    """A display server that takes connections and never answers, as over a network that has gone."""
    for number in range(700, 800):
        with socket.socket() as server:
            try:
                server.bind(("127.0.0.1", 6000 + number))
            except OSError:
                continue
            server.listen()
            yield Display(f"127.0.0.1:{number}", Path("none"))
            return
    raise AssertionError("no port is free")


def test_a_window_that_does_not_open_is_given_up(tmp_path: Path) -> None:
    with silent_display() as display, program(display, tmp_path, "--end", "1") as run:
        assert run.end() == 0, run.errors
    assert f"no window: a window on DISPLAY={display.name} did not open within 10 s" in run.errors
    assert run.report["status"] == "complete" and run.times_s()


@pytest.mark.parametrize(("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_are_heard_while_the_window_opens(tmp_path: Path, how: int, code: int) -> None:
    with silent_display() as display, program(display, tmp_path) as run:
        window = run.window()
        started = time.monotonic()
        assert run.end(how) == code, run.errors
        assert time.monotonic() - started < 5
        assert wait_until(lambda: not Path(f"/proc/{window}").exists())
    assert "no window" not in run.errors


LIBRARY = """
import av, sys, time
import numpy as np
from pipeline.render.display import open_window
from pipeline.render.screen import Screen

with Screen(open_window("PoseStride")) as screen:
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[:, :160], picture[:, 160:] = (0, 0, 220), (0, 200, 0)
    end_s = time.monotonic() + 30
    command = None
    while command is None and time.monotonic() < end_s:
        screen.show(picture.copy())
        command = screen.wait(0.05)
    print(command.name)
"""


def test_a_program_that_imports_pyav_first_may_use_the_library(display: Display, tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(LIBRARY)
    environment = {**os.environ, "DISPLAY": display.name, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, script], cwd=tmp_path, env=environment, stdout=subprocess.PIPE) as process:
        try:
            run = Program(process, display, tmp_path)
            assert run.shows(streaming)
            run.press("q")
            assert process.communicate(timeout=LIMIT_S)[0] == b"QUIT\n"
        finally:
            process.kill()
