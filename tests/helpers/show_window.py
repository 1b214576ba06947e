"""A program that opens the real window, for tests: ``python -m tests.helpers.show_window process|inside``.

``process``: as a run on Linux does it, and with PyAV imported first; ``inside``: as a run elsewhere does it. Reads one
order a line and answers each with one line: the command that came from the window, or 'none'.

    show            show the picture a few times
    key             show it until a command comes, or ten seconds
    wait            the same without a new picture
    idle            wait a tenth of a second without a new picture
    recording       switch the badge on
    say WORDS       show a message; without words it goes away
"""

from __future__ import annotations

import importlib
import sys
import time
from functools import cache

import numpy as np

if sys.argv[1:] == ["process"]:
    importlib.import_module("av")

from pipeline.arrays import U8
from pipeline.render.compose import Composer
from pipeline.render.cv_window import CvWindow
from pipeline.render.display import open_window
from pipeline.render.keys import Command
from pipeline.render.screen import Screen
from pipeline.render.status import Status
from pipeline.types import Frame
from tests.pipeline.render.bodies import body2d, body3d, person, shown

TITLE = "PoseStride"
SIZE_PX = (640, 360)
_LIMIT_S = 10.0


@cache
def picture() -> U8:
    """What the program shows; made once, since the axes of its panel take a while."""
    frame = Frame(7, 0.25, np.full((SIZE_PX[1], SIZE_PX[0], 3), (90, 140, 110), np.uint8))
    made = Composer(*SIZE_PX).draw(shown(frame, person(body2d(*SIZE_PX), body3d())), Status(30.0, "preview"))
    made.flags.writeable = False
    return made


def _until_command(screen: Screen, image: U8, fresh: bool) -> Command | None:
    end_s = time.monotonic() + _LIMIT_S
    while time.monotonic() < end_s:
        command = screen.show(image.copy()) if fresh else screen.wait(0.05)
        if command is not None:
            return command
    return None


def _obey(order: str, screen: Screen, image: U8) -> Command | None:
    verb, _, words = order.partition(" ")
    if verb == "show":
        commands = [screen.show(image.copy()) for _ in range(5)]
        return next((command for command in commands if command), None)
    if verb in ("key", "wait"):
        return _until_command(screen, image, verb == "key")
    if verb == "idle":
        return screen.wait(0.1)
    if verb == "recording":
        screen.recording = True
    elif verb == "say":
        screen.say(words, 60.0)
    else:
        raise ValueError(f"unknown order {order!r}")
    return None


def main() -> None:
    """Obey until the input ends."""
    image = picture()
    window = open_window(TITLE) if sys.argv[1:] == ["process"] else CvWindow(TITLE)
    with Screen(window) as screen:
        for line in sys.stdin:
            command = _obey(line.rstrip("\n"), screen, image)
            print(command.name if command else "none", flush=True)


if __name__ == "__main__":
    main()
