"""The window's own process, started by ``pipeline.render.window_process``; it imports OpenCV and never PyAV.

    python -m pipeline.render.window_main SOCKET MEMORY TITLE

Shows the newest picture that it is told of, and reports the user's keys. It ends when the run hangs up or is gone,
even if it is stuck in Qt.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import suppress

import cv2

from pipeline.render.cv_window import CvWindow
from pipeline.render.keys import CLOSED
from pipeline.render.shared_pictures import SharedPictures
from pipeline.render.window_messages import Channel, Ended, Kind, Message

_LOOK_S = 0.01  # how often the window handles events while no picture comes
_PARENT_LOOK_S = 1.0


def _end_with_the_run(channel: Channel) -> None:
    """End this process, whatever it is doing, when the run is gone: a fork of the run may hold its end open."""
    parent = os.getppid()
    while not channel.has_ended(_PARENT_LOOK_S) and os.getppid() == parent:
        pass
    os._exit(0)


def _serve_window(channel: Channel, pictures: SharedPictures, window: CvWindow) -> None:
    """Show pictures and report keys until the window is closed, then report that.

    Raises:
        Ended: the run is gone.
    """
    window.open()
    channel.send(Message(Kind.OPENED))
    code = -1
    while code != CLOSED:
        channel.wait(_LOOK_S)
        newest = max(channel.messages(), default=None)  # all are of the same kind, so the highest number
        picture = None if newest is None else pictures.get(newest.number)
        if picture is not None:
            window.show(picture)
        code = window.key(1)
        if newest is not None and picture is not None:
            channel.send(Message(Kind.SHOWN, newest.number, time.monotonic() - newest.seconds))
        while code >= 0:
            channel.send(Message(Kind.KEY, code))
            code = window.key(1)
    told = False
    while True:  # the last message must arrive, so the run is the one to hang up
        told = told or channel.send(Message(Kind.CLOSED))
        channel.wait(_LOOK_S if not told else _PARENT_LOOK_S)
        for _ in channel.messages():
            pass


def main(arguments: list[str]) -> None:
    """Entry of the process: descriptors of the socket and of the memory, title of the window."""
    end, memory, title = arguments
    cv2.setNumThreads(1)
    channel = Channel(socket.socket(fileno=int(end)))
    threading.Thread(target=_end_with_the_run, args=(channel,), name="end with the run", daemon=True).start()
    with suppress(Ended):
        _serve_window(channel, SharedPictures(int(memory)), CvWindow(title))


if __name__ == "__main__":
    main(sys.argv[1:])
