"""The keys of the window and what they mean."""

from __future__ import annotations

from enum import Enum


class Command(Enum):
    """Commands of the user; the value is the text in the help."""

    QUIT = "quit"
    PAUSE = "pause or go on"
    RECORD = "start or stop recording"
    SNAPSHOT = "save a picture"
    MIRROR = "mirror the picture"
    HELP = "show or hide this help"


HELP_LINES: tuple[tuple[str, str], ...] = (
    ("q  Esc", Command.QUIT.value),
    ("space", Command.PAUSE.value),
    ("r", Command.RECORD.value),
    ("s", Command.SNAPSHOT.value),
    ("m", Command.MIRROR.value),
    ("h  ?", Command.HELP.value),
)

CLOSED = -2
"""In place of the code of a key: the user has closed the window."""

# 0xFF1B is Escape as X11 calls it, which some builds of OpenCV pass on.
_COMMANDS: dict[int, Command] = {
    27: Command.QUIT,
    0xFF1B: Command.QUIT,
    ord("q"): Command.QUIT,
    ord(" "): Command.PAUSE,
    ord("r"): Command.RECORD,
    ord("s"): Command.SNAPSHOT,
    ord("m"): Command.MIRROR,
    ord("h"): Command.HELP,
    ord("?"): Command.HELP,
}


def command_of(code: int) -> Command | None:
    """The command of a key; None if it has no command.

    Args:
        code: as ``cv2.waitKeyEx`` gives it; negative is no key. Not that of ``cv2.waitKey`` or ``pollKey``: they cut
            it to eight bits, and then the arrow keys (0xFF51 to 0xFF53) are the letters Q, R and S.
    """
    if code < 0:
        return None
    key = code & 0xFFFF  # GTK puts the state of Shift, Num Lock and so on above
    if ord("A") <= key <= ord("Z"):
        key += ord("a") - ord("A")
    return _COMMANDS.get(key)
