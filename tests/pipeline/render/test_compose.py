from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arrays import F32, U8
from pipeline.render.compose import Composer
from pipeline.render.layout import lay_out
from pipeline.render.status import Status
from pipeline.skeletons import COCO_17
from pipeline.types import Frame, Person, Pose2D, Pose3D
from tests.pipeline.render.bodies import body2d, body3d, hue, person, shown

PLAIN = Status()


def frame(width: int, height: int, level: int = 120, index: int = 7) -> Frame:
    return Frame(index, 0.25, np.full((height, width, 3), level, np.uint8))


def knee(pose: Pose2D, side: str) -> F32:
    return (pose.xy_px[COCO_17.index(f"{side}_hip")] + pose.xy_px[COCO_17.index(f"{side}_knee")]) / 2


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ((1280, 720), (2000, 720)),
        ((1920, 1080), (3000, 1080)),
        ((3840, 2160), (3000, 1080)),
        ((1080, 1920), (1520, 1080)),
        ((641, 479), (1120, 480)),
        ((64, 48), (560, 240)),
    ],
)
def test_sizes(source: tuple[int, int], expected: tuple[int, int]) -> None:
    layout = lay_out(*source)
    assert (layout.width, layout.height) == expected


@given(st.integers(1, 8000), st.integers(1, 8000))
def test_any_source_has_a_layout(width: int, height: int) -> None:
    layout = lay_out(width, height)
    assert layout.width % 2 == 0 and layout.height % 2 == 0
    assert 240 <= layout.height <= 1080 and layout.picture_width <= 1920
    assert layout.picture_width + layout.panel_width == layout.width
    assert layout.picture_top + layout.picture_height <= layout.height
    assert 240 <= layout.panel_width <= layout.height
    assert layout.panel_width <= 240 or layout.panel_width <= 0.6 * layout.width + 2


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (64, 48), (900, 20), (20, 900), (333, 221)])
def test_output_has_the_announced_size(width: int, height: int) -> None:
    composer = Composer(width, height)
    image = composer.draw(
        shown(frame(width, height), person(body2d(width, height), body3d())), Status(29.97, "settled")
    )
    assert image.shape == (composer.output_size[1], composer.output_size[0], 3) and image.dtype == np.uint8


def test_the_picture_is_on_the_left_and_the_panel_on_the_right() -> None:
    composer = Composer(640, 360)
    image = composer.draw(shown(frame(640, 360)), PLAIN)
    assert (image[60:, :640] == 120).all()
    assert image[:, 640:].mean() < 60


@pytest.mark.parametrize("size", [(640, 360), (1920, 1440), (100, 100)])
def test_keypoints_scale_with_the_picture(size: tuple[int, int]) -> None:
    composer = Composer(*size)
    pose = body2d(*size)
    image = composer.draw(shown(frame(*size), person(pose)), PLAIN)
    scale = lay_out(*size).picture_height / size[1]
    assert hue(image, knee(pose, "l") * scale) == "left"
    assert hue(image, knee(pose, "r") * scale) == "right"


def test_the_frame_is_not_changed() -> None:
    source = frame(320, 240)
    before = source.image.copy()
    Composer(320, 240).draw(shown(source, person(body2d(320, 240), body3d())), Status(30.0, "note"))
    assert (source.image == before).all()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_state_is_readable_on_any_background(level: int) -> None:
    image = Composer(640, 360).draw(shown(frame(640, 360, level)), Status(30.0, "preview"))
    box = image[8:26, 8:150].astype(int)
    assert box.max() > 215
    assert np.median(box) < 100


def test_the_state_shows_number_fps_and_note() -> None:
    composer = Composer(640, 360)

    def drawn(index: int, fps: float | None, note: str) -> bytes:
        return composer.draw(shown(frame(640, 360, 90, index)), Status(fps, note)).tobytes()

    pictures = {
        drawn(7, None, ""),
        drawn(8, None, ""),
        drawn(7, 30.0, ""),
        drawn(7, 31.0, ""),
        drawn(7, 30.0, "settled"),
    }
    assert len(pictures) == 5
    assert drawn(7, float("nan"), "") == drawn(7, None, "")


