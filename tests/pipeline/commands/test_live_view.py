"""The window of a live run does what its keys ask for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.commands.live_view import LiveView
from pipeline.errors import DisplayError
from pipeline.job import Job, Models, Observer, Wants
from pipeline.job_options import JobOptions, MotionOptions, ResultOptions, SourceOptions
from pipeline.job_report import Report
from pipeline.render.screen import Screen
from pipeline.sources.live_options import LivePhase, LiveState
from pipeline.types import Shown
from tests.helpers.stand_ins import NumberingPreviewLifter, TrueDetector
from tests.pipeline.run.test_pipeline_live import SIZE, Live


class Keys:
    """A window whose keys are pressed at given pictures: {number of the picture: key}."""

    def __init__(self, pressed: dict[int, str]) -> None:
        self._pressed = pressed
        self.pictures: list[np.ndarray] = []
        self.taken = 0  # pictures of the run so far; how often the window looks for keys depends on the clock

    def show(self, picture: np.ndarray) -> None:
        self.pictures.append(picture.copy())

    def key(self, wait_ms: int) -> int:
        return ord(self._pressed.pop(self.taken, "\0"))

    def delays_s(self) -> list[float]:
        return []

    def close(self) -> None: ...


class Calling(Observer):
    """Calls a function for each frame that is shown."""

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def shown(self, shown: Shown, picture: U8 | None) -> None:
        self._call()


class Play(Protocol):
    def __call__(
        self, pressed: dict[int, str], frames: int = 40, record: bool = False, folder: Path | None = None
    ) -> tuple[Keys, Report]: ...


def job(source: Live, folder: Path, observers: list[Observer], record: bool = False) -> Job:
    """A job over the source; ``pipeline.job.open_source`` must be patched to give it."""
    options = JobOptions(
        SourceOptions("a stand-in"), motion=MotionOptions(smooth="off"), results=ResultOptions(record=record)
    )
    return Job(options, folder, observers, models=Models(TrueDetector(source), NumberingPreviewLifter(), "standard"))


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Runs a live job with a window whose keys are pressed."""

    def run(
        pressed: dict[int, str], frames: int = 40, record: bool = False, folder: Path | None = None
    ) -> tuple[Keys, Report]:
        source, keys = Live(frames), Keys(pressed)
        monkeypatch.setattr("pipeline.job.open_source", lambda *_, **__: source)

        def count() -> None:
            keys.taken += 1

        with (
            LiveView(lambda title: keys) as view,
            job(source, folder or tmp_path, [Calling(count), view, Calling(source.shown.release)], record) as playing,
        ):
            return keys, playing.run()

    return run


def pictures_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def rows_in(folder: Path) -> int:
    return len((folder / "poses3d.csv").read_text().splitlines()) - 1


def test_q_ends_the_run_and_keeps_the_rows(tmp_path: Path, play: Play) -> None:
    _, report = play({10: "q"})
    assert 10 <= report.counts.frames < 20 and report.status == "complete"
    assert rows_in(tmp_path) == 17 * report.counts.frames


def test_r_records_from_one_press_to_the_next(tmp_path: Path, play: Play) -> None:
    _, report = play({5: "r", 15: "r", 20: "r"})
    names = ["recording_0001.mp4", "recording_0002.mp4"]
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == names
    assert pictures_in(tmp_path / "recording_0001.mp4") == 10
    assert pictures_in(tmp_path / "recording_0002.mp4") == 20
    assert set(names) < set(report.files)


def test_record_writes_from_the_first_frame(tmp_path: Path, play: Play) -> None:
    play({}, record=True)
    assert pictures_in(tmp_path / "overlay.mp4") == 40


def test_s_saves_a_picture(tmp_path: Path, play: Play) -> None:
    _, report = play({3: "s", 4: "s"})
    names = ["snapshot_0001.png", "snapshot_0002.png"]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == names and set(names) < set(report.files)


def test_m_mirrors_what_is_shown_and_not_what_is_measured(tmp_path: Path, play: Play) -> None:
    mirrored, _ = play({3: "m"})
    first = (tmp_path / "poses2d.csv").read_text()
    plain, _ = play({}, folder=tmp_path / "other")
    assert (tmp_path / "other" / "poses2d.csv").read_text() == first
    for number, flips in ((1, False), (20, True)):
        one, other = (keys.pictures[number][80:, : 2 * SIZE[0]].astype(int) for keys in (mirrored, plain))
        apart, flipped_apart = np.abs(one - other).mean(), np.abs(one - other[:, ::-1]).mean()
        assert (flipped_apart < apart) == flips


def test_a_pause_stops_the_picture_and_not_the_rows(tmp_path: Path, play: Play) -> None:
    keys, report = play({10: " "})
    assert report.counts.frames == 40 and rows_in(tmp_path) == 17 * 40
    assert len(keys.pictures) < 20


def test_a_broken_stream_is_told_on_the_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Told(Live):
        state = LiveState(LivePhase.STREAMING)

    source, said = Told(3), list[str]()
    monkeypatch.setattr("pipeline.job.open_source", lambda *_, **__: source)
    monkeypatch.setattr(Screen, "say", lambda self, words, duration_s=3.0: said.append(words))
    with LiveView(lambda title: Keys({})) as view, job(source, tmp_path, [view]):
        said.clear()  # the hint about the help
        for state in (
            LiveState(LivePhase.STREAMING),
            LiveState(LivePhase.RECONNECTING, "camera 0 fell silent"),
            LiveState(LivePhase.STREAMING, reconnects=1),
        ):
            source.state = state
            view.idle()
            view.idle()
    assert said == ["reconnecting: camera 0 fell silent", "connected again"]


@pytest.mark.parametrize("record", [False, True])
def test_nothing_is_left_half_written(tmp_path: Path, play: Play, record: bool) -> None:
    play({2: "r", 8: "q"}, record=record)
    assert not list(tmp_path.glob("*.part"))


def test_without_a_display_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(title: str) -> Keys:
        raise DisplayError("there is no display here")

    source = Live(30)
    for _ in range(40):
        source.shown.release()
    monkeypatch.setattr("pipeline.job.open_source", lambda *_, **__: source)
    with LiveView(refuse) as view, job(source, tmp_path, [view]) as running:
        report = running.run()
    assert report.counts.frames + report.counts.dropped_frames == 30 and report.counts.pictures == 0
    assert "no window: there is no display here; the run goes on without one" in capsys.readouterr().err


def test_a_clip_opens_no_window(tmp_path: Path) -> None:
    def never(title: str) -> Keys:
        raise AssertionError("a window was opened")

    class Wanted(LiveView):
        def begin(self, job: Job) -> Wants:
            wants.append(super().begin(job))
            return wants[-1]

    wants: list[Wants] = []
    options = JobOptions(SourceOptions("synthetic:frames=2,size=160x120"), results=ResultOptions(video=False))
    source = Live(2)
    models = Models(TrueDetector(source), NumberingPreviewLifter(), "standard")
    with Wanted(never) as view, Job(options, tmp_path, [view], models=models) as running:
        assert running.run().counts.pictures == 0
    assert wants == [Wants.ROWS]
