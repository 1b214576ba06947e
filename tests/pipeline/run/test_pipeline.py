from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pipeline.run.results import Result

from pipeline.errors import ModelError, SourceError
from pipeline.render.compose import Composer
from pipeline.run.pipeline import Pipeline, RunOptions
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Frame, Origin
from tests.helpers.stand_ins import NumberingLifter, TrueDetector


def walker(frames: int = 50, **options) -> SyntheticSource:
    return SyntheticSource(SyntheticOptions(frames=frames, width_px=160, height_px=120, **options))


def results(source, lifter=None, composer=None, **options) -> tuple[list[Result], Pipeline]:
    pipeline = Pipeline(source, TrueDetector(source), lifter or NumberingLifter(), composer, RunOptions(**options))
    out: list[Result] = []
    pipeline.run(out.append)
    return out, pipeline


class BreaksDown(SyntheticSource):
    """Stops delivering with an error, like a camera that is unplugged."""

    def __init__(self, after: int) -> None:
        super().__init__(SyntheticOptions(frames=100, width_px=160, height_px=120))
        self._after = after

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            if frame.index == self._after:
                raise SourceError("camera 0 stopped delivering")
            yield frame


@pytest.mark.parametrize("frames", [1, 2, 13, 14, 27, 50])
def test_row_n_is_frame_n(frames: int) -> None:
    out, pipeline = results(walker(frames))
    assert [r.frame.index for r in out] == list(range(frames))
    for n, r in enumerate(out):
        assert r.poses2d[0].frame_index == r.poses3d[0].frame_index == n
        assert r.poses3d[0].time_s == r.frame.time_s == r.poses2d[0].time_s
        assert (r.poses3d[0].xyz_m == n).all()
    assert pipeline.statistics.frames == pipeline.statistics.frames_with_person == frames
    assert pipeline.statistics.tracks == {0}


def test_a_person_who_leaves_and_returns() -> None:
    out, pipeline = results(walker(60, absent=((20, 40),)))
    assert len(out) == 60
    for n, r in enumerate(out):
        assert r.poses3d[0].is_missing == (20 <= n < 40), n
        assert r.poses2d[0].is_missing == (20 <= n < 40), n
    assert pipeline.statistics.frames_with_person == 40


def test_a_first_second_without_a_person_and_a_short_gap() -> None:
    out, _ = results(walker(70, absent=((0, 30), (50, 54))))
    assert [r.poses3d[0].is_missing for r in out] == [True] * 30 + [False] * 40
    assert all((r.poses3d[0].origin == Origin.INTERPOLATED).all() for r in out[50:54])
    assert (out[49].poses3d[0].origin == Origin.MEASURED).all()


def test_nobody_at_all() -> None:
    lifter = NumberingLifter()
    out, pipeline = results(walker(20, absent=((0, 20),)), lifter)
    assert len(out) == 20 and all(r.poses3d[0].is_missing for r in out)
    assert lifter.batches == [] and pipeline.statistics.frames_with_person == 0


def test_recordings_are_lifted_in_batches_live_sources_at_once() -> None:
    lifter = NumberingLifter()
    results(walker(64), lifter)
    assert max(lifter.batches) >= 16 and sum(lifter.batches) == 64


class Live(SyntheticSource):
    """A source that says it is live and delivers when it is told to."""

    def __init__(self, frames: int) -> None:
        super().__init__(SyntheticOptions(frames=frames, width_px=160, height_px=120))
        self.taken = threading.Semaphore(1)

    @property
    def info(self):
        return replace(super().info, live=True)

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            assert self.taken.acquire(timeout=10)
            yield frame


class TellingDetector(TrueDetector):
    """Lets the live source deliver its next frame when this one has arrived."""

    def __call__(self, frame: Frame):
        self._source.taken.release()  # type: ignore[attr-defined]
        return super().__call__(frame)


