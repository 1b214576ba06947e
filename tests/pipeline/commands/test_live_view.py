"""The window of a live run does what its keys ask for."""

from __future__ import annotations

import argparse
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.commands.live_view import LiveView
from pipeline.export.results import Outputs
from pipeline.render.compose import Composer
from pipeline.render.screen import Screen
from pipeline.run.pipeline import Pipeline, RunOptions
from pipeline.run.results import Result
from pipeline.sources import SyntheticSource
from pipeline.sources.live_options import LivePhase, LiveState
from pipeline.sources.synthetic import SyntheticOptions
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


def play(folder: Path, pressed: dict[int, str], frames: int = 40, record: bool = False) -> tuple[Keys, Pipeline]:
    source = Live(frames)
    options = argparse.Namespace(wide=False, npz=False, smooth="off", record=record, no_video=False)
    pipeline = Pipeline(
        source, TrueDetector(source), NumberingPreviewLifter(), Composer(*SIZE), RunOptions(show_lookahead=0)
    )
    keys = Keys(pressed)
    assert pipeline.composer is not None
    with (
        Outputs(folder, options, source.info, pipeline.composer.output_size) as outputs,
        Screen(keys) as screen,
    ):
        view = LiveView(screen, pipeline, outputs, folder)

        def take(result: Result) -> None:
            keys.taken += not result.for_files
            outputs.take(result)
            view.take(result)
            if not result.for_files:
                source.shown.release()

        pipeline.run(take, view.idle, outputs)
    return keys, pipeline


def pictures_in(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def rows_in(folder: Path) -> int:
    return len((folder / "poses3d.csv").read_text().splitlines()) - 1


def test_q_ends_the_run_and_keeps_the_rows(tmp_path: Path) -> None:
    _, pipeline = play(tmp_path, {10: "q"})
    assert 10 <= pipeline.statistics.frames < 20
    assert rows_in(tmp_path) == 17 * pipeline.statistics.frames


def test_r_records_from_one_press_to_the_next(tmp_path: Path) -> None:
    play(tmp_path, {5: "r", 15: "r", 20: "r"})
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["recording_0001.mp4", "recording_0002.mp4"]
    assert pictures_in(tmp_path / "recording_0001.mp4") == 10
    assert pictures_in(tmp_path / "recording_0002.mp4") == 20


def test_record_writes_from_the_first_frame(tmp_path: Path) -> None:
    play(tmp_path, {}, record=True)
    assert pictures_in(tmp_path / "overlay.mp4") == 40


def test_s_saves_a_picture(tmp_path: Path) -> None:
    play(tmp_path, {3: "s", 4: "s"})
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["snapshot_0001.png", "snapshot_0002.png"]


def test_m_mirrors_what_is_shown_and_not_what_is_measured(tmp_path: Path) -> None:
    _, pipeline = play(tmp_path, {3: "m"})
    assert pipeline.composer is not None and pipeline.composer.mirror
    first = (tmp_path / "poses2d.csv").read_text()
    other = tmp_path / "other"
    other.mkdir()
    play(other, {})
    assert (other / "poses2d.csv").read_text() == first


def test_a_pause_stops_the_picture_and_not_the_rows(tmp_path: Path) -> None:
    keys, pipeline = play(tmp_path, {10: " "})
    assert pipeline.statistics.frames == 40 and rows_in(tmp_path) == 17 * 40
    assert len(keys.pictures) < 20


def test_a_broken_stream_is_told_on_the_screen(tmp_path: Path) -> None:
    source = SyntheticSource(SyntheticOptions(frames=3, width_px=SIZE[0], height_px=SIZE[1]))
    states = [
        LiveState(LivePhase.STREAMING),
        LiveState(LivePhase.RECONNECTING, "camera 0 fell silent"),
        LiveState(LivePhase.STREAMING, reconnects=1),
    ]
    source.state = states[0]  # type: ignore[attr-defined]
    pipeline = Pipeline(source, TrueDetector(source), NumberingPreviewLifter(), Composer(*SIZE))
    options = argparse.Namespace(wide=False, npz=False, smooth="off", record=False, no_video=True)
    said: list[str] = []
    with Outputs(tmp_path, options, source.info, None) as outputs, Screen(Keys({})) as screen:
        view = LiveView(screen, pipeline, outputs, tmp_path)
        screen.say = lambda words, duration_s=3.0: said.append(words)  # type: ignore[method-assign]
        for state in states:
            source.state = state  # type: ignore[attr-defined]
            view.idle()
            view.idle()
    assert said == ["reconnecting: camera 0 fell silent", "connected again"]


@pytest.mark.parametrize("record", [False, True])
def test_nothing_is_left_half_written(tmp_path: Path, record: bool) -> None:
    play(tmp_path, {2: "r", 8: "q"}, record=record)
    assert not list(tmp_path.glob("*.part"))
