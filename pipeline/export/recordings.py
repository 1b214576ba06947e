"""The videos of a run: ``overlay.mp4``, written from the first frame on, and recordings on demand."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pipeline.arrays import U8
from pipeline.export.background import BackgroundSink
from pipeline.export.part_file import part_name
from pipeline.export.video import VideoSink
from pipeline.types import Drawn, Shown

OVERLAY = "overlay.mp4"

TimedPicture = tuple[float, U8]
"""``time_s`` and picture, uint8 [H, W, 3] BGR."""

_WAITING_BYTES = 128 << 20  # most bytes of pictures that wait for the encoder of a live recording


class Recordings:
    """Writes pictures to videos; a ``pipeline.run.draw_stage.Recorder``. Use as a context manager.

    Args:
        folder: exists and can be written to.
        picture_size: width and height of the pictures in pixels.
        fps: expected frames per second.
        live: whether pictures that find no room are left out and counted; a clip waits for its video instead.
        audio_from: a file whose sound belongs to the pictures.
        overlay: write ``OVERLAY`` from the first picture on.

    Raises:
        ExportError: a file can't be opened or written.
    """

    def __init__(
        self,
        folder: Path,
        picture_size: tuple[int, int],
        fps: float,
        *,
        live: bool,
        audio_from: Path | None = None,
        overlay: bool = False,
    ) -> None:
        self._folder, self._size, self._fps, self._live, self._audio_from = folder, picture_size, fps, live, audio_from
        self._video: VideoSink | BackgroundSink[TimedPicture] | None = None
        self._background: list[BackgroundSink[TimedPicture]] = []
        self._names: list[str] = []
        self._changing = threading.Lock()
        with ExitStack() as opening:
            self._stack = opening
            if overlay:
                self._open_video(OVERLAY)
            self._stack = opening.pop_all()

    @property
    def recording(self) -> bool:
        """Whether pictures are being written to a video now."""
        return self._video is not None

    @property
    def not_recorded(self) -> int:
        """Pictures left out because encoding was too slow."""
        return sum(video.dropped for video in self._background)

    @property
    def names(self) -> list[str]:
        """File names of the recordings on demand."""
        return list(self._names)

    def write(self, shown: Shown, picture: U8, wait: bool = False) -> None:
        """Write a picture to the video, if there is one now. In a live run the drawing thread may call this.

        Args:
            shown: the frame and poses in it.
            picture: uint8 [H, W, 3] BGR.
            wait: in a live run: wait for the encoder rather than leave a picture out.
        """
        with self._changing:
            if self._video is None:
                return
            timed = shown.frame.time_s, picture
            if isinstance(self._video, BackgroundSink):
                self._video.write(timed, wait)
            else:
                self._video.write(timed)

    def record(self, drawn: Drawn, wait: bool) -> None:
        """Write a picture; called by the drawing stage of a live run."""
        self.write(drawn.shown, drawn.picture, wait)

    def toggle(self) -> str:
        """Start recording to a new file, or complete the current one; returns a line that says which.

        Raises:
            ExportError: the file can't be opened.
        """
        with self._changing:
            if self._video is not None:
                if isinstance(self._video, BackgroundSink):
                    self._video.end()
                self._video = None
                return "recording stopped"
            name = self._free_name()
            self._open_video(name)
            self._names.append(name)
            return f"recording {name}"

    def _free_name(self) -> str:
        """A file name that no recording has, complete or partial."""
        number = 1
        while True:
            path = self._folder / f"recording_{number:04d}.mp4"
            if not path.exists() and not part_name(path).exists():
                return path.name
            number += 1

    def _open_video(self, name: str) -> None:
        width, height = self._size
        sink = VideoSink(self._folder / name, width, height, self._fps, audio_from=self._audio_from)
        self._video = sink
        if self._live:
            background = BackgroundSink(sink, _WAITING_BYTES // (3 * width * height))
            self._background.append(background)
            self._video = background
        self._stack.enter_context(self._video)

    def __enter__(self) -> Recordings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changing:
            self._video = None
        self._stack.__exit__(kind, error, trace)
