"""What the window's process and the run say to each other, in messages of one size.

    run -> window      PICTURE number, when it was handed over
    window -> run      OPENED; SHOWN number, its delay; KEY code; CLOSED

Neither side ever waits until the other listens: what finds no room is left out.
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
    """What a message is about."""

    PICTURE = 1
    OPENED = 2
    SHOWN = 3
    KEY = 4
    CLOSED = 5


class Message(NamedTuple):
    """One message.

    Attributes:
        kind: what it is about.
        number: of a picture, or the code of a key.
        seconds: PICTURE: on the clock of ``time.monotonic``, which all processes of Linux share; SHOWN: since then.
    """

    kind: Kind
    number: int = 0
    seconds: float = 0.0


class Ended(Exception):
    """The other process has gone."""


class Channel:
    """One end of the connection.

    Args:
        end: of a ``socketpair`` that keeps messages apart (SOCK_SEQPACKET).
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
        """Wait at most so long for a message or the end."""
        poller = select.poll()
        poller.register(self._end, select.POLLIN)
        poller.poll(1000 * limit_s)

    def has_ended(self, limit_s: float) -> bool:
        """Wait at most so long until there is no other side; reads nothing, so another thread may."""
        poller = select.poll()
        poller.register(self._end, 0)  # a hang-up is always told
        return bool(poller.poll(1000 * limit_s))

    def messages(self) -> Iterator[Message]:
        """What has come so far.

        Raises:
            Ended: all has been read and there is no other side.
        """
        while True:
            try:
                data = self._end.recv(_FORMAT.size)
            except BlockingIOError:
                return
            except ConnectionResetError:  # told once, before what it had said, if it ended without reading all
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
