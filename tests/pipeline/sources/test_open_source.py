"""What a user writes on the command line opens the source that fits, or says why not."""

from __future__ import annotations

import socket
from pathlib import Path

import cv2
import pytest

from pipeline import sources
from pipeline.errors import ConfigError, SourceError
from pipeline.sources import ImagesSource, StreamSource, SyntheticSource, VideoSource, open_source
from tests.helpers.video import numbered_image, read_number, regular_times, write_video


def test_kinds(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.mp4", regular_times(3))
    folder = tmp_path / "pictures"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), numbered_image(0))
    assert isinstance(open_source(str(video)), VideoSource)
    assert isinstance(open_source(str(folder)), ImagesSource)
    assert isinstance(open_source(f"  {folder}/ "), ImagesSource)
    synthetic = open_source("synthetic:frames=2,size=64x64", end_s=0.05)
    assert isinstance(synthetic, SyntheticSource)
    assert synthetic.info.frame_count == 2


def test_a_number_is_a_camera_even_where_a_file_has_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "clip.mp4", regular_times(3)).rename(tmp_path / "0")
    asked = []
    monkeypatch.setattr(sources, "CameraSource", lambda number, end_s: asked.append((number, end_s)))
    open_source("0", end_s=2.0)
    open_source("12")
    assert asked == [(0, 2.0), (12, None)]
    assert isinstance(open_source("./0"), VideoSource)


def test_rate_of_a_folder(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), numbered_image(0))
    assert open_source(str(tmp_path), fps=12.5).info.fps == 12.5
    with pytest.raises(ConfigError, match="frame rate"):
        open_source("synthetic", fps=12.5)


def test_missing_file_names_near_misses(tmp_path: Path) -> None:
    for name in ("walking.mp4", "running.mp4", "other.txt"):
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match=r"no source '.*wxlking\.mp4'.*did you mean .*walking\.mp4"):
        open_source(str(tmp_path / "wxlking.mp4"))
    with pytest.raises(SourceError, match=r"did you mean .*walking\.mp4"):
        open_source(str(tmp_path / "Walking.MP4"))


@pytest.mark.parametrize(
    "text", ["", "   ", "no/such/folder/clip.mp4", "x" * 5000, "a\0b", "-1", "1.5", "ftp://host/clip.mp4"]
)
def test_what_does_not_exist_is_one_clear_line(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="no source") as caught:
        open_source(text)
    assert "\n" not in str(caught.value)


def test_synthetic_misspelt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match="did you mean synthetic"):
        open_source("synthetik:frames=3")


@pytest.mark.parametrize("text", ["0", "rtsp://camera/1"])
def test_live_sources_have_no_start(text: str) -> None:
    with pytest.raises(ConfigError, match="recordings only"):
        open_source(text, start_s=3.0)


def test_address_that_refuses_hides_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: refuses at once
        port = unused.getsockname()[1]
        with pytest.raises(SourceError, match=f"127.0.0.1:{port}") as caught:
            open_source(f"http://user:secret@127.0.0.1:{port}/live")
    assert "secret" not in str(caught.value)


def test_stream_is_read_once_in_order(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", regular_times(20))
    source = StreamSource(path.as_uri(), end_s=0.5)
    assert source.info.live and source.info.kind == "stream" and source.info.frame_count is None
    frames = list(source)
    assert [read_number(frame.image) for frame in frames] == list(range(15))
    assert [frame.index for frame in frames] == list(range(15))
    with pytest.raises(SourceError, match="read already"):
        next(iter(source))
