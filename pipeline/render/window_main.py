"""The window's own process, started by ``pipeline.render.window_process``; it imports OpenCV and never PyAV.

    python -m pipeline.render.window_main SOCKET MEMORY TITLE

Shows the newest of the pictures that it is told of, and tells what the user does. It ends when the window is closed,
and when the run has gone, even if it is stuck in Qt then.
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

_LOOK_S = 0.02  # how often the window looks after its user while no picture comes


def _end_with_the_run(channel: Channel) -> None:
    channel.wait_for_end()
    os._exit(0)


def _serve(channel: Channel, pictures: SharedPictures, window: CvWindow) -> None:
    """Show pictures and tell of keys until the window is closed.

    Raises:
        Ended: the run has gone.
    """
    window.open()
    channel.send(Message(Kind.OPENED))
    while True:
        channel.wait(_LOOK_S)
        newest = max(channel.messages(), default=None)  # all are of the same kind, so the highest number
        picture = None if newest is None else pictures.get(newest.number)
        if picture is not None:
            window.show(picture)
        code = window.key(1)
        if newest is not None and picture is not None:
            channel.send(Message(Kind.SHOWN, newest.number, time.monotonic() - newest.seconds))
        if code == CLOSED:
            channel.send(Message(Kind.CLOSED))
            return
        if code >= 0:
            channel.send(Message(Kind.KEY, code))


def main(arguments: list[str]) -> None:
    """Entry of the process: descriptors of the socket and of the memory, title of the window."""
    end, memory, title = arguments
    cv2.setNumThreads(1)
    channel = Channel(socket.socket(fileno=int(end)))
    threading.Thread(target=_end_with_the_run, args=(channel,), name="end with the run", daemon=True).start()
    with suppress(Ended):
        _serve(channel, SharedPictures(int(memory)), CvWindow(title))


if __name__ == "__main__":
    main(sys.argv[1:])
