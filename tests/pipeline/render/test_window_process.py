"""The window's process, and the memory and the messages between it and the run."""

from __future__ import annotations

import logging
import os
import platform
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.errors import DisplayError
from pipeline.render import window_process
from pipeline.render.keys import CLOSED
from pipeline.render.shared_pictures import SharedPictures
from pipeline.render.window_messages import Channel, Ended, Kind, Message
from pipeline.render.window_process import WindowProcess
from tests.helpers.leaks import child_processes, wait_until
from tests.helpers.xvfb import Display, needs_xdotool, needs_xvfb, xvfb

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.skipif(platform.system() != "Linux", reason="only Linux has the window in its own process")


def picture(level: int, height_px: int = 240, width_px: int = 320) -> U8:
    return np.full((height_px, width_px, 3), level, np.uint8)


def open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.fixture
def shared() -> Iterator[tuple[SharedPictures, SharedPictures]]:
    """The memory as its writer and as its reader see it."""
    writer = SharedPictures()
    reader = SharedPictures(os.dup(writer.descriptor))
    yield writer, reader
    reader.close()
    writer.close()


def test_pictures_of_any_size_arrive(shared: tuple[SharedPictures, SharedPictures]) -> None:
    writer, reader = shared
    for level, size in enumerate([(240, 320), (1, 1), (1080, 3000), (0, 7), (240, 320)]):
        number = writer.put(picture(level, *size))
        found = reader.get(number)
        assert number == level + 1 and found is not None
        assert found.shape == (*size, 3) and (found == level).all()


def test_a_picture_that_was_overtaken_is_not_given_half_new(shared: tuple[SharedPictures, SharedPictures]) -> None:
    writer, reader = shared
    first = writer.put(picture(1))
    writer.put(picture(2))
    found = reader.get(first)
    assert found is not None and (found == 1).all()  # its place is the last that the writer comes to
    writer.put(picture(3))
    assert reader.get(first) is None


def test_what_was_got_is_a_copy(shared: tuple[SharedPictures, SharedPictures]) -> None:
    writer, reader = shared
    found = reader.get(writer.put(picture(1)))
    for level in (2, 3, 4):
        writer.put(picture(level))
    assert found is not None and (found == 1).all()


