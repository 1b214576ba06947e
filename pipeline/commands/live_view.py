"""The window of a live run: pictures out, keys in."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from pipeline.arrays import U8
from pipeline.commands.console import remark
from pipeline.errors import DisplayError, ExportError
from pipeline.job import Job, Observer, Wants
from pipeline.render.display import open_window
from pipeline.render.keys import Command
from pipeline.render.screen import Screen, Window
from pipeline.sources.live_options import LivePhase
from pipeline.types import Shown

_TITLE = "PoseStride"


class LiveView(Observer):
    """Shows a live run on a screen, if there is one, and carries out its keys. Use as a context manager.

    Args:
        open_window: opens the window.
    """

    def __init__(self, open_window: Callable[[str], Window] = open_window) -> None:
        self._open_window = open_window
        self._stack = ExitStack()
        self._screen: Screen | None = None
        self._phase: LivePhase | None = None
        self._has_shown = False  # whether a picture of the source was shown; before it, the window says that it waits

    def begin(self, job: Job) -> Wants:
        """Open the window of a live source."""
        self._job = job
        if not job.source.info.live:
            return Wants.ROWS
        try:
            window = self._open_window(_TITLE)
        except DisplayError as error:
            remark(f"no window: {error}; the run goes on without one")
            return Wants.ROWS
        self._screen = self._stack.enter_context(Screen(window))
        return Wants.PICTURES

    def shown(self, shown: Shown, picture: U8 | None) -> None:
        """Show the picture."""
        screen = self._screen
        if screen is None or picture is None:
            return
        self._say_connection(screen)
        screen.recording = self._job.recording
        for delay_s in screen.delays_s() if self._has_shown else ():
            self._job.statistics.meter.add("screen", delay_s)
        self._has_shown = True
        self._run_command(screen, screen.show(picture))

    def idle(self) -> None:
        """While nothing comes: keep the window alive and say why, if the source knows."""
        if self._screen is not None:
            self._say_connection(self._screen)
            self._run_command(self._screen, self._screen.wait(0.0))

    def _say_connection(self, screen: Screen) -> None:
        """Show a message when the source breaks off or comes back."""
        state = self._job.source.state
        if state is not None and state.phase is not self._phase:
            self._phase = state.phase
            if state.phase is LivePhase.RECONNECTING:
                screen.say(f"reconnecting: {state.message}", float("inf"))
            elif state.reconnects:
                screen.say("connected again")

    def _run_command(self, screen: Screen, command: Command | None) -> None:
        if command is Command.QUIT:
            self._job.stop()
        elif command is Command.MIRROR:
            self._job.toggle_mirror()
        elif command in (Command.RECORD, Command.SNAPSHOT):
            try:
                screen.say(self._record_or_save(screen, command))
            except ExportError as error:  # one missing picture is no reason to end a run
                screen.say(str(error), 6.0)

    def _record_or_save(self, screen: Screen, command: Command) -> str:
        """Start or stop recording, or save a picture; returns the message to show."""
        if command is Command.SNAPSHOT:
            return "no picture yet" if screen.picture is None else f"saved {self._job.save_snapshot(screen.picture)}"
        done = self._job.toggle_recording()
        screen.recording = self._job.recording
        return done

    def __enter__(self) -> LiveView:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