def test_a_live_source_is_lifted_frame_by_frame() -> None:
    source, lifter = Live(40), NumberingLifter()
    out: list[Result] = []
    Pipeline(source, TellingDetector(source), lifter).run(out.append)
    assert [r.frame.index for r in out] == list(range(40))
    assert lifter.batches[:20] == [1] * 20


def test_frames_read_before_a_failure_keep_their_rows() -> None:
    source = BreaksDown(33)
    out: list[Result] = []
    with pytest.raises(SourceError, match="stopped delivering"):
        Pipeline(source, TrueDetector(source), NumberingLifter()).run(out.append)
    assert [r.frame.index for r in out] == list(range(33))


def test_a_failing_room_ends_the_run_and_its_threads() -> None:
    class Broken(NumberingLifter):
        def __call__(self, windows):
            raise ModelError("values are not finite")

    source = walker(60)
    pipeline = Pipeline(source, TrueDetector(source), Broken())
    before = threading.active_count()
    with pytest.raises(ModelError, match="not finite"):
        pipeline.run(lambda result: None)
    assert threading.active_count() <= before


def test_an_error_while_writing_ends_the_run() -> None:
    source = walker(60)
    before = threading.active_count()

    def full(result: Result) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        Pipeline(source, TrueDetector(source), NumberingLifter()).run(full)
    assert threading.active_count() <= before


def test_stopping_finishes_the_frames_under_way() -> None:
    source = walker(500)
    pipeline = Pipeline(source, TrueDetector(source), NumberingLifter())
    out: list[Result] = []

    def take(result: Result) -> None:
        out.append(result)
        if result.frame.index == 5:
            pipeline.stop()

    pipeline.run(take)
    assert [r.frame.index for r in out] == list(range(len(out)))
    assert 5 < len(out) < 200 and not any(r.poses3d[0].is_missing for r in out)


def test_pictures_are_composed_when_asked_for() -> None:
    source = walker(5)
    out, pipeline = results(source, composer=Composer(160, 120))
    sizes = {r.picture.shape for r in out if r.picture is not None}
    assert sizes == {(*pipeline.composer.output_size[::-1], 3)}  # type: ignore[union-attr]
    plain, _ = results(walker(5))
    assert all(r.picture is None and r.frame.image.size == 0 for r in plain)


def test_height_scales_the_body() -> None:
    out, _ = results(walker(30), scale=2.0)
    assert (out[7].poses3d[0].xyz_m == 14).all()


def test_measured_stages() -> None:
    _, pipeline = results(walker(20), composer=Composer(160, 120))
    meter = pipeline.statistics.meter
    assert set(meter.names()) == {"decode", "detect", "lift", "draw", "write", "latency"}
    assert pipeline.statistics.fps > 0 and meter.median_ms("latency") > 0  # type: ignore[operator]
    assert np.isfinite([meter.total_s(name) for name in meter.names()]).all()


class Silent(Live):
    """Delivers three frames and then nothing until it is closed."""

    def __init__(self) -> None:
        super().__init__(100)
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[Frame]:
        for frame in SyntheticSource.__iter__(self):
            if frame.index == 3:
                assert self.closed.wait(10)
                return
            yield frame

    def close(self) -> None:
        self.closed.set()


def test_stopping_ends_the_wait_for_a_silent_source() -> None:
    source = Silent()
    pipeline = Pipeline(source, TrueDetector(source), NumberingLifter(lookahead=0))
    out: list[Result] = []

    def take(result: Result) -> None:
        out.append(result)
        pipeline.stop()

    pipeline.run(take)
    assert source.closed.is_set() and 1 <= len(out) <= 3


def test_a_source_stays_open_after_an_ordinary_end() -> None:
    source = walker(5)
    results(source)
    assert len(list(source)) == 5


def test_the_age_of_a_live_frame_counts_as_latency() -> None:
    class Old(Live):
        age_s = 5.0

    source = Old(10)
    pipeline = Pipeline(source, TellingDetector(source), NumberingLifter())
    pipeline.run(lambda result: None)
    latency = pipeline.statistics.meter.median_ms("latency")
    assert latency is not None and latency > 5000
