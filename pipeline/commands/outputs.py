"""The files of a run, opened together and completed together."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from pipeline.export.background import BackgroundSink
from pipeline.export.base import Sink
from pipeline.export.csv_poses2d import CsvPoses2D
from pipeline.export.csv_poses3d import CsvPoses3D
from pipeline.export.npz import NpzPoses3D
from pipeline.export.video import VideoSink
from pipeline.results import Result
from pipeline.sources import SourceInfo
from pipeline.types import U8

TimedPicture = tuple[float, U8]

_WAITING_BYTES = 128 << 20  # of pictures that a recording may be behind


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
        self._video: Sink[TimedPicture] | None = None
        self._dropped = 0
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
        """Pictures that a recording had no time for."""
        return self._dropped + (self._video.dropped if isinstance(self._video, BackgroundSink) else 0)

    def take(self, result: Result) -> None:
        """Write one result."""
        if result.settled:
            for sink in self._raw:
                for pose in result.poses3d:
                    sink.write(pose)
            for sink in self._smooth:
                for pose in result.poses3d if result.smoothed is None else result.smoothed:
                    sink.write(pose)
            for pose2d in result.poses2d:
                self._csv2d.write(pose2d)
        if self._video is not None and result.picture is not None:
            self._video.write((result.frame.time_s, result.picture))

    def toggle_recording(self) -> str:
        """Start a video in a new file, or complete the one that is being written; says which."""
        if self._video is not None:
            self._close_video()
            return "recording stopped"
        number = 1
        while (path := self._folder / f"recording_{number:04d}.mp4").exists():
            number += 1
        self._open_video(path.name)
        return f"recording {path.name}"

    def _open_video(self, name: str) -> None:
        assert self._size is not None
        width, height = self._size
        sink = VideoSink(self._folder / name, width, height, self._info.fps, audio_from=self._info.audio_path)
        # A recording waits for its video; a live run must not.
        self._video = BackgroundSink(sink, _WAITING_BYTES // (3 * width * height)) if self._info.live else sink

    def _close_video(self) -> None:
        video, self._video = self._video, None
        if video is not None:
            self._dropped += video.dropped if isinstance(video, BackgroundSink) else 0
            video.close()

    def __enter__(self) -> Outputs:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            video, self._video = self._video, None
            if video is not None:
                video.__exit__(kind, error, trace)
                self._dropped += video.dropped if isinstance(video, BackgroundSink) else 0
