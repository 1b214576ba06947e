"""The window of a live run: pictures out, keys in."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ExportError
from pipeline.export.results import Outputs
from pipeline.export.snapshot import save_snapshot
from pipeline.render.keys import Command
from pipeline.render.screen import Screen
from pipeline.run.pipeline import Pipeline
from pipeline.run.results import Result
from pipeline.sources.live import state_of
from pipeline.sources.live_options import LivePhase


class LiveView:
    """Shows results on a screen and does what its keys ask for.

    Args:
        screen: open.
        pipeline: is stopped by the quit key; its composer is mirrored by the mirror key.
        outputs: record on demand.
        folder: for snapshots.

    Attributes:
        snapshots: names of those that were saved.
    """

    def __init__(self, screen: Screen, pipeline: Pipeline, outputs: Outputs, folder: Path) -> None:
        self._screen, self._pipeline, self._outputs, self._folder = screen, pipeline, outputs, folder
        self.snapshots: list[str] = []
        self._phase: LivePhase | None = None
        self._shown = False  # a picture of the source: those before it only say that it is waited for

    def take(self, result: Result) -> None:
        """Show the result's picture, if it has one."""
        self._tell()
        if result.picture is not None:
            self._screen.recording = self._outputs.recording
            for delay_s in self._screen.delays_s() if self._shown else ():
                self._pipeline.statistics.meter.add("screen", delay_s)
            self._shown = True
            self._do(self._screen.show(result.picture))

    def idle(self) -> None:
        """No result has come for a moment: keep the window alive and say why, if the source knows."""
        self._tell()
        self._do(self._screen.wait(0.0))

    def _tell(self) -> None:
        """Say that the source broke off, or came back."""
        state = state_of(self._pipeline.source)
        if state is not None and state.phase is not self._phase:
            self._phase = state.phase
            if state.phase is LivePhase.RECONNECTING:
                self._screen.say(f"reconnecting: {state.message}", float("inf"))
            elif state.reconnects:
                self._screen.say("connected again")

    def _do(self, command: Command | None) -> None:
        composer = self._pipeline.composer
        if command is Command.QUIT:
            self._pipeline.stop()
        elif command is Command.MIRROR and composer is not None:
            composer.mirror = not composer.mirror
        elif command in (Command.RECORD, Command.SNAPSHOT):
            try:
                self._screen.say(self._kept(command))
            except ExportError as error:  # a picture less is no reason to end a run
                self._screen.say(str(error), 6.0)

    def _kept(self, command: Command) -> str:
        """Record or save a picture, and say what was done."""
        if command is Command.SNAPSHOT:
            if self._screen.picture is None:
                return "no picture yet"
            self.snapshots.append(save_snapshot(self._folder, self._screen.picture).name)
            return f"saved {self.snapshots[-1]}"
        done = self._outputs.toggle_recording()
        self._screen.recording = self._outputs.recording
        return done
