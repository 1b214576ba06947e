from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ModelError, SourceError
from pipeline.render.compose import Composer
from pipeline.run.options import RunOptions
from pipeline.run.pipeline import Pipeline
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Frame, Origin, Pose2D, Rows, Tier
from tests.helpers.stand_ins import NumberingLifter, PairDetector, TrueDetector
from tests.helpers.taken import Taken


def walker(frames: int = 50, **options) -> SyntheticSource:
    return SyntheticSource(SyntheticOptions(frames=frames, width_px=160, height_px=120, **options))


def piped(source: SyntheticSource, lifter=None, **options) -> Pipeline:
    return Pipeline(source, TrueDetector(source), lifter or NumberingLifter(), RunOptions(**options))


def run(source: SyntheticSource, lifter=None, **options) -> tuple[Taken, Pipeline]:
    pipeline = piped(source, lifter, **options)
    return Taken().of(pipeline), pipeline


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
    out, pipeline = run(walker(frames))
    assert out.frames == list(range(frames))
    for n, rows in enumerate(out.rows):
        (person,) = rows.people
        assert person.pose2d.frame_index == person.pose3d.frame_index == n
        assert person.pose3d.time_s == rows.time_s == person.pose2d.time_s
        assert (person.pose3d.xyz_m == n).all() and person.smoothed is None
    assert pipeline.statistics.frames == pipeline.statistics.frames_with_person == frames
    assert pipeline.statistics.tracks == {0}


def test_a_person_who_leaves_and_returns() -> None:
    out, pipeline = run(walker(60, absent=((20, 40),)))
    assert len(out.rows) == 60
    for n, person in enumerate(out.first):
        assert person.pose3d.is_missing == (20 <= n < 40), n
        assert person.pose2d.is_missing == (20 <= n < 40), n
    assert pipeline.statistics.frames_with_person == 40


def test_a_first_second_without_a_person_and_a_short_gap() -> None:
    out, _ = run(walker(70, absent=((0, 30), (50, 54))))
    assert [person.pose3d.is_missing for person in out.first] == [True] * 30 + [False] * 40
    assert all((person.pose3d.origin == Origin.INTERPOLATED).all() for person in out.first[50:54])
    assert (out.first[49].pose3d.origin == Origin.MEASURED).all()


def test_nobody_at_all() -> None:
    lifter = NumberingLifter()
    out, pipeline = run(walker(20, absent=((0, 20),)), lifter)
    assert len(out.rows) == 20 and all(person.pose3d.is_missing for person in out.first)
    assert lifter.batches == [] and pipeline.statistics.frames_with_person == 0


def test_clips_are_lifted_in_batches() -> None:
    lifter = NumberingLifter()
    run(walker(64), lifter)
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

    def __init__(self, source: Live) -> None:
        super().__init__(source)
        self._live = source

    def __call__(self, frame: Frame) -> list[Pose2D]:
        self._live.taken.release()
        return super().__call__(frame)


def test_a_live_source_is_lifted_frame_by_frame() -> None:
    source, lifter = Live(40), NumberingLifter()
    out = Taken().of(Pipeline(source, TellingDetector(source), lifter))
    assert out.frames == list(range(40))
    assert lifter.batches[:20] == [1] * 20


def test_frames_read_before_a_failure_keep_their_rows() -> None:
    out = Taken()
    with pytest.raises(SourceError, match="stopped delivering"):
        out.of(piped(BreaksDown(33)))
    assert out.frames == list(range(33))


def test_a_failing_room_ends_the_run_and_its_threads() -> None:
    class Broken(NumberingLifter):
        def __call__(self, windows):
            raise ModelError("values are not finite")

    pipeline = piped(walker(60), Broken())
    before = threading.active_count()
    with pytest.raises(ModelError, match="not finite"):
        pipeline.run(lambda rows: None)
    assert threading.active_count() <= before


@pytest.mark.parametrize("live", [False, True])
def test_a_lifter_that_fails_in_mid_run_leaves_rows_in_their_place(live: bool) -> None:
    class Fails(NumberingLifter):
        def __call__(self, windows):
            if any(window.target_index >= 20 for window in windows):
                raise ModelError("values are not finite")
            return super().__call__(windows)

    source = Live(60) if live else walker(60)
    detector = TellingDetector(source) if isinstance(source, Live) else TrueDetector(source)
    out = Taken()
    with pytest.raises(ModelError, match="not finite"):
        out.of(Pipeline(source, detector, Fails()))
    assert out.frames == list(range(len(out.frames))) and len(out.frames) > 20
    for n, person in enumerate(out.first):
        assert person.pose2d.frame_index == n and not person.pose2d.is_missing
        assert person.pose3d.is_missing or (person.pose3d.xyz_m == n).all()
    assert out.first[20].pose3d.is_missing


def test_an_error_while_writing_ends_the_run() -> None:
    pipeline = piped(walker(60))
    before = threading.active_count()

    def full(rows: Rows) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        pipeline.run(full)
    assert threading.active_count() <= before


def test_stopping_finishes_the_frames_under_way() -> None:
    pipeline = piped(walker(500))
    out: list[Rows] = []

    def take(rows: Rows) -> None:
        out.append(rows)
        if rows.frame_index == 5:
            pipeline.stop()

    pipeline.run(take)
    assert [rows.frame_index for rows in out] == list(range(len(out)))
    assert 5 < len(out) < 200 and not any(rows.people[0].pose3d.is_missing for rows in out)


# ---- iterating in place of running


