"""The live policy: two tiers, sparse detection, drops, the latency meter."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from pipeline.run.results import Result

from pipeline.errors import ConfigError, ModelError
from pipeline.render.compose import Composer
from pipeline.run.pipeline import Pipeline, RunOptions
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Frame, Origin, Pose2D, Pose3D
from tests.helpers.stand_ins import NumberingLifter, NumberingPreviewLifter, TrueDetector

SIZE = (160, 120)


class Live(SyntheticSource):
    """A live source that delivers a frame when the one before has been shown, so that nothing is dropped."""

    def __init__(self, frames: int, **options) -> None:
        super().__init__(SyntheticOptions(frames=frames, width_px=SIZE[0], height_px=SIZE[1], **options))
        self.shown = threading.Semaphore(1)

    @property
    def info(self):
        return replace(super().info, live=True)

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            assert self.shown.acquire(timeout=10)
            yield frame
        # The end's rush would take the place of a last picture that waits for a busy machine.
        self.shown.acquire(timeout=1)


class Leading(TrueDetector):
    """With a look-ahead of n the first picture comes after n + 1 frames: so many are asked for without one."""

    def __init__(self, source: Live, lookahead: int) -> None:
        super().__init__(source)
        self._live, self._lookahead = source, lookahead

    def __call__(self, frame: Frame) -> list[Pose2D]:
        if frame.index < self._lookahead:
            self._live.shown.release()
        return super().__call__(frame)


def play(source: Live, lifter=None, lookahead: int = 0, **options) -> tuple[list[Result], Pipeline]:
    pipeline = Pipeline(
        source,
        Leading(source, lookahead),
        lifter or NumberingPreviewLifter(),
        Composer(*SIZE),
        RunOptions(show_lookahead=lookahead, **options),
    )
    out: list[Result] = []
    newest = -1

    def take(result: Result) -> None:
        nonlocal newest
        out.append(result)
        if not result.settled or newest < 0:
            newest = result.frame.index
            source.shown.release()

    pipeline.run(take)
    return out, pipeline


@pytest.mark.parametrize("lookahead", [0, 3])
def test_the_newest_frame_is_shown_at_once_and_settles_later(lookahead: int) -> None:
    out, pipeline = play(Live(40), lookahead=lookahead)
    settled, shown = [r for r in out if r.for_files], [r for r in out if not r.for_files]
    assert [r.frame.index for r in settled] == list(range(40))
    assert all((r.poses3d[0].xyz_m == r.frame.index).all() and r.settled and r.poses3d[0].settled for r in settled)
    # The source ends before the last frames get the look-ahead of a provisional pose; they come in one rush.
    early, last = shown[: 40 - lookahead], shown[40 - lookahead :]
    assert [r.frame.index for r in early] == list(range(40 - lookahead))
    assert {r.frame.index for r in last} <= set(range(40 - lookahead, 40))
    assert all((r.poses3d[0].xyz_m == r.frame.index + 0.5).all() and not r.poses3d[0].settled for r in early)
    assert all((r.poses3d[0].xyz_m == r.frame.index).all() and r.settled for r in last)
    assert all(r.picture is None for r in settled) and all(r.picture is not None for r in shown)
    assert all(r.poses2d[0].frame_index == r.frame.index for r in out)
    # A frame settles when the thirteenth frame after it is in.
    order = [(r.settled, r.frame.index) for r in out]
    assert order.index((True, 5)) > order.index((False, 18 - lookahead))
    statistics = pipeline.statistics
    assert statistics.frames == 40 and statistics.pictures + statistics.not_drawn == 40
    assert statistics.meter.median_ms("settled") is not None


def test_with_the_whole_look_ahead_the_settled_pose_is_drawn() -> None:
    source = Live(30)
    pipeline = Pipeline(source, Leading(source, 30), NumberingLifter(), Composer(*SIZE), RunOptions(show_lookahead=13))
    out: list[Result] = []
    pipeline.run(out.append)
    rows, pictures = [r for r in out if r.for_files], [r for r in out if not r.for_files]
    assert [r.frame.index for r in rows] == list(range(30)) and all(r.picture is None for r in rows)
    assert all(r.settled and r.picture is not None and (r.poses3d[0].xyz_m == r.frame.index).all() for r in pictures)
    assert len(pictures) + pipeline.statistics.not_drawn == 30


def test_without_a_picture_there_are_no_provisional_poses() -> None:
    source = Live(30)
    for _ in range(40):
        source.shown.release()
    pipeline = Pipeline(source, TrueDetector(source), NumberingPreviewLifter(), None, RunOptions(show_lookahead=0))
    out: list[Result] = []
    pipeline.run(out.append)
    assert out and all(r.settled for r in out)


def test_a_lifter_without_provisional_poses_is_refused() -> None:
    source = Live(3)
    with pytest.raises(ConfigError, match="--latency best"):
        Pipeline(source, TrueDetector(source), NumberingLifter(), Composer(*SIZE), RunOptions(show_lookahead=0))


@pytest.mark.parametrize("every", [2, 3, 5])
def test_sparse_detection_holds_what_is_shown_and_fills_what_settles(every: int) -> None:
    source = Live(41)
    out, pipeline = play(source, detect_every=every)
    for result in out:
        looked_at = result.frame.index % every == 0
        origin = set(result.poses3d[0].origin.tolist())
        if looked_at:
            assert origin == {Origin.MEASURED}
        elif result.settled and result.frame.index < 40 - 40 % every:
            assert origin == {Origin.INTERPOLATED}, result.frame.index
        elif not result.settled:
            assert origin == {Origin.HELD}
            assert (result.poses2d[0].xy_px == source.truth_coco_px(result.frame.index // every * every)).all()
    assert len([r for r in out if not r.settled]) == 41
    assert pipeline.statistics.meter.total_s("detect") > 0


def test_a_person_who_leaves_is_held_briefly_and_then_gone() -> None:
    out, _ = play(Live(60, absent=((20, 40),), fps=30))
    shown = {r.frame.index: r.poses3d[0] for r in out if not r.settled}
    assert (shown[22].origin == Origin.HELD).all()
    assert all(shown[n].is_missing for n in range(29, 40)) and not shown[40].is_missing
    settled = {r.frame.index: r.poses3d[0] for r in out if r.settled}
    assert [n for n in settled if settled[n].is_missing] == list(range(20, 40))


def test_a_slow_screen_delays_neither_rows_nor_frames() -> None:
    source = Live(60)
    for _ in range(100):
        source.shown.release()
    pipeline = Pipeline(source, Paced(source), NumberingPreviewLifter(), Composer(*SIZE), RunOptions(show_lookahead=0))
    rows, pictures = [], []

    def take(result: Result) -> None:
        if result.settled:
            rows.append(result.frame.index)
        else:
            pictures.append(result.frame.index)
            time.sleep(0.02)

    pipeline.run(take)
    statistics = pipeline.statistics
    assert rows == sorted(rows) and len(rows) == 60 - statistics.dropped
    assert pictures == sorted(pictures)
    assert len(pictures) + statistics.not_drawn == len(rows) and statistics.not_drawn > 0


class Paced(TrueDetector):
    """Takes a millisecond, so that the source is not much faster than everything else."""

    def __call__(self, frame: Frame) -> list[Pose2D]:
        time.sleep(0.001)
        return super().__call__(frame)


# ---- latency


class Clocked(Live):
    """Shows its own clock: the last row of the picture holds the time of its capture."""

    def __iter__(self) -> Iterator[Frame]:
        for frame in super().__iter__():
            image = np.zeros((480, 640, 3), np.uint8)
            image[-1].reshape(-1)[:8] = np.frombuffer(np.float64(time.perf_counter()).tobytes(), np.uint8)
            yield Frame(frame.index, frame.time_s, image)

    @property
    def info(self):
        return replace(super().info, width_px=640, height_px=480)


def shown_clock_s(picture: np.ndarray) -> float:
    """The clock in a composed picture; the picture part lies on the left and is not scaled."""
    return float(np.frombuffer(picture[479, :640].reshape(-1)[:8].tobytes(), np.float64)[0])


class Slow(NumberingPreviewLifter):
    def lift_both(self, windows, newest, lookahead):
        time.sleep(0.03)
        return super().lift_both(windows, newest, lookahead)


@pytest.mark.parametrize("lookahead", [0, 3])
def test_the_meter_agrees_with_a_clock_in_the_picture(lookahead: int) -> None:
    class NobodySlowly:
        def __call__(self, frame: Frame) -> list[Pose2D]:
            time.sleep(0.02)
            if frame.index < lookahead:
                source.shown.release()
            return []

        def close(self) -> None: ...

    source = Clocked(20)
    pipeline = Pipeline(source, NobodySlowly(), Slow(), Composer(640, 480), RunOptions(show_lookahead=lookahead))
    seen_s: list[float] = []
    meant_s: list[float] = []

    def take(result: Result) -> None:
        if result.picture is not None:
            seen_s.append(time.perf_counter() - shown_clock_s(result.picture))
            meant_s.append(0.05 * (lookahead + 1))
            source.shown.release()

    pipeline.run(take)
    measured_ms = pipeline.statistics.meter.median_ms("latency")
    assert measured_ms is not None and 20 - lookahead <= len(seen_s) <= 20  # of the end's rush the newest at least
    # Both clocks start at the capture and stop in the same call; only the bookkeeping between them differs.
    assert measured_ms == pytest.approx(1000 * float(np.median(seen_s)), abs=5)
    assert measured_ms > 1000 * 0.05


def test_smoothed_poses_are_drawn_and_raw_ones_kept() -> None:
    def tremble(poses: list[Pose3D]) -> list[Pose3D]:
        return [replace(pose, xyz_m=np.full((17, 3), 0.01 * (-1) ** pose.frame_index, np.float32)) for pose in poses]

    class Trembling(NumberingPreviewLifter):
        def __call__(self, windows):
            return tremble(super().__call__(windows))

        def lift_both(self, windows, newest, lookahead):
            return self(windows), tremble(super().lift_both([], newest, lookahead)[1])

    out, _ = play(Live(40), Trembling(), smooth="strong")
    for kind in (True, False):
        raw = np.array([r.poses3d[0].xyz_m[5, 0] for r in out if r.settled is kind])
        smooth = np.array([r.smoothed[0].xyz_m[5, 0] for r in out if r.settled is kind and r.smoothed])
        assert len(raw) == len(smooth) == 40
        assert np.abs(np.diff(raw)).min() == pytest.approx(0.02)
        assert np.abs(np.diff(smooth[5:])).max() < 0.008


def test_a_lifter_that_fails_leaves_rows_in_their_place() -> None:
    class Fails(NumberingPreviewLifter):
        def lift_both(self, windows, newest, lookahead):
            if newest and newest[0].target_index == 30:
                raise ModelError("values are not finite")
            return super().lift_both(windows, newest, lookahead)

    source = Live(60)
    out: list[Result] = []

    def take(result: Result) -> None:
        out.append(result)
        if not result.for_files:
            source.shown.release()

    pipeline = Pipeline(source, TrueDetector(source), Fails(), Composer(*SIZE), RunOptions(show_lookahead=0))
    with pytest.raises(ModelError, match="not finite"):
        pipeline.run(take)
    rows = [r for r in out if r.for_files]
    assert [r.frame.index for r in rows] == list(range(31))
    assert [r.frame.index for r in out if r.picture is not None] == list(range(31))
    for result in rows:
        assert result.poses2d[0].frame_index == result.poses3d[0].frame_index == result.frame.index
        assert (result.poses2d[0].xy_px == source.truth_coco_px(result.frame.index)).all()


def test_a_slow_screen_loses_no_rows_of_settled_pictures_and_none_of_a_film() -> None:
    source = Live(60)
    for _ in range(100):
        source.shown.release()
    pipeline = Pipeline(source, Paced(source), NumberingLifter(), Composer(*SIZE))
    rows, filmed = [], []  # type: ignore[var-annotated]

    def take(result: Result) -> None:
        if result.for_files:
            rows.append(result.frame.index)
        else:
            time.sleep(0.02)

    pipeline.run(take, film=Filmed(filmed, recording=False))
    statistics = pipeline.statistics
    assert len(rows) == statistics.frames == 60 - statistics.dropped and rows == sorted(rows)
    assert filmed == sorted(filmed) and len(filmed) > statistics.pictures - 1
    assert statistics.pictures + statistics.not_drawn == statistics.frames


class Filmed:
    """Notes the frames of a film."""

    def __init__(self, frames: list[int], recording: bool = True) -> None:
        self._frames, self.recording = frames, recording

    def film(self, result: Result, wait: bool) -> None:
        self._frames.append(result.frame.index)


class Gated(Composer):
    """Draws the first picture when it is told to, so that drawing is behind."""

    def __init__(self) -> None:
        super().__init__(*SIZE)
        self.gate = threading.Event()

    def compose(self, *arguments, **options):
        assert self.gate.wait(10)
        return super().compose(*arguments, **options)


class Counting(NumberingPreviewLifter):
    """Opens the gate when so many frames have been lifted; before that, each one asks for the next."""

    def __init__(self, source: Live, composer: Gated, count: int, window: int = 27) -> None:
        super().__init__(window, window // 2)
        self._source, self._composer, self._left = source, composer, count

    def _count(self, frames: int) -> None:
        for _ in range(frames if self._left > 0 else 0):
            self._source.shown.release()
        self._left -= frames
        if self._left <= 0:
            self._composer.gate.set()

    def __call__(self, windows):
        self._count(len(windows))
        return super().__call__(windows)

    def lift_both(self, windows, newest, lookahead):
        self._count(len(newest))
        return NumberingLifter.__call__(self, windows), super().lift_both([], newest, lookahead)[1]


@pytest.mark.parametrize(("latency", "window"), [(0, 27), (3, 27), (13, 27), (121, 243)])
def test_a_film_holds_every_processed_frame(latency: int, window: int) -> None:
    """Drawing is behind for a moment; the look-ahead may be longer than the second for which frames wait."""
    source, composer = Live(180, fps=60), Gated()
    lifter = Counting(source, composer, 30, window)
    options = RunOptions(show_lookahead=latency, smooth="off")
    pipeline = Pipeline(source, Leading(source, latency), lifter, composer, options)
    rows: list[int] = []
    filmed: list[int] = []

    class Asking(Filmed):
        def film(self, result: Result, wait: bool) -> None:
            super().film(result, wait)
            source.shown.release()

    pipeline.run(lambda result: rows.append(result.frame.index) if result.for_files else None, film=Asking(filmed))
    assert filmed == rows and len(rows) == 180 - pipeline.statistics.dropped > 100


@pytest.mark.parametrize(("still_filming", "waiting"), [(True, 10), (False, 1)])
def test_what_waits_for_drawing_is_at_most_a_second_old(still_filming: bool, waiting: int) -> None:
    """And when the film is stopped, the newest picture wins again."""
    source, composer, filmed = Live(100, fps=10), Gated(), []  # type: ignore[var-annotated]
    film = Filmed(filmed)

    class Ending(Counting):
        def _count(self, frames: int) -> None:
            if self._left == 2:
                film.recording = still_filming
            super()._count(frames)

    pipeline = Pipeline(
        source,
        TrueDetector(source),
        Ending(source, composer, 60),
        composer,
        RunOptions(show_lookahead=0, smooth="off"),
    )
    pipeline.run(lambda result: source.shown.release() if not result.for_files else None, film=film)
    assert filmed[0] == 0 and filmed == sorted(filmed)
    # One more may have been on its way to the one that draws.
    first_after = filmed[1] if filmed[1] > 1 else filmed[2]
    assert 60 - waiting - 1 <= first_after and pipeline.statistics.not_drawn >= 60 - waiting - 2


def test_sparser_than_the_lifter_can_fill_is_refused() -> None:
    source = Live(3)
    with pytest.raises(ConfigError, match="at most 13"):
        Pipeline(source, TrueDetector(source), NumberingLifter(), None, RunOptions(detect_every=14))


@pytest.mark.parametrize(("fps", "every"), [(15, 5), (30, 13), (8, 3)])
def test_sparse_detection_fills_its_gaps_at_any_rate(fps: int, every: int) -> None:
    source = SyntheticSource(SyntheticOptions(frames=60, width_px=SIZE[0], height_px=SIZE[1], fps=fps))
    out: list[Result] = []
    Pipeline(source, TrueDetector(source), NumberingLifter(), None, RunOptions(detect_every=every)).run(out.append)
    missing = [r.frame.index for r in out if r.poses3d[0].is_missing]
    assert [n for n in missing if n <= 59 // every * every] == []


def test_stopping_before_the_run_begins_is_an_empty_run() -> None:
    source = Live(10)
    pipeline = Pipeline(source, TrueDetector(source), NumberingPreviewLifter())
    pipeline.stop()
    out: list[Result] = []
    pipeline.run(out.append)
    assert out == []
