"""The real window of OpenCV, on a display without a screen."""

from __future__ import annotations

import os
import platform
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.arrays import U8
from pipeline.errors import DisplayError
from pipeline.render.display import open_window
from pipeline.skeletons import COCO_17
from tests.helpers.leaks import wait_until
from tests.helpers.show_window import SIZE_PX, TITLE, picture
from tests.helpers.xvfb import Display, needs_xdotool, needs_xvfb, parse_xwd, xvfb
from tests.pipeline.render.bodies import body2d, hue

ROOT = Path(__file__).parents[3]
LIMIT_S = 60.0
only_linux = pytest.mark.skipif(platform.system() != "Linux", reason="display servers are a matter of Linux")


class Program:
    """``show_window`` on a display."""

    def __init__(self, process: subprocess.Popen[bytes], display: Display) -> None:
        self._process, self.display = process, display

    def send(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order.encode() + b"\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], LIMIT_S)
        assert ready, "no answer"
        return self._process.stdout.readline().decode().strip()

    def obey(self, *orders: str) -> str:
        """Send orders; the answer to the last one."""
        said = ""
        for order in orders:
            self.send(order)
            said = self.answer()
        return said

    def libraries(self) -> str:
        """What the program has loaded."""
        return Path(f"/proc/{self._process.pid}/maps").read_text()

    def press(self, key: str, order: str = "key") -> str:
        """Which command a key press leads to while the program shows its picture."""
        self.send(order)
        self.display.type(TITLE, key)
        return self.answer()

    def shown(self) -> U8:
        """The part of the screen where the window is: it has the picture's size, and no window manager moves it."""
        height, width = picture().shape[:2]
        return self.display.picture()[:height, :width]

    def shows(self, expected: U8) -> bool:
        """Whether this picture comes to the screen, nearly: a window may draw half a pixel off."""
        return self.comes_to(lambda shown: float(difference(shown, expected).mean()) < 2.0)

    def comes_to(self, condition: Callable[[U8], bool], order: str = "show") -> bool:
        """Whether the screen comes to look so while the program works: Qt paints only then."""

        def now() -> bool:
            self.obey(order)
            return condition(self.shown())

        return wait_until(now)


def difference(a: U8, b: U8) -> NDArray[np.int_]:
    return np.abs(a.astype(int) - b)


@contextmanager
def running(display: Display, folder: Path, kind: str) -> Iterator[Program]:
    errors = folder / "stderr.txt"
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "tests.helpers.show_window", kind],
            cwd=ROOT,
            env={**os.environ, "DISPLAY": display.name, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        ) as process,
    ):
        try:
            yield Program(process, display)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(LIMIT_S) == 0, errors.read_text()
        finally:
            process.kill()
    assert "QFontDatabase" not in errors.read_text()


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    with xvfb(tmp_path_factory.mktemp("xvfb")) as started:
        yield started


@pytest.fixture(params=["process", "inside"])
def program(request: pytest.FixtureRequest, display: Display, tmp_path: Path) -> Iterator[Program]:
    """The window in a process of its own, PyAV being imported; and the one in the program itself."""
    with running(display, tmp_path, request.param) as started:
        yield started


