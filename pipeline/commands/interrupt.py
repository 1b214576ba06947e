"""Ctrl-C, SIGTERM and SIGHUP: a run that is asked to end keeps what is finished; anything else ends at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "interrupted: the terminal was closed"}


class Interrupt(KeyboardInterrupt):
    """A signal that asks the program to end.

    Args:
        number: of the signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(_WORDS[signal.Signals(number).name])
        self.exit_code = 128 + number


@contextmanager
def interrupts() -> Iterator[None]:
    """Raise ``Interrupt`` in the main thread when a signal asks the program to end."""

    def handle(number: int, _: FrameType | None) -> None:
        raise Interrupt(number)

    with _handled(handle):
        yield


class Stop:
    """Whether a run was asked to end, and how.

    Attributes:
        interrupt: what asked first; None if nothing did.
    """

    interrupt: Interrupt | None = None


@contextmanager
def stopping(end: Callable[[], None]) -> Iterator[Stop]:
    """The first signal calls ``end``, in a thread; a second one raises ``Interrupt``.

    Args:
        end: makes the run take no more frames and finish those under way.
    """
    stop = Stop()

    def handle(number: int, _: FrameType | None) -> None:
        # In a thread: the signal may have come while the main thread holds the lock that this needs.
        threading.Thread(target=end, name="interrupt", daemon=True).start()
        if stop.interrupt is not None:
            raise Interrupt(number)
        stop.interrupt = Interrupt(number)

    with _handled(handle):
        yield stop


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Handle the signals so; only the main thread can, and ``nohup`` has the last word."""
    with ExitStack() as stack:
        for number in _SIGNALS if threading.current_thread() is threading.main_thread() else []:
            # A shell without job control starts what is in the background with SIGINT ignored; scripts send it all the
            # same, so only the SIGHUP that nohup ignores stays ignored.
            if signal.Signals(number).name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN:
                stack.callback(signal.signal, number, signal.signal(number, handle))
        yield