def test_a_python_without_memfd_has_pictures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that uv and conda bring are built for C libraries that lack it."""
    monkeypatch.delattr(os, "memfd_create")
    with closing(SharedPictures()) as pictures:
        found = pictures.get(pictures.put(picture(7)))
        assert found is not None and (found == 7).all()


def test_memory_that_can_not_be_had_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    before = open_files()
    monkeypatch.setattr("mmap.mmap", full)
    with pytest.raises(DisplayError, match="Cannot allocate memory"):
        WindowProcess("PoseStride")
    assert open_files() == before


def test_a_picture_that_is_too_large_is_refused(shared: tuple[SharedPictures, SharedPictures]) -> None:
    with pytest.raises(ValueError, match="at most 64 MiB"):
        shared[0].put(np.broadcast_to(np.uint8(0), (5000, 5000, 3)))


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Channel]]:
    ends = [Channel(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)]
    yield ends[0], ends[1]
    for end in ends:
        end.close()


def test_messages_come_whole_and_in_order(channels: tuple[Channel, Channel]) -> None:
    run, window = channels
    sent = [Message(Kind.KEY, -(2**40)), Message(Kind.SHOWN, 7, 0.125), Message(Kind.CLOSED)]
    assert all(window.send(message) for message in sent)
    run.wait(10.0)
    assert list(run.messages()) == sent
    assert list(run.messages()) == []


def test_who_does_not_listen_stops_nobody(channels: tuple[Channel, Channel]) -> None:
    run, window = channels
    told = 0
    while run.send(Message(Kind.PICTURE, told + 1)):
        told += 1
        assert told < 100_000
    assert [message.number for message in window.messages()] == list(range(1, told + 1))
    assert run.send(Message(Kind.PICTURE, told + 1))


@pytest.mark.parametrize("unread", [False, True])
def test_the_end_is_noticed_after_what_was_said_before(channels: tuple[Channel, Channel], unread: bool) -> None:
    """Linux tells of a reset first where the one that ended had not read all."""
    run, window = channels
    if unread:
        run.send(Message(Kind.PICTURE, 1))
    window.send(Message(Kind.CLOSED))
    window.close()
    messages = run.messages()
    assert next(messages) == Message(Kind.CLOSED)
    with pytest.raises(Ended):
        next(messages)
    with pytest.raises(Ended):
        run.send(Message(Kind.PICTURE, 1))
    assert run.has_ended(10.0)


def test_the_window_never_imports_pyav() -> None:
    """The reason why it is a process of its own, see ``window_process``."""
    words = "import sys, pipeline.render.window_main; print(sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, check=True, text=True)
    assert "'cv2'" in done.stdout and "'av'" not in done.stdout


@pytest.fixture(scope="module")
def display(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Display]:
    with xvfb(tmp_path_factory.mktemp("xvfb")) as started:
        yield started


def window_process_id() -> int:
    """Of the one window that is open."""
    (process_id,) = child_processes("pipeline.render.window_main")
    return process_id


@pytest.fixture
def window(display: Display, monkeypatch: pytest.MonkeyPatch) -> Iterator[WindowProcess]:
    monkeypatch.setenv("DISPLAY", display.name)
    opened = WindowProcess("PoseStride")
    yield opened
    opened.close()


@needs_xvfb
def test_the_newest_picture_wins_and_its_delay_is_told(window: WindowProcess, display: Display) -> None:
    for level in range(1, 200):
        window.show(picture(level))
    assert wait_until(lambda: window.key(5) == -1 and bool((display.picture()[:240, :320] == 199).all()))
    delays_s = window.delays_s()
    assert len(delays_s) < 199 and all(0 < delay_s < 10 for delay_s in delays_s)
    assert delays_s and window.delays_s() == []


@needs_xvfb
def test_a_window_that_hangs_is_told_of_once_and_may_come_back(
    window: WindowProcess, display: Display, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(window_process, "OPEN_LIMIT_S", 0.3)
    process_id = window_process_id()
    os.kill(process_id, signal.SIGSTOP)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for number in range(3000):  # more than the channel holds
            window.show(picture(number % 100))
            assert window.key(0) == -1
        assert wait_until(lambda: window.key(10) == -1 and len(caplog.records) > 0)
        window.show(picture(250))
        os.kill(process_id, signal.SIGCONT)
        assert wait_until(lambda: window.key(10) == -1 and bool((display.picture()[:240, :320] == 250).all()))
    assert [record.message for record in caplog.records] == [
        "the window has shown no picture for 0 s; the run goes on without it"
    ]
    assert time.monotonic() - started < 30


@needs_xvfb
def test_a_window_that_crashes_is_told_of_once(window: WindowProcess, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        os.kill(window_process_id(), signal.SIGKILL)
        assert wait_until(lambda: window.key(1) == -1 and len(caplog.records) > 0)
        for _ in range(3):
            window.show(picture(1))
            assert window.key(1) == -1
    assert [record.message for record in caplog.records] == [
        "the window is gone (its process ended with code -9); the run goes on without it, Ctrl-C ends it"
    ]


@needs_xvfb
@needs_xdotool
def test_a_window_that_is_closed_between_two_looks_is_closed_and_not_lost(
    window: WindowProcess, display: Display, caplog: pytest.LogCaptureFixture
) -> None:
    display.close_window("PoseStride")
    time.sleep(0.3)
    for _ in range(3):
        window.show(picture(1))
    assert wait_until(lambda: window.key(10) == CLOSED) and not caplog.records


@needs_xvfb
@needs_xdotool
def test_keys_and_the_end_arrive_however_late_somebody_listens(window: WindowProcess, display: Display) -> None:
    display.type("PoseStride", "q")
    time.sleep(0.5)  # keys of the same moment count as one
    display.type("PoseStride", *["a"] * 300)
    display.close_window("PoseStride")
    time.sleep(0.5)
    keys = [window.key(10)]
    while keys[-1] not in (-1, CLOSED):
        keys.append(window.key(10))
    assert keys[0] == ord("q")
    assert wait_until(lambda: window.key(10) == CLOSED)


@needs_xvfb
def test_nothing_is_left_open(display: Display, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    before = open_files()
    for _ in range(3):
        opened = WindowProcess("PoseStride")
        opened.show(picture(1))
        process_id = window_process_id()
        opened.close()
        opened.close()
        opened.show(picture(1))
        with pytest.raises(ProcessLookupError):
            os.kill(process_id, 0)
    monkeypatch.setenv("DISPLAY", ":64123")
    with pytest.raises(DisplayError):
        WindowProcess("PoseStride")
    assert open_files() == before


def test_a_process_that_can_not_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = open_files()
    with pytest.raises(DisplayError, match="its process can't be started"):
        WindowProcess("PoseStride")
    assert open_files() == before


def test_the_users_folder_does_not_reach_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files there may be called like modules of Python."""
    (tmp_path / "types.py").write_text("raise RuntimeError('mine')")
    (tmp_path / "numpy.py").write_text("raise RuntimeError('mine')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISPLAY", ":64123")
    with pytest.raises(DisplayError) as caught:
        WindowProcess("PoseStride")
    assert "mine" not in str(caught.value) and "display" in str(caught.value)
