"""What a user writes on the command line opens the source that fits, or says why not."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from pipeline import sources
from pipeline.errors import ConfigError, SourceError
from pipeline.sources import ImagesSource, LiveOptions, SyntheticSource, VideoSource, open_source
from tests.helpers.video import numbered_image, regular_times, write_video


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
    monkeypatch.setattr(
        sources, "CameraSource", lambda device, end_s, options: asked.append((device, end_s, options.fps))
    )
    open_source("0", end_s=2.0)
    open_source("12", fps=60.0)
    open_source("/dev/video3", live=LiveOptions(fps=15.0))
    assert asked == [(0, 2.0, None), (12, None, 60.0), ("/dev/video3", None, 15.0)]
    assert isinstance(open_source("./0"), VideoSource)


def test_rate_of_a_folder(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.png"), numbered_image(0))
    assert open_source(str(tmp_path), fps=12.5).info.fps == 12.5
    with pytest.raises(ConfigError, match=r"fps 12\.5 was given with 'synthetic'"):
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


@pytest.mark.parametrize(
    "live",
    [
        LiveOptions(width_px=640, height_px=480),
        LiveOptions(fourcc="MJPG"),
        LiveOptions(mirror=True),
        LiveOptions(reconnect=True),
    ],
)
def test_what_a_clip_does_not_have_is_refused(live: LiveOptions) -> None:
    with pytest.raises(ConfigError, match="cameras"):
        open_source("synthetic", live=live)


def test_size_is_not_asked_of_a_stream() -> None:
    with pytest.raises(ConfigError, match="cameras only"):
        open_source("rtsp://camera/1", live=LiveOptions(width_px=640, height_px=480))


@pytest.mark.parametrize("text", ["0", "/dev/video0", "rtsp://camera/1"])
def test_live_sources_have_no_start(text: str) -> None:
    with pytest.raises(ConfigError, match=r"start_s 3 was given with .*clips only"):
        open_source(text, start_s=3.0)


@pytest.mark.parametrize("asked", [{"fps": 2.0}, {"live": LiveOptions(fourcc="MJPG")}, {"start_s": 2.0}])
@pytest.mark.parametrize("address", ["http://joe:SECRET@host/x", "rtsp://joe:SECRET@host/x", "ftp://joe:SECRET@host/x"])
def test_no_message_holds_a_password(address: str, asked: dict) -> None:
    with pytest.raises((ConfigError, SourceError)) as caught:
        open_source(address, **asked)
    assert "SECRET" not in str(caught.value) and "host" in str(caught.value)
