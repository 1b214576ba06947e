"""The live policy: two tiers, sparse detection, drops, the latency meter."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ConfigError, ModelError
from pipeline.render.compose import Composer
from pipeline.run.options import RunOptions
from pipeline.run.pipeline import Pipeline
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from pipeline.types import Drawn, Frame, Origin, Pose2D, Pose3D, Tier
from tests.helpers.stand_ins import NumberingLifter, NumberingPreviewLifter, PairDetector, TrueDetector
from tests.helpers.taken import Picture, Taken

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


def piped(source: Live, detector=None, lifter=None, composer=None, **options) -> Pipeline:
    """A run that draws."""
    return Pipeline(
        source,
        detector or TrueDetector(source),
        lifter or NumberingPreviewLifter(),
        RunOptions(**options),
        drawer=composer or Composer(*SIZE),
    )


def play(source: Live, lifter=None, lookahead: int = 0, **options) -> tuple[Taken, Pipeline]:
    pipeline = piped(source, Leading(source, lookahead), lifter, preview_lookahead=lookahead, **options)

    def next_frame(picture: Picture) -> None:
        if picture.shown.tier is Tier.PREVIEW:
            source.shown.release()

    return Taken(next_frame).of(pipeline), pipeline


@pytest.mark.parametrize("lookahead", [0, 3])
def test_the_newest_frame_is_shown_at_once_and_settles_later(lookahead: int) -> None:
    out, pipeline = play(Live(40), lookahead=lookahead)
    assert out.frames == list(range(40))
    assert all((p.pose3d.xyz_m == n).all() and p.pose3d.settled for n, p in enumerate(out.first))
    assert all(p.pose2d.frame_index == n for n, p in enumerate(out.first))
    # The source ends before the last frames get the look-ahead of a preview; they come in one rush.
    early, last = out.shown(Tier.PREVIEW), out.shown(Tier.SETTLED)
    assert out.pictures == early + last
    assert [one.index for one in early] == list(range(40 - lookahead))
    assert {one.index for one in last} <= set(range(40 - lookahead, 40))
    assert all((one.pose.xyz_m == one.index + 0.5).all() and not one.pose.settled for one in early)
    assert all((one.pose.xyz_m == one.index).all() and one.pose.settled for one in last)
    assert all(one.picture is not None for one in out.pictures)
    assert all(one.shown.people[0].pose2d.frame_index == one.index for one in out.pictures)
    # A frame settles when the thirteenth frame after it is in.
    assert out.order.index(("rows", 5)) > out.order.index(("preview", 18 - lookahead))
    statistics = pipeline.statistics
    assert statistics.frames == 40 and statistics.pictures + statistics.not_drawn == 40
    assert statistics.meter.median_ms("settled") is not None


@pytest.mark.parametrize("lookahead", [None, 13])
def test_with_the_whole_look_ahead_the_settled_pose_is_drawn(lookahead: int | None) -> None:
    source = Live(30)
    pipeline = piped(source, Leading(source, 30), NumberingLifter(), preview_lookahead=lookahead)
    out = Taken().of(pipeline)
    assert out.frames == list(range(30)) and out.pictures == out.shown(Tier.SETTLED)
    assert all(one.picture is not None and one.pose.settled for one in out.pictures)
    assert all((one.pose.xyz_m == one.index).all() for one in out.pictures)
    assert len(out.pictures) + pipeline.statistics.not_drawn == 30


def test_where_nothing_is_shown_there_are_no_previews() -> None:
    source = Live(30)
    for _ in range(40):
        source.shown.release()
    options = RunOptions(preview_lookahead=0)
    out = Taken().of(Pipeline(source, TrueDetector(source), NumberingPreviewLifter(), options))
    assert out.rows and out.pictures == [] and all(person.pose3d.settled for person in out.first)


def test_who_shows_frames_without_a_drawer_gets_previews_too() -> None:
    source = Live(30)
    pipeline = Pipeline(
        source, TrueDetector(source), NumberingPreviewLifter(), RunOptions(preview_lookahead=0), shows=True
    )
    out = Taken(lambda picture: source.shown.release()).of(pipeline)
    assert [one.index for one in out.shown(Tier.PREVIEW)] == list(range(30)) == out.frames
    assert all(one.picture is None and one.shown.frame.image.shape == (120, 160, 3) for one in out.pictures)


def test_a_lifter_without_previews_is_refused() -> None:
    with pytest.raises(ConfigError, match="without previews; use `latency` best") as caught:
        piped(Live(3), lifter=NumberingLifter(), preview_lookahead=0)
    assert (caught.value.field, caught.value.value) == ("preview_lookahead", 0)


@pytest.mark.parametrize("every", [2, 3, 5])
def test_sparse_detection_holds_what_is_shown_and_fills_what_settles(every: int) -> None:
    source = Live(41)
    out, pipeline = play(source, detect_every=every)
    for n, person in enumerate(out.first):
        origin = set(person.pose3d.origin.tolist())
        if n % every == 0:
            assert origin == {Origin.MEASURED}
        elif n < 40 - 40 % every:
            assert origin == {Origin.INTERPOLATED}, n
    early = out.shown(Tier.PREVIEW)
    for one in early:
        origin = set(one.pose.origin.tolist())
        if one.index % every == 0:
            assert origin == {Origin.MEASURED}
        else:
            assert origin == {Origin.HELD}
            looked_at = one.index // every * every
            assert (one.shown.people[0].pose2d.xy_px == source.truth_coco_px(looked_at)).all()
    assert len(early) == 41
    assert pipeline.statistics.meter.total_s("detect") > 0


def test_a_person_who_leaves_is_held_briefly_and_then_gone() -> None:
    out, _ = play(Live(60, absent=((20, 40),), fps=30))
    shown = {one.index: one.pose for one in out.shown(Tier.PREVIEW)}
    assert (shown[22].origin == Origin.HELD).all()
    assert all(shown[n].is_missing for n in range(29, 40)) and not shown[40].is_missing
    assert [n for n, person in enumerate(out.first) if person.pose3d.is_missing] == list(range(20, 40))


def test_a_slow_screen_delays_neither_rows_nor_frames() -> None:
    source = Live(60)
    for _ in range(100):
        source.shown.release()
    pipeline = piped(source, Paced(source), preview_lookahead=0)
    out = Taken(lambda picture: time.sleep(0.02)).of(pipeline)
    statistics, pictures = pipeline.statistics, [one.index for one in out.pictures]
    assert out.frames == sorted(out.frames) and len(out.frames) == 60 - statistics.dropped
    assert pictures == sorted(pictures)
    assert len(pictures) + statistics.not_drawn == len(out.frames) and statistics.not_drawn > 0


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
    def lift_with_previews(self, windows, newest, lookahead):
        time.sleep(0.03)
        return super().lift_with_previews(windows, newest, lookahead)


@pytest.mark.parametrize("lookahead", [0, 3])
def test_the_meter_agrees_with_a_clock_in_the_picture(lookahead: int) -> None:
    class NobodySlowly(Leading):
        def __call__(self, frame: Frame) -> list[Pose2D]:
            time.sleep(0.02)
            super().__call__(frame)
            return []

    source = Clocked(20)
    pipeline = piped(source, NobodySlowly(source, lookahead), Slow(), Composer(640, 480), preview_lookahead=lookahead)
    seen_s: list[float] = []

    def look(picture: Picture) -> None:
        assert picture.picture is not None
        seen_s.append(time.perf_counter() - shown_clock_s(picture.picture))
        source.shown.release()

    Taken(look).of(pipeline)
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

        def lift_with_previews(self, windows, newest, lookahead):
            return self(windows), tremble(super().lift_with_previews([], newest, lookahead)[1])

    out, _ = play(Live(40), Trembling(), smooth="strong")
    for people in (out.first, [one.shown.people[0] for one in out.shown(Tier.PREVIEW)]):
        raw = np.array([person.pose3d.xyz_m[5, 0] for person in people])
        smooth = np.array([person.smoothed.xyz_m[5, 0] for person in people if person.smoothed is not None])
        assert len(raw) == len(smooth) == 40
        assert np.abs(np.diff(raw)).min() == pytest.approx(0.02)
        assert np.abs(np.diff(smooth[5:])).max() < 0.008


def test_a_lifter_that_fails_leaves_rows_in_their_place() -> None:
    class Fails(NumberingPreviewLifter):
        def lift_with_previews(self, windows, newest, lookahead):
            if newest and newest[0].target_index == 30:
                raise ModelError("values are not finite")
            return super().lift_with_previews(windows, newest, lookahead)

    source = Live(60)
    out = Taken(lambda picture: source.shown.release())
    with pytest.raises(ModelError, match="not finite"):
        out.of(piped(source, lifter=Fails(), preview_lookahead=0))
    assert out.frames == list(range(31)) == [one.index for one in out.pictures]
    for n, person in enumerate(out.first):
        assert person.pose2d.frame_index == person.pose3d.frame_index == n
        assert (person.pose2d.xy_px == source.truth_coco_px(n)).all()


def test_a_slow_screen_loses_no_rows_of_settled_pictures_and_none_of_a_film() -> None:
    source = Live(60)
    for _ in range(100):
        source.shown.release()
    pipeline = piped(source, Paced(source), NumberingLifter())
    filmed: list[int] = []
    out = Taken(lambda picture: time.sleep(0.02)).of(pipeline, recorder=Filmed(filmed, recording=False))
    statistics = pipeline.statistics
    assert len(out.frames) == statistics.frames == 60 - statistics.dropped and out.frames == sorted(out.frames)
    assert filmed == sorted(filmed) and len(filmed) > statistics.pictures - 1
    assert statistics.pictures + statistics.not_drawn == statistics.frames


class Filmed:
    """A ``Recorder`` that notes the numbers of the frames."""

    def __init__(self, frames: list[int], recording: bool = True) -> None:
        self._frames, self.recording = frames, recording

    def record(self, drawn: Drawn, wait: bool) -> None:
        self._frames.append(drawn.shown.frame.index)


class Gated(Composer):
    """Draws the first picture when it is told to, so that drawing is behind."""

    def __init__(self) -> None:
        super().__init__(*SIZE)
        self.gate = threading.Event()

    def draw(self, shown, status):
        assert self.gate.wait(10)
        return super().draw(shown, status)


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

    def lift_with_previews(self, windows, newest, lookahead):
        self._count(len(newest))
        return NumberingLifter.__call__(self, windows), super().lift_with_previews([], newest, lookahead)[1]


@pytest.mark.parametrize(("latency", "window"), [(0, 27), (3, 27), (13, 27), (121, 243)])
def test_a_film_holds_every_processed_frame(latency: int, window: int) -> None:
    """Drawing is behind for a moment; the look-ahead may be longer than the second for which frames wait."""
    source, composer = Live(180, fps=60), Gated()
    lifter = Counting(source, composer, 30, window)
    pipeline = piped(source, Leading(source, latency), lifter, composer, preview_lookahead=latency)
    filmed: list[int] = []

    class Asking(Filmed):
        def record(self, drawn: Drawn, wait: bool) -> None:
            super().record(drawn, wait)
            source.shown.release()

    out = Taken().of(pipeline, recorder=Asking(filmed))
    assert filmed == out.frames and len(out.frames) == 180 - pipeline.statistics.dropped > 100


@pytest.mark.parametrize(("still_filming", "waiting"), [(True, 10), (False, 1)])
def test_what_waits_for_drawing_is_at_most_a_second_old(still_filming: bool, waiting: int) -> None:
    """And when the film is stopped, the newest picture wins again."""
    source, composer = Live(100, fps=10), Gated()
    filmed: list[int] = []
    film = Filmed(filmed)

    class Ending(Counting):
        def _count(self, frames: int) -> None:
            if self._left == 2:
                film.recording = still_filming
            super()._count(frames)

    pipeline = piped(source, lifter=Ending(source, composer, 60), composer=composer, preview_lookahead=0)
    Taken(lambda picture: source.shown.release()).of(pipeline, recorder=film)
    assert filmed[0] == 0 and filmed == sorted(filmed)
    # One more may have been on its way to the one that draws.
    first_after = filmed[1] if filmed[1] > 1 else filmed[2]
    assert 60 - waiting - 1 <= first_after and pipeline.statistics.not_drawn >= 60 - waiting - 2


def test_sparser_than_the_lifter_can_fill_is_refused() -> None:
    source = Live(3)
    with pytest.raises(ConfigError, match=r"detect_every 14 .* at most 13"):
        Pipeline(source, TrueDetector(source), NumberingLifter(), RunOptions(detect_every=14))


@pytest.mark.parametrize(("fps", "every"), [(15, 5), (30, 13), (8, 3)])
def test_sparse_detection_fills_its_gaps_at_any_rate(fps: int, every: int) -> None:
    source = SyntheticSource(SyntheticOptions(frames=60, width_px=SIZE[0], height_px=SIZE[1], fps=fps))
    out = Taken().of(Pipeline(source, TrueDetector(source), NumberingLifter(), RunOptions(detect_every=every)))
    missing = [n for n, person in enumerate(out.first) if person.pose3d.is_missing]
    assert len(out.rows) == 60
    assert [n for n in missing if n <= 59 // every * every] == []


def test_stopping_before_the_run_begins_is_an_empty_run() -> None:
    source = Live(10)
    pipeline = Pipeline(source, TrueDetector(source), NumberingPreviewLifter())
    pipeline.stop()
    assert Taken().of(pipeline).order == []


@pytest.mark.parametrize("lookahead", [0, 3, 13])
def test_previews_of_two_people(lookahead: int) -> None:
    class LeadingPair(Leading, PairDetector):
        pass

    source = Live(40)
    detector = LeadingPair(source, lookahead)
    pipeline = Pipeline(
        source, detector, NumberingPreviewLifter(), RunOptions(preview_lookahead=lookahead, smooth="light"), shows=True
    )
    out = Taken(lambda picture: source.shown.release()).of(pipeline)
    assert out.frames == list(range(40))
    for rows in out.rows:
        assert [person.track_id for person in rows.people] == ([0] if rows.frame_index < 10 else [0, 3])
    for one in out.pictures:
        assert [person.track_id for person in one.shown.people] == ([0] if one.index < 10 else [0, 3])
        half = 0.5 if one.shown.tier is Tier.PREVIEW else 0.0
        for person in one.shown.people:
            assert (person.pose3d.xyz_m == one.index + half + 1000 * person.track_id).all()
            assert person.smoothed is not None and person.smoothed.track_id == person.track_id