@pytest.fixture(scope="module", params=["process", "inside"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The same, started once on a display of its own, for tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp(request.param)
    with xvfb(folder) as display, running(display, folder, request.param) as started:
        yield started


def red_pixels(image: U8) -> int:
    blue, green, red = np.moveaxis(image.astype(int), -1, 0)
    return int(((red > 180) & (green < 100) & (blue < 100)).sum())


@needs_xvfb
def test_the_screen_shows_the_picture_and_its_skeleton(shared: Program) -> None:
    assert shared.obey("say") == "none"
    assert shared.shows(picture())
    pose, shown = body2d(*SIZE_PX), shared.shown()
    for side, expected in (("l", "left"), ("r", "right")):
        thigh = (pose.xy_px[COCO_17.index(f"{side}_hip")] + pose.xy_px[COCO_17.index(f"{side}_knee")]) / 2
        assert hue(shown, thigh) == expected


@needs_xvfb
def test_the_badge_and_a_message_come_to_the_screen(program: Program) -> None:
    program.obey("say")
    assert program.shows(picture()) and red_pixels(program.shown()) == 0
    program.obey("say saved snapshot_0001.png", "recording")
    assert program.comes_to(lambda shown: red_pixels(shown[:40, -200:]) > 20)
    rows, columns = np.nonzero(difference(program.shown(), picture()).max(-1) > 60)
    upper = rows < 40
    assert upper.any() and (~upper).any()
    assert columns[upper].min() > picture().shape[1] - 200
    assert rows[~upper].min() > picture().shape[0] - 40 and columns[~upper].max() < 300


@needs_xvfb
def test_before_the_first_picture_the_window_says_that_it_waits(program: Program) -> None:
    program.obey("say")
    assert program.comes_to(lambda shown: bool((shown[160:200, 200:440].max(-1) > 140).any()), "idle")


@needs_xvfb
@needs_xdotool
def test_a_closed_window_is_the_wish_to_quit_and_is_not_opened_again(program: Program) -> None:
    program.obey("say")
    assert program.shows(picture())
    program.display.close_window(TITLE)
    assert wait_until(lambda: program.obey("wait") == "QUIT")
    assert [program.obey(order) for order in ("show", "wait", "key")] == ["QUIT"] * 3

    def gone(shown: U8) -> bool:
        return not (shown == (90, 140, 110)).all(-1).any()

    assert program.comes_to(gone)
    program.obey(*["show"] * 20)
    assert gone(program.shown())


@needs_xvfb
@pytest.mark.skipif(find_library("X11-xcb") is None, reason="needs libX11-xcb (Debian: apt-get install libx11-xcb1)")
def test_qt_is_given_the_systems_libx11_xcb(display: Display, tmp_path: Path) -> None:
    """With the one of OpenCV's wheels some windows stay black, too rarely to be tested."""
    with running(display, tmp_path, "inside") as program:
        program.obey("show")
        assert "/libX11-xcb.so.1" in program.libraries()


@needs_xvfb
@needs_xdotool
def test_keys_reach_the_program(shared: Program) -> None:
    shared.obey("say")
    assert shared.shows(picture())
    pressed = [shared.press(key) for key in ("r", "s", "m", "space", "question", "Escape", "q", "Q")]
    assert pressed == ["RECORD", "SNAPSHOT", "MIRROR", "PAUSE", "HELP", "QUIT", "QUIT", "QUIT"]
    assert shared.press("m", "wait") == "MIRROR"
    assert shared.press("question") == "HELP"
    assert shared.shows(picture())  # the help is gone again


@needs_xvfb
@needs_xdotool
def test_arrow_keys_are_not_taken_for_letters(shared: Program) -> None:
    """Their X11 codes end in the codes of Q, R and S."""
    shared.obey("say")
    assert shared.shows(picture())
    shared.send("key")
    shared.display.type(TITLE, "Left", "Up", "Right")
    shared.display.type(TITLE, "m")
    assert shared.answer() == "MIRROR"


@needs_xvfb
@needs_xdotool
def test_the_help_is_shown_and_hidden_by_its_key(shared: Program) -> None:
    shared.obey("say")
    assert shared.shows(picture())
    assert shared.press("h") == "HELP"

    def changed(shown: U8) -> NDArray[np.bool_]:
        return np.asarray(difference(shown, picture()).max(-1) > 40, np.bool_)

    # Only its letters count: its plate is as dark as the panel under it.
    assert shared.comes_to(lambda shown: float(changed(shown).mean()) > 0.005)
    rows, columns = np.nonzero(changed(shared.shown()))
    height, width = picture().shape[:2]
    assert abs(rows.mean() - height / 2) < 20 and columns.min() > SIZE_PX[0] and columns.max() < width
    assert shared.press("h") == "HELP"
    assert shared.shows(picture())


@only_linux
def test_without_a_display_the_problem_is_named() -> None:
    with pytest.raises(DisplayError, match=r"^no display server \(DISPLAY is not set\)$"):
        open_window(TITLE)


@only_linux
@pytest.mark.parametrize(("display", "wayland"), [(":64123", None), (None, "wayland-64123")])
def test_a_display_that_does_not_answer_ends_nothing(
    display: str | None, wayland: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Qt would end the whole process."""
    for name, value in (("DISPLAY", display), ("WAYLAND_DISPLAY", wayland)):
        if value is not None:
            monkeypatch.setenv(name, value)
    with pytest.raises(DisplayError, match=f"DISPLAY={display or ''} can't be opened: "):
        open_window(TITLE)


def test_an_opencv_without_windows_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.getBuildInformation", lambda: "  GUI:                           NONE\n")
    with pytest.raises(DisplayError, match="opencv-python-headless"):
        open_window(TITLE)


def test_a_window_dump_is_parsed() -> None:
    head = np.zeros(25, ">u4")
    head[[0, 1, 4, 5, 11, 12, 14, 19]] = 104, 7, 2, 1, 32, 12, 0xFF0000, 1
    dump = head.tobytes() + b"name" + bytes(12) + bytes([1, 2, 3, 0, 4, 5, 6, 0]) + bytes(4)
    assert parse_xwd(dump).tolist() == [[[1, 2, 3], [4, 5, 6]]]