def test_iterating_gives_the_same_rows() -> None:
    pipeline = piped(walker(30), smooth="light")
    out, _ = run(walker(30), smooth="light")
    for one, other in zip(pipeline, out.rows, strict=True):
        assert (one.frame_index, one.time_s) == (other.frame_index, other.time_s)
        (a,), (b,) = one.people, other.people
        np.testing.assert_array_equal(a.pose3d.xyz_m, b.pose3d.xyz_m)
        np.testing.assert_array_equal(a.best3d.xyz_m, b.best3d.xyz_m)
    assert pipeline.statistics.frames == 30 and pipeline.statistics.wall_s > 0


def test_leaving_the_loop_early_ends_the_run_and_its_threads() -> None:
    before = threading.active_count()
    for rows in piped(walker(5000)):
        if rows.frame_index == 3:
            break
    end_s = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end_s:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_an_error_comes_out_of_the_loop_after_the_rows_before_it() -> None:
    frames: list[int] = []
    with pytest.raises(SourceError, match="stopped delivering"):
        for rows in piped(BreaksDown(20)):
            frames.append(rows.frame_index)
    assert frames == list(range(20))


# ---- pictures


def test_pictures_are_composed_when_asked_for() -> None:
    source, composer = walker(5), Composer(160, 120)
    out = Taken().of(Pipeline(source, TrueDetector(source), NumberingLifter(), drawer=composer))
    sizes = {picture.picture.shape for picture in out.pictures if picture.picture is not None}
    assert sizes == {(*composer.output_size[::-1], 3)}
    assert [picture.index for picture in out.shown(Tier.SETTLED)] == list(range(5)) == out.frames
    assert out.order == [(kind, n) for n in range(5) for kind in ("rows", "settled")], "a picture follows its rows"
    plain, _ = run(walker(5))
    assert plain.pictures == [] and plain.frames == list(range(5))


def test_who_shows_frames_without_a_drawer_gets_them_whole() -> None:
    source = walker(20)
    out = Taken().of(Pipeline(source, TrueDetector(source), NumberingLifter(), shows=True))
    assert [picture.index for picture in out.pictures] == list(range(20))
    for picture in out.pictures:
        assert picture.picture is None and picture.shown.frame.image.shape == (120, 160, 3)
        assert (picture.pose.xyz_m == picture.index).all()


def test_height_scales_the_body() -> None:
    out, _ = run(walker(30), height_m=0.85)
    assert (out.first[7].pose3d.xyz_m == 3.5).all()


def test_measured_stages() -> None:
    source = walker(20)
    pipeline = Pipeline(source, TrueDetector(source), NumberingLifter(), drawer=Composer(160, 120))
    pipeline.run(lambda rows: None)
    meter = pipeline.statistics.meter
    assert set(meter.names()) == {"decode", "detect", "lift", "draw", "write", "latency"}
    latency_ms = meter.median_ms("latency")
    assert pipeline.statistics.fps > 0 and latency_ms is not None and latency_ms > 0
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
    out: list[Rows] = []

    def take(rows: Rows) -> None:
        out.append(rows)
        pipeline.stop()

    pipeline.run(take)
    assert source.closed.is_set() and 1 <= len(out) <= 3


def test_a_source_stays_open_after_an_ordinary_end() -> None:
    source = walker(5)
    run(source)
    assert len(list(source)) == 5


def test_the_age_of_a_live_frame_counts_as_latency() -> None:
    class Old(Live):
        age_s = 5.0

    source = Old(10)
    pipeline = Pipeline(source, TellingDetector(source), NumberingLifter())
    pipeline.run(lambda rows: None)
    latency = pipeline.statistics.meter.median_ms("latency")
    assert latency is not None and latency > 5000


def test_the_detector_forgets_the_clip_before() -> None:
    source = walker(3)
    detector = TrueDetector(source)
    for number in (1, 2):
        Pipeline(source, detector, NumberingLifter()).run(lambda rows: None)
        assert detector.resets == number and not detector.closed


# ---- several people


@pytest.mark.parametrize("smooth", ["off", "light"])
def test_two_people_have_rows_of_their_own(smooth: str) -> None:
    source = walker(40)
    pipeline = Pipeline(source, PairDetector(source), NumberingLifter(), RunOptions(smooth=smooth), shows=True)
    out = Taken().of(pipeline)
    assert out.frames == list(range(40)) == [picture.index for picture in out.pictures]
    found = [(rows.frame_index, rows.people) for rows in out.rows]
    for n, people in found + [(picture.index, picture.shown.people) for picture in out.pictures]:
        assert [person.track_id for person in people] == ([0] if n < 10 else [0, 3])
        for person in people:
            assert (person.pose3d.xyz_m == n + 1000 * person.track_id).all()
            assert person.best3d.track_id == person.track_id and person.best3d.frame_index == n
            assert (person.smoothed is None) == (smooth == "off")
    first, other = out.rows[20].people
    assert other.pose2d.xy_px - first.pose2d.xy_px == pytest.approx(PairDetector.BESIDE_PX, abs=1e-3)
    assert pipeline.statistics.tracks == {0, 3} and pipeline.statistics.frames_with_person == 40


def test_one_of_two_people_leaves() -> None:
    class OneLeaves(PairDetector):
        def __call__(self, frame: Frame) -> list[Pose2D]:
            found = super().__call__(frame)
            return found[1:] if frame.index >= 20 else found

    source = walker(45)
    out = Taken().of(Pipeline(source, OneLeaves(source), NumberingLifter()))
    for rows in out.rows[20:]:
        first, other = rows.people
        assert first.pose3d.is_missing and first.pose2d.is_missing and first.track_id == 0
        assert (other.pose3d.xyz_m == rows.frame_index + 3000).all()
