"""The files of a run, opened together and completed together."""

from __future__ import annotations

import argparse
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pipeline.export.background import BackgroundSink
from pipeline.export.csv_poses2d import CsvPoses2D
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.export.npz import NpzPoses3D
from pipeline.export.part_file import part_name
from pipeline.export.video import VideoSink
from pipeline.run.results import Result
from pipeline.sources import SourceInfo
from pipeline.types import U8

TimedPicture = tuple[float, U8]

_WAITING_BYTES = 128 << 20  # of pictures that a recording may be behind


ALL_RESULTS = (
    "poses3d.csv",
    "poses2d.csv",
    "poses3d_smooth.csv",
    "poses3d.npz",
    "poses3d_smooth.npz",
    "overlay.mp4",
    "run.json",
)


def result_names(options: argparse.Namespace, live: bool) -> list[str]:
    """Names of the files that a run leaves. Live sources are recorded on demand, recordings always get a video."""
    names = ["poses3d.csv", "poses2d.csv"]
    smooth = options.smooth != "off"
    if smooth:
        names.append("poses3d_smooth.csv")
    if options.npz:
        names += ["poses3d.npz", *(["poses3d_smooth.npz"] if smooth else [])]
    if wants_video(options, live):
        names.append("overlay.mp4")
    return [*names, "run.json"]


def wants_video(options: argparse.Namespace, live: bool) -> bool:
    """Whether overlay.mp4 is written from the first frame on."""
    return bool(options.record) if live else not options.no_video


class Outputs:
    """Writes results to the files that the options ask for. Use as a context manager.

    Args:
        folder: exists and can be written to.
        options: of ``run``.
        info: of the source.
        picture_size: width and height of the composed pictures; None if none are composed.

    Raises:
        ExportError: a file can't be opened or written.
    """

    def __init__(
        self, folder: Path, options: argparse.Namespace, info: SourceInfo, picture_size: tuple[int, int] | None
    ) -> None:
        self._folder, self._info, self._size = folder, info, picture_size
        self._stack = ExitStack()
        self._video: VideoSink | BackgroundSink[TimedPicture] | None = None
        self._recordings: list[BackgroundSink[TimedPicture]] = []
        self._names: list[str] = []
        self._changing = threading.Lock()
        with self._stack:
            enter = self._stack.enter_context
            self._raw: list[CsvPoses3D | NpzPoses3D] = [enter(CsvPoses3D(folder / "poses3d.csv", options.wide))]
            self._smooth: list[CsvPoses3D | NpzPoses3D] = []
            self._csv2d = enter(CsvPoses2D(folder / "poses2d.csv", options.wide))
            if options.smooth != "off":
                self._smooth.append(enter(CsvPoses3D(folder / "poses3d_smooth.csv", options.wide)))
            if options.npz:
                self._raw.append(enter(NpzPoses3D(folder / "poses3d.npz")))
            if options.npz and options.smooth != "off":
                self._smooth.append(enter(NpzPoses3D(folder / "poses3d_smooth.npz")))
            if wants_video(options, info.live) and picture_size is not None:
                self._open_video("overlay.mp4")
            self._stack = self._stack.pop_all()

    @property
    def recording(self) -> bool:
        """Whether pictures go into a video now."""
        return self._video is not None

    @property
    def not_recorded(self) -> int:
        """Pictures that recordings had no time for."""
        return sum(video.dropped for video in self._recordings)

    @property
    def names(self) -> list[str]:
        """Files of the recordings that were started by hand."""
        return list(self._names)

    def take(self, result: Result) -> None:
        """Write the rows of one result, and the picture of a recording."""
        if result.for_files:
            for sink in self._raw:
                for pose in result.poses3d:
                    sink.write(pose)
            for sink in self._smooth:
                for pose in result.poses3d if result.smoothed is None else result.smoothed:
                    sink.write(pose)
            for pose2d in result.poses2d:
                self._csv2d.write(pose2d)
        if not self._info.live:
            self.film(result)

    def film(self, result: Result, wait: bool = False) -> None:
        """Put the picture into the video, if one is being written. Live: safe to call from the drawing thread.

        Args:
            result: of a frame.
            wait: live: wait for the encoder rather than leave a picture out.
        """
        with self._changing:
            if self._video is None or result.picture is None:
                return
            picture = result.frame.time_s, result.picture
            if isinstance(self._video, BackgroundSink):
                self._video.write(picture, wait)
            else:
                self._video.write(picture)

    def toggle_recording(self) -> str:
        """Start a video in a new file, or complete the one that is being written; says which.

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
        """A name that neither a complete recording nor a rescued one has."""
        number = 1
        while True:
            path = self._folder / f"recording_{number:04d}.mp4"
            if not path.exists() and not part_name(path).exists():
                return path.name
            number += 1

    def _open_video(self, name: str) -> None:
        assert self._size is not None
        width, height = self._size
        sink = VideoSink(self._folder / name, width, height, self._info.fps, audio_from=self._info.audio_path)
        self._video = sink
        if self._info.live:  # a recording waits for its video; a live run must not
            recording = BackgroundSink(sink, _WAITING_BYTES // (3 * width * height))
            self._recordings.append(recording)
            self._video = recording
        self._stack.enter_context(self._video)

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changing:
            self._video = None
        self._stack.__exit__(kind, error, trace)
