"""The camera, with a stand-in for the capture device and for the clock."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

from pipeline.errors import SourceError
from pipeline.sources import CameraSource
from tests.helpers.video import U8, numbered_image, read_number


class FakeClock:
    """A clock that advances by what is slept, and by ``step_s`` with each picture."""

    def __init__(self, step_s: float = 0.04) -> None:
        self.now_s = 1000.0
        self.step_s = step_s

    def __call__(self) -> float:
        return self.now_s


class FakeCapture:
    """Delivers its pictures one by one (None = a failed read), then fails for ever."""

    def __init__(self, images: list[U8 | None], clock: FakeClock, *, opened: bool = True, fps: float = 25.0) -> None:
        self.images = list(images)
        self.clock = clock
        self.opened = opened
        self.fps = fps
        self.released = 0

    def isOpened(self) -> bool:
        return self.opened

    def set(self, _: int, __: float) -> bool:
        return True

    def get(self, _: int) -> float:
        return self.fps

    def read(self) -> tuple[bool, U8 | None]:
        self.clock.now_s += self.clock.step_s
        image = self.images.pop(0) if self.images else None
        return image is not None, image

    def release(self) -> None:
        self.released += 1


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def open_fake(capture: FakeCapture, end_s: float | None = None) -> CameraSource:
    return CameraSource(0, end_s=end_s, open_capture=lambda _: capture, clock=capture.clock)


def test_frames_carry_the_capture_clock_from_zero() -> None:
    capture = FakeCapture([numbered_image(n) for n in range(10)], FakeClock(0.04))
    source = open_fake(capture, end_s=0.18)
    assert source.info.live and source.info.kind == "camera" and source.info.frame_count is None
    assert (source.info.width_px, source.info.height_px, source.info.fps) == (128, 96, 25.0)
    frames = list(source)
    assert [read_number(frame.image) for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert [frame.time_s for frame in frames] == pytest.approx([0.0, 0.04, 0.08, 0.12, 0.16])
    assert capture.released == 1


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
    seen = []
    with pytest.raises(SourceError, match="camera 0 stopped delivering"):
        seen.extend(frame.index for frame in open_fake(capture))
    assert capture.released == 1


def test_a_camera_without_a_first_picture() -> None:
    capture = FakeCapture([], FakeClock(0.1))
    with pytest.raises(SourceError, match="stopped delivering"):
        open_fake(capture)
    assert capture.released == 1


def test_a_camera_that_can_not_be_opened() -> None:
    capture = FakeCapture([], FakeClock(), opened=False)
    with pytest.raises(SourceError, match="can't open camera 0") as caught:
        open_fake(capture)
    assert "\n" not in str(caught.value)
    assert capture.released == 1


def test_grey_pictures_other_sizes_and_unknown_rate() -> None:
    grey = np.full((96, 128), 90, np.uint8)
    capture = FakeCapture([grey, np.full((48, 64, 3), 90, np.uint8), grey], FakeClock(0.1), fps=0.0)
    source = open_fake(capture, end_s=0.15)
    frames = list(source)
    assert [frame.image.shape for frame in frames] == [(96, 128, 3)] * 2
    assert all((frame.image == 90).all() for frame in frames)
    assert source.info.fps == 30.0
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
    assert capture.released == 1
