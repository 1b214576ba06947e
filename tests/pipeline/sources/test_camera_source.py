"""The camera, with a stand-in for the capture device and for the clock."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources import Backoff, CameraSource, LiveOptions, LivePhase, camera, link
from tests.helpers.leaks import reader_threads, wait_until
from tests.helpers.video import U8, numbered_image, read_number

PATIENT = LiveOptions(patience_s=5.0)
QUICK = LiveOptions(patience_s=0.3)
AGAIN = LiveOptions(patience_s=0.5, reconnect=True, backoff=Backoff(0.01, 0.05, 10.0, 5.0))


class FakeClock:
    """A clock that stands still unless a picture moves it."""

    def __init__(self, step_s: float = 0.04) -> None:
        self.now_s = 1000.0
        self.step_s = step_s

    def __call__(self) -> float:
        return self.now_s


class FakeCapture:
    """Delivers its pictures one by one (None = a failed read, an event = a read that blocks), then fails for ever."""

    def __init__(
        self,
        images: Sequence[U8 | threading.Event | None],
        clock: FakeClock,
        *,
        opened: bool = True,
        fps: float = 25.0,
        driver_delay_s: float | None = None,
    ) -> None:
        self.images = list(images)
        self.clock = clock
        self.opened = opened
        self.fps = fps
        self.driver_delay_s = driver_delay_s
        self.released = 0
        self.asked: list[tuple[int, float]] = []

    def isOpened(self) -> bool:
        return self.opened

    def set(self, key: int, value: float) -> bool:
        self.asked.append((key, value))
        return True

    def get(self, key: int) -> float:
        if key == cv2.CAP_PROP_POS_MSEC:
            return 0.0 if self.driver_delay_s is None else 1000 * (self.clock.now_s - self.driver_delay_s)
        return self.fps

    def read(self) -> tuple[bool, U8 | None]:
        image = self.images.pop(0) if self.images else None
        if isinstance(image, threading.Event):
            assert image.wait(20)
            image = None
        elif image is not None or self.images:
            self.clock.now_s += self.clock.step_s
        return image is not None, image

    def release(self) -> None:
        self.released += 1


@pytest.fixture(autouse=True)
def no_thread_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(link, "_IDLE_S", 60.0)  # a busy machine may take its time between opening and reading
    yield
    assert wait_until(lambda: not reader_threads())


def open_fake(
    capture: FakeCapture, end_s: float | None = None, options: LiveOptions = PATIENT, *later: FakeCapture
) -> CameraSource:
    captures = [capture, *later]
    return CameraSource(
        0,
        end_s=end_s,
        options=options,
        open_capture=lambda _: captures.pop(0) if captures else FakeCapture([], capture.clock, opened=False),
        clock=capture.clock,
    )


def test_frames_carry_the_capture_clock_from_zero() -> None:
    capture = FakeCapture([numbered_image(n) for n in range(10)], FakeClock(0.04))
    source = open_fake(capture, end_s=0.18)
    assert source.info.live and source.info.kind == "camera" and source.info.frame_count is None
    assert (source.info.width_px, source.info.height_px, source.info.fps) == (128, 96, 25.0)
    assert source.state.phase is LivePhase.STREAMING
    frames = list(source)
    assert [read_number(frame.image) for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])
    assert source.state.phase is LivePhase.ENDED
    assert capture.released == 1


def test_the_driver_s_time_of_capture_is_taken_where_it_is_on_our_clock() -> None:
    capture = FakeCapture([numbered_image(n) for n in range(10)], FakeClock(0.04), driver_delay_s=0.03)
    source = open_fake(capture)
    frame = next(iter(source))
    assert frame.time_s == 0.0
    assert source.age_s >= 0.03
    source.close()
    other_clock = FakeCapture([numbered_image(n) for n in range(10)], FakeClock(0.04), driver_delay_s=500.0)
    source = open_fake(other_clock)
    next(iter(source))
    assert source.age_s < 1.0
    source.close()


def test_times_increase_on_a_clock_that_stands_still() -> None:
    capture = FakeCapture([numbered_image(n) for n in range(5)], FakeClock(0.0))
    times = []
    source = open_fake(capture)
    for frame in source:
        times.append(frame.time_s)
        if len(times) == 5:
            source.close()
    assert all(later > earlier for earlier, later in pairwise(times))
    assert capture.released == 1


def test_a_failed_read_is_tried_again() -> None:
    images = [numbered_image(0), None, None, numbered_image(1), numbered_image(2)]
    capture = FakeCapture(images, FakeClock(0.1))
    frames = list(open_fake(capture, end_s=0.35))
    assert [read_number(frame.image) for frame in frames] == [0, 1]
    assert frames[1].time_s == pytest.approx(0.3)


def test_a_camera_that_stops_is_an_error_after_its_frames() -> None:
    capture = FakeCapture([numbered_image(n) for n in range(3)], FakeClock(0.1))
    seen: list[int] = []
    with pytest.raises(SourceError, match=r"camera 0 delivers no pictures .*`reconnect`"):
        seen.extend(frame.index for frame in open_fake(capture, None, QUICK))
    assert seen == [0, 1, 2]
    assert capture.released == 1


def test_a_camera_without_a_first_picture() -> None:
    capture = FakeCapture([], FakeClock(0.1))
    with pytest.raises(SourceError, match="camera 0 delivers no pictures"):
        open_fake(capture, None, QUICK)
    assert capture.released == 1


def test_a_read_that_blocks_in_the_driver_does_not_hang_the_run() -> None:
    release = threading.Event()
    capture = FakeCapture([numbered_image(0), numbered_image(1), release], FakeClock(0.1))
    try:
        seen: list[int] = []
        with pytest.raises(SourceError, match="camera 0 delivers no pictures"):
            seen.extend(frame.index for frame in open_fake(capture, None, QUICK))
        assert seen == [0, 1] and capture.released == 0
    finally:
        release.set()
    assert wait_until(lambda: capture.released == 1)


def test_an_unplugged_camera_comes_back_with_reconnect() -> None:
    clock = FakeClock(0.04)
    first = FakeCapture([numbered_image(n) for n in range(3)], clock)
    absent = FakeCapture([], clock, opened=False)
    second = FakeCapture([numbered_image(n, 64, 48) for n in range(3, 6)], clock)
    source = open_fake(first, None, AGAIN, absent, second)
    frames = []
    for frame in source:
        frames.append(frame)
        if len(frames) == 6:
            break
    assert [read_number(frame.image) for frame in frames[:3]] == [0, 1, 2]
    assert [frame.index for frame in frames] == list(range(6))
    assert all(later.time_s > earlier.time_s for earlier, later in pairwise(frames))
    assert {frame.image.shape for frame in frames} == {(96, 128, 3)}
    assert source.state.reconnects == 1
    source.close()
    assert any("opening it again" in warning for warning in source.warnings)
    assert any("64x48" in warning for warning in source.warnings)
    assert (first.released, absent.released, second.released) == (1, 1, 1)


def test_a_camera_that_can_not_be_opened() -> None:
    capture = FakeCapture([], FakeClock(), opened=False)
    with pytest.raises(SourceError, match="can't open camera 0") as caught:
        open_fake(capture)
    assert "\n" not in str(caught.value)
    assert capture.released == 1


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux shows who uses a device")
def test_a_busy_camera_names_the_program(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    with device.open():
        users = camera._users_of(device)
    assert len(users) == 1 and f"(process {os.getpid()})" in users[0]
    assert camera._users_of(device) == []


def test_device_paths(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"there is no camera /dev/video987; "):
        CameraSource("/dev/video987", options=QUICK)
    with pytest.raises(SourceError, match="/dev/null is no camera"):
        CameraSource("/dev/null", options=QUICK)


def test_what_is_asked_of_the_camera_and_what_it_gives() -> None:
    options = LiveOptions(width_px=1280, height_px=720, fps=60.0)
    capture = FakeCapture([numbered_image(n) for n in range(3)], FakeClock())
    source = open_fake(capture, None, options)
    source.close()
    assert capture.asked == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")),
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 60.0),
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ]
    assert any("128x96 instead of the 1280x720" in warning for warning in source.warnings)
    assert any("25 pictures per second instead of 60" in warning for warning in source.warnings)
    chosen = FakeCapture([numbered_image(0)], FakeClock())
    open_fake(chosen, None, LiveOptions(width_px=1280, height_px=720, fourcc="YUYV")).close()
    assert chosen.asked[0] == (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"YUYV"))
    plain = FakeCapture([numbered_image(0)], FakeClock())
    source = open_fake(plain)
    source.close()
    assert plain.asked == [(cv2.CAP_PROP_BUFFERSIZE, 1)] and source.warnings == []


def test_mirror() -> None:
    capture = FakeCapture([numbered_image(5), numbered_image(6)], FakeClock())
    source = open_fake(capture, None, LiveOptions(mirror=True))
    frame = next(iter(source))
    assert np.array_equal(frame.image, numbered_image(5)[:, ::-1])
    source.close()


def test_a_black_camera_is_noted_once() -> None:
    black = np.full((96, 128, 3), 7, np.uint8)
    capture = FakeCapture([black] * 100, FakeClock(0.04))
    source = open_fake(capture, end_s=3.5)
    assert len(list(source)) == 88
    assert len(source.warnings) == 1 and "black pictures" in source.warnings[0]
    warming_up = FakeCapture([*[black] * 40, *[numbered_image(0)] * 60], FakeClock(0.04))
    source = open_fake(warming_up, end_s=3.5)
    assert len(list(source)) == 88
    assert source.warnings == []


def test_grey_pictures_other_sizes_and_unknown_rate() -> None:
    grey = np.full((96, 128), 90, np.uint8)
    small = np.full((48, 64, 3), 90, np.uint8)
    capture = FakeCapture([grey, small, *[grey] * 12], FakeClock(0.1), fps=0.0)
    source = open_fake(capture, end_s=0.15)
    frames = list(source)
    assert [frame.image.shape for frame in frames] == [(96, 128, 3)] * 2
    assert all((frame.image == 90).all() for frame in frames)
    assert source.info.fps == pytest.approx(10.0, abs=0.01)  # measured
    assert "64x48" in source.warnings[0]


def test_a_live_source_is_read_once() -> None:
    capture = FakeCapture([numbered_image(n) for n in range(3)], FakeClock(0.1))
    source = open_fake(capture, end_s=0.1)
    assert len(list(source)) == 1
    with pytest.raises(SourceError, match="read already"):
        next(iter(source))


def test_closed_before_it_is_read() -> None:
    capture = FakeCapture([numbered_image(0)], FakeClock())
    open_fake(capture).close()
    assert wait_until(lambda: capture.released == 1)
