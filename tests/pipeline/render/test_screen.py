from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.render.keys import CLOSED, HELP_LINES, Command, command_of
from pipeline.render.screen import Screen


@dataclass
class StandIn:
    """A window without a display. ``keys`` are given one at each look; a second passes at every look."""

    keys: list[int] = field(default_factory=list)
    shown: list[U8] = field(default_factory=list)
    waits_ms: list[int] = field(default_factory=list)
    open: bool = True
    now_s: float = 0.0

    def show(self, picture: U8) -> None:
        self.shown.append(picture.copy())

    def key(self, wait_ms: int) -> int:
        assert wait_ms >= 0
        self.waits_ms.append(wait_ms)
        self.now_s += 1.0
        if not self.open:
            return CLOSED
        return self.keys.pop(0) if self.keys else -1

    def delays_s(self) -> list[float]:
        return []

    def close(self) -> None:
        self.open = False


def picture(level: int = 100) -> U8:
    return np.full((360, 1000, 3), level, np.uint8)


def screen_with(*keys: str | int) -> tuple[Screen, StandIn]:
    """A screen whose first message is over."""
    window = StandIn([ord(key) if isinstance(key, str) else key for key in keys])
    screen = Screen(window, lambda: window.now_s)
    screen.say("", 0.0)
    return screen, window


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (-1, None),
        (ord("q"), Command.QUIT),
        (ord("Q"), Command.QUIT),
        (27, Command.QUIT),
        (0xFF1B, Command.QUIT),
        (ord(" "), Command.PAUSE),
        (ord("r"), Command.RECORD),
        (ord("s"), Command.SNAPSHOT),
        (ord("m"), Command.MIRROR),
        (ord("h"), Command.HELP),
        (ord("x"), None),
        (0x100000 | ord("m"), Command.MIRROR),  # GTK with Num Lock
        (0xFF51, None),  # arrow left, which ends in the code of Q
        (0xFF52, None),
        (0xFF53, None),
        (0x250000, None),  # arrow left on Windows
    ],
)
def test_codes(code: int, expected: Command | None) -> None:
    assert command_of(code) is expected


def test_the_help_names_every_command_and_keys_that_do_it() -> None:
    codes = {"Esc": 27, "space": ord(" ")}
    for keys, words in HELP_LINES:
        for key in keys.split():
            command = command_of(codes.get(key) or ord(key))
            assert command is not None and command.value == words
    assert [words for _, words in HELP_LINES] == [command.value for command in Command]


def test_without_hints_the_picture_itself_is_shown() -> None:
    screen, window = screen_with()
    assert screen.show(picture(1)) is None and screen.show(picture(2)) is None
    assert [int(shown.min()) for shown in window.shown] == [1, 2] == [int(shown.max()) for shown in window.shown]


def test_commands_reach_the_caller_one_by_one() -> None:
    screen, _ = screen_with("r", "s", "m", "x", "q")
    assert [screen.show(picture()) for _ in range(6)] == [
        Command.RECORD,
        Command.SNAPSHOT,
        Command.MIRROR,
        None,
        Command.QUIT,
        None,
    ]


def test_while_paused_the_picture_stands_still_under_a_badge() -> None:
    screen, window = screen_with(" ", -1, " ")
    first = picture(50)
    assert screen.show(first) is Command.PAUSE and screen.paused
    screen.show(picture(200))
    assert screen.picture is first
    assert window.shown[-1][100:, :500].max() == 50
    assert (window.shown[-1][:40, -120:] != 50).any()
    assert screen.show(picture(201)) is Command.PAUSE and not screen.paused
    screen.show(picture(202))
    assert (window.shown[-1] == 202).all()


def test_nothing_is_drawn_again_while_nothing_changes() -> None:
    screen, window = screen_with(" ")
    screen.show(picture())
    for _ in range(5):
        screen.show(picture())
    assert len(window.shown) == 2  # the picture, and then its badge