def test_latency_drops_and_note_are_on_a_second_line() -> None:
    composer = Composer(640, 360)
    line = slice(33, 51)

    def drawn(latency_ms: float | None = None, dropped: int = 0, note: str = "") -> U8:
        return composer.draw(shown(frame(640, 360)), Status(30.0, note, latency_ms, dropped=dropped))

    plain = drawn()
    assert (plain[36:, :640] == 120).all()
    states = [drawn(62.0), drawn(63.0), drawn(62.0, 3), drawn(62.0, 4), drawn(note="preview"), drawn(dropped=4)]
    assert len({state[line].tobytes() for state in states}) == len(states)
    for state in states:
        assert np.array_equal(state[8:28, 8:150], plain[8:28, 8:150])
        assert (state[56:, :640] == 120).all()
        assert state[line, 8:60].max() > 215
    assert np.array_equal(drawn(float("nan")), plain)


def test_text_has_a_least_size() -> None:
    """Its capitals and digits are eleven pixels high at 640x360, which was seven."""
    image = Composer(640, 360).draw(shown(frame(640, 360, 0)), PLAIN)
    rows = np.nonzero((image[:34, 12:200] > 160).any((1, 2)))[0]
    assert 10 <= rows.max() - rows.min() <= 14


@pytest.mark.parametrize("size", [(640, 360), (240, 426), (120, 240), (64, 48), (20, 900)])
def test_where_there_is_little_room_there_are_fewer_words(size: tuple[int, int]) -> None:
    """The text stays on the picture, and the note, which says that a stream is gone, stays longest."""
    composer, width = Composer(*size), lay_out(*size).picture_width

    def drawn(note: str) -> U8:
        status = Status(29.97, note, latency_ms=123.0, latency_p95_ms=161.0, dropped=1234)
        return composer.draw(shown(frame(*size, 0)), status)

    image = drawn("reconnecting")
    assert np.array_equal(image[:, width:], Composer(*size).draw(shown(frame(*size, 0)), PLAIN)[:, width:])
    assert width < 100 or not np.array_equal(image, drawn("settled"))


def uneven(width: int, height: int) -> Frame:
    """Dark on the left, bright on the right."""
    ramp = np.linspace(40, 200, width).astype(np.uint8)
    return Frame(7, 0.25, np.repeat(np.repeat(ramp[None, :, None], height, 0), 3, 2))


