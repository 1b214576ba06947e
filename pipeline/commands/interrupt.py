"""Ctrl-C, SIGTERM and SIGHUP: a run that is asked to end keeps its finished results; any other work ends at once."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_PATIENCE_S = 2.0  # signals that follow the first one sooner are ignored: see ``stopping``
_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
_WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "interrupted: the terminal was closed"}


class Interrupt(KeyboardInterrupt):
    """A signal that asks the program to end.

    Args:
        number: number of the signal.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        super().__init__(_WORDS[signal.Signals(number).name])
        self.exit_code = 128 + number


@contextmanager
def interrupts() -> Iterator[None]:
    """Raise ``Interrupt`` in the main thread when a signal asks the program to end; not again within ``_PATIENCE_S``.

    A second signal would otherwise interrupt the cleaning up.
    """
    last_s = -math.inf

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal last_s
        if time.monotonic() - last_s > _PATIENCE_S:
            last_s = time.monotonic()
            raise Interrupt(number)

    with _handled(handle):
        yield


class Stop:
    """Whether a run was asked to end, and how.

    Attributes:
        interrupt: the first signal; None if there was none.
        forced: whether a later signal cut the waiting short.
    """

    def __init__(self) -> None:
        self.interrupt: Interrupt | None = None
        self.forced = False


@contextmanager
def stopping(end: Callable[[], None]) -> Iterator[Stop]:
    """The first signal calls ``end``, in a thread; one that comes later than ``_PATIENCE_S`` raises ``Interrupt``.

    Signals before that are ignored: closing a terminal, and ``timeout``, send theirs twice. Signals after it are
    ignored too, so that finished results can be closed.

    Args:
        end: makes the run take no more frames and finish those under way.
    """
    stop = Stop()
    first_s = 0.0

    def handle(number: int, _: FrameType | None) -> None:
        nonlocal first_s
        if stop.interrupt is None:
            first_s = time.monotonic()
            stop.interrupt = Interrupt(number)
            # In a thread: the signal may have come while the main thread holds the lock that this needs.
            threading.Thread(target=end, name="interrupt", daemon=True).start()
        elif time.monotonic() - first_s > _PATIENCE_S and not stop.forced:
            stop.forced = True
            raise Interrupt(number)

    with _handled(handle):
        yield stop


@contextmanager
def deaf() -> Iterator[None]:
    """Ignore signals, except inside ``interrupts`` and ``stopping``: before and after them there is nothing to lose."""
    with _handled(lambda *_: None):
        yield


@contextmanager
def _handled(handle: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    """Install the handler. Only the main thread can do that, and a SIGHUP that ``nohup`` ignores stays ignored."""
    before = {}
    try:
        for number in _SIGNALS if threading.current_thread() is threading.main_thread() else ():
            # A shell without job control starts background processes with SIGINT ignored, but scripts send it all the
            # same, so only the SIGHUP that nohup ignores stays ignored.
            if signal.Signals(number).name != "SIGHUP" or signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.getsignal(number) or signal.SIG_DFL  # None: not installed by Python
                signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