def test_the_recording_badge_has_a_red_dot_and_spares_the_picture() -> None:
    screen, window = screen_with()
    source = picture()
    screen.recording = True
    screen.show(source)
    blue, green, red = np.moveaxis(window.shown[0].astype(int), -1, 0)
    rows, columns = np.nonzero((red > 180) & (green < 90) & (blue < 90))
    assert len(rows) > 30 and rows.max() < 40 and columns.min() > 800
    assert (source == 100).all() and screen.picture is source


def test_both_badges_are_side_by_side() -> None:
    screen, window = screen_with(" ")
    screen.recording = True
    screen.show(picture())
    without = window.shown[-1]
    screen.show(picture())
    changed = np.nonzero((window.shown[-1] != without).any((0, 2)))[0]
    badge = np.nonzero((without != 100).any((0, 2)))[0]
    assert changed.max() < badge.min()


def test_h_shows_the_help_and_hides_it_again() -> None:
    screen, window = screen_with("h", "h", -1)
    assert screen.show(picture()) is Command.HELP
    assert screen.show(picture()) is Command.HELP
    rows, columns = np.nonzero((window.shown[-1] != 100).any(-1))
    assert abs(rows.min() + rows.max() - 360) <= 2 and 640 < columns.min() < columns.max() < 1000
    assert 100 < rows.max() - rows.min() < 300
    assert window.shown[-1][rows.min() : rows.max(), columns.min() : columns.max()].max() > 200
    screen.show(picture())
    assert (window.shown[-1] == 100).all()


def test_a_message_comes_and_goes() -> None:
    screen, window = screen_with()
    screen.say("saved snapshot_0001.png", 2.5)
    for _ in range(4):  # a second passes each time
        screen.show(picture())
    changed = [bool((shown != 100).any()) for shown in window.shown]
    assert changed == [True, True, True, False]
    rows, columns = np.nonzero((window.shown[0] != 100).any(-1))
    assert rows.min() > 300 and columns.max() < 500


def test_at_first_the_help_key_is_named() -> None:
    window = StandIn()
    Screen(window, lambda: window.now_s).show(picture())
    assert (window.shown[0][300:] != 100).any()


def test_wait_answers_the_keys_without_a_new_picture() -> None:
    screen, window = screen_with(-1, " ", -1, -1, "s")
    screen.show(picture())
    assert screen.wait(60.0) is Command.PAUSE
    assert screen.wait(60.0) is Command.SNAPSHOT
    assert len(window.shown) == 2


def test_wait_ends() -> None:
    screen, window = screen_with()
    assert screen.wait(3.0) is None
    assert window.now_s == 3.0
    assert len(window.shown) == 1 and window.shown[0].max() > 120 and screen.picture is None


def test_looking_once_and_showing_take_no_time() -> None:
    screen, window = screen_with()
    screen.wait(0.0)
    screen.show(picture())
    assert window.waits_ms == [0, 0]


def test_a_closed_window_means_quit_at_every_call() -> None:
    screen, window = screen_with("s")
    window.open = False
    assert screen.show(picture()) is Command.QUIT
    assert screen.show(picture()) is Command.QUIT
    assert screen.wait(60.0) is Command.QUIT


def test_the_context_closes_the_window() -> None:
    screen, window = screen_with()
    with pytest.raises(RuntimeError), screen:
        raise RuntimeError
    assert not window.open


def test_pictures_of_any_size() -> None:
    screen, window = screen_with("h")
    screen.recording = True
    screen.say("a long message that is wider than the picture")
    for shape in ((2, 2, 3), (20, 900, 3), (900, 20, 3), (1080, 3000, 3)):
        screen.show(np.zeros(shape, np.uint8))
        assert window.shown[-1].shape == shape


def test_a_message_that_is_too_long_ends_in_the_picture() -> None:
    screen, window = screen_with()
    screen.say("reconnecting: " + "a very long reason " * 20)
    screen.show(picture())
    columns = np.nonzero((window.shown[0] != 100).any((0, 2)))[0]
    assert 900 < columns.max() < 1000 - 4
