"""Messages of one size between the run and the window's process.

    run -> window      PICTURE number, when it was handed over
    window -> run      OPENED; SHOWN number, its delay; KEY code; CLOSED

Neither side ever waits for the other: a message that finds no room is dropped.
"""

from __future__ import annotations

import select
import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_FORMAT = struct.Struct("=bqd")


class Kind(IntEnum):
    """Kinds of messages."""

    PICTURE = 1
    OPENED = 2
    SHOWN = 3
    KEY = 4
    CLOSED = 5


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: kind of the message.
        number: number of a picture, or code of a key.
        seconds: PICTURE: ``time.monotonic``, a clock that all processes of Linux share; SHOWN: delay since then.
    """

    kind: Kind
    number: int = 0
    seconds: float = 0.0


class Ended(Exception):
    """The other process is gone."""


class Channel:
    """One end of the connection.

    Args:
        end: one end of a ``socketpair`` that keeps messages apart (SOCK_SEQPACKET).
    """

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)
        self._end = end

    def send(self, message: Message) -> bool:
        """Send; False if the other side has too much unread.

        Raises:
            Ended: there is no other side.
        """
        try:
            self._end.send(_FORMAT.pack(*message))
        except BlockingIOError:
            return False
        except OSError as error:
            raise Ended from error
        return True

    def wait(self, limit_s: float) -> None:
        """Wait at most ``limit_s`` for a message or the end."""
        poller = select.poll()
        poller.register(self._end, select.POLLIN)
        poller.poll(1000 * limit_s)

    def has_ended(self, limit_s: float) -> bool:
        """Wait at most ``limit_s`` for the other side to be gone. Reads nothing, so another thread may read."""
        poller = select.poll()
        poller.register(self._end, 0)  # a hang-up is always reported
        return bool(poller.poll(1000 * limit_s))

    def messages(self) -> Iterator[Message]:
        """The messages that have arrived.

        Raises:
            Ended: all has been read and there is no other side.
        """
        while True:
            try:
                data = self._end.recv(_FORMAT.size)
            except BlockingIOError:
                return
            except ConnectionResetError:  # raised once, before its last messages, if it ended with messages unread
                continue
            except OSError as error:
                raise Ended from error
            if not data:
                raise Ended
            kind, number, seconds = _FORMAT.unpack(data)
            yield Message(Kind(kind), number, seconds)

    def close(self) -> None:
        """Hang up: the other side notices. Calling it again does nothing."""
        self._end.close()