@pytest.mark.parametrize("size", [(640, 360), (1920, 1440), (100, 100), (900, 20)])
def test_a_mirror_flips_picture_and_skeleton_only(size: tuple[int, int]) -> None:
    composer, source = Composer(*size), uneven(*size)
    layout = lay_out(*size)
    pose = replace(body2d(*size), xy_px=body2d(*size).xy_px + np.array([0.1 * size[0], 0], np.float32))
    plain = composer.draw(shown(source, person(pose, body3d())), Status(30.0))
    composer.mirror = True
    mirrored = composer.draw(shown(source, person(pose, body3d())), Status(30.0))
    empty = Frame(7, 0.25, source.image[:, ::-1].copy())
    composer.mirror = False
    unmarked = composer.draw(shown(empty, person(pose3d=body3d())), Status(30.0))
    assert np.array_equal(mirrored[:, layout.picture_width :], plain[:, layout.picture_width :])
    painted = (mirrored != unmarked).any(-1)
    # The text is the same as over a picture that came mirrored, and the skeleton is where the mirror has it.
    assert not painted[:, : layout.picture_width // 8].any()
    x_px = layout.picture_width - 1 - ((pose.xy_px[:, 0] + 0.5) * layout.picture_width / size[0] - 0.5)
    columns = np.nonzero(painted.any(0))[0]
    assert (
        abs(columns.min() - x_px.min()) < 0.02 * layout.width and abs(columns.max() - x_px.max()) < 0.02 * layout.width
    )


def test_in_a_mirror_the_persons_left_stays_orange() -> None:
    composer, pose = Composer(640, 360), body2d(640, 360)
    composer.mirror = True
    image = composer.draw(shown(frame(640, 360), person(pose)), PLAIN)
    for side, expected in (("l", "left"), ("r", "right")):
        x, y = knee(pose, side)
        assert hue(image, np.array([639 - x, y])) == expected
        assert hue(image, np.array([x, y])) != expected


def test_a_mirror_does_not_change_the_frame() -> None:
    source = uneven(640, 360)
    before, composer = source.image.copy(), Composer(640, 360)
    composer.mirror = True
    composer.draw(shown(source), PLAIN)
    assert np.array_equal(source.image, before)


def test_a_shrunken_frame_gives_the_same_picture() -> None:
    composer = Composer(3840, 2160)
    large = frame(3840, 2160)
    small = composer.shrink(large)
    assert small.image.nbytes < large.image.nbytes / 3
    pose = body2d(3840, 2160)
    assert np.array_equal(
        composer.draw(shown(large, person(pose)), PLAIN), composer.draw(shown(small, person(pose)), PLAIN)
    )
    assert hue(composer.draw(shown(small, person(pose)), PLAIN), knee(pose, "l") / 2) == "left"


def test_a_frame_that_is_small_already_is_not_copied() -> None:
    picture = frame(640, 360)
    assert Composer(640, 360).shrink(picture) is picture


def test_missing_people_and_notes_in_any_script() -> None:
    composer = Composer(320, 240)
    nobody = Person(Pose2D.missing(7, 0.25), Pose3D.missing(7, 0.25))
    broken = Person(
        replace(body2d(320, 240), xy_px=np.full((17, 2), np.nan, np.float32)),
        replace(body3d(), xyz_m=np.full((17, 3), np.inf, np.float32)),
    )
    composer.draw(shown(frame(320, 240), nobody, broken), Status(None, "läuft 日本 \n\t"))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 300), st.integers(1, 300))
def test_any_small_source_is_composed(width: int, height: int) -> None:
    composer = Composer(width, height)
    image = composer.draw(shown(frame(width, height), person(body2d(width, height), body3d())), Status(30.0, "settled"))
    assert image.shape[1::-1] == composer.output_size


def test_every_person_is_drawn_in_picture_and_panel() -> None:
    """The second one stands beside the first, in the picture; the panel shows both."""
    composer, pose = Composer(640, 360), body2d(640, 360)
    beside = replace(pose, track_id=3, xy_px=pose.xy_px + np.array([150, 0], np.float32))
    one, other = person(pose, body3d()), person(beside, body3d(3))
    alone = composer.draw(shown(frame(640, 360), one), PLAIN)
    both = composer.draw(shown(frame(640, 360), one, other), PLAIN)
    for image, people in ((alone, [pose]), (both, [pose, beside])):
        assert all(hue(image, knee(each, "l")) == "left" and hue(image, knee(each, "r")) == "right" for each in people)
    assert hue(alone, knee(beside, "l")) == "middle"
    assert not np.array_equal(alone[:, 640:], both[:, 640:])


def test_where_there_are_smoothed_poses_they_are_drawn() -> None:
    raw, calm = body3d(), replace(body3d(), xyz_m=body3d().xyz_m * np.float32(0.5))
    missing = Pose2D.missing(0, 0.0)
    pictures = [
        Composer(640, 360).draw(shown(frame(640, 360), drawn), PLAIN)
        for drawn in (Person(missing, raw), Person(missing, raw, calm), Person(missing, calm))
    ]
    assert not np.array_equal(pictures[0], pictures[1]) and np.array_equal(pictures[1], pictures[2])
