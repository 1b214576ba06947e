"""Video files: order and times of frames, spans, orientation, pixel formats, damage."""

from __future__ import annotations

import os
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.errors import ConfigError, SourceError
from pipeline.sources import VideoSource, open_source
from pipeline.sources.orient import orientation_of
from pipeline.types import Frame
from tests.helpers.video import (
    damage_packets,
    numbered_image,
    read_number,
    regular_times,
    truncate,
    write_audio_only,
    write_video,
)


def numbers(frames: list[Frame]) -> list[int]:
    return [read_number(frame.image) for frame in frames]


def test_every_frame_once_in_order_at_its_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(40), b_frames=2)
    source = VideoSource(path)
    frames = list(source)
    assert numbers(frames) == list(range(40))
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.time_s for frame in frames] == pytest.approx(regular_times(40), abs=1e-6)
    assert (source.info.width_px, source.info.height_px) == (128, 96)
    assert (source.info.fps, source.info.frame_count, source.info.kind) == (30.0, 40, "video")
    assert not source.info.live
    assert source.warnings == []


def test_can_be_read_again(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "clip.mp4", regular_times(8)))
    assert numbers(list(source)) == numbers(list(source)) == list(range(8))


def test_variable_frame_rate_keeps_the_container_s_times(tmp_path: Path) -> None:
    times = [0.0, 0.02, 0.1, 0.4, 0.41, 1.3, 1.35]
    frames = list(VideoSource(write_video(tmp_path / "vfr.mp4", times)))
    assert [frame.time_s for frame in frames] == pytest.approx(times, abs=1e-4)
    assert numbers(frames) == list(range(len(times)))


def test_a_start_offset_stays_in_the_times(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "late.mkv", regular_times(30, start_s=3.0)))
    frames = list(source)
    assert source.info.start_s == pytest.approx(3.0, abs=2e-3)
    assert [frame.time_s for frame in frames] == pytest.approx(regular_times(30, start_s=3.0), abs=2e-3)
    assert source.info.frame_count == 30
    assert source.warnings == []


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".mov"])
@pytest.mark.parametrize(
    ("start_s", "end_s"), [(0.5, None), (1.0, 1.5), (0.95, 1.02), (None, 0.3), (1.9, 9.0), (0.0, None)]
)
def test_span_is_exact_between_key_frames(
    tmp_path: Path, suffix: str, start_s: float | None, end_s: float | None
) -> None:
    times = regular_times(60)
    source = VideoSource(write_video(tmp_path / f"clip{suffix}", times, b_frames=2), start_s=start_s, end_s=end_s)
    frames = list(source)
    # Containers round times, Matroska to a millisecond.
    expected = [n for n, t in enumerate(times) if (start_s or 0) - 1e-3 <= t < (end_s or 99) - 1e-3]
    assert numbers(frames) == expected
    assert [frame.index for frame in frames] == list(range(len(expected)))
    assert source.info.start_s == frames[0].time_s
    assert source.info.frame_count == pytest.approx(len(expected), abs=1)
    assert source.warnings == []


def test_span_of_a_file_that_starts_late_counts_from_its_first_picture(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mkv", regular_times(60, start_s=5.0))
    frames = list(VideoSource(path, start_s=1.0, end_s=1.2))
    assert numbers(frames) == [30, 31, 32, 33, 34, 35]
    assert frames[0].time_s == pytest.approx(6.0, abs=2e-3)


@pytest.mark.parametrize(
    ("start_s", "end_s", "field"),
    [
        (-1.0, None, "start_s"),
        (1.0, 1.0, "end_s"),
        (2.0, 1.0, "end_s"),
        (float("nan"), None, "start_s"),
        (None, 0.0, "end_s"),
    ],
)
def test_senseless_spans_are_refused(tmp_path: Path, start_s: float | None, end_s: float | None, field: str) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(5))
    with pytest.raises(ConfigError, match=f"{field} .* is not valid") as caught:
        VideoSource(path, start_s=start_s, end_s=end_s)
    assert caught.value.field == field


def test_start_after_the_end_says_how_long_the_video_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(30))
    with pytest.raises(SourceError, match=r"the start, 7 s, lies after the end .*1\.00 s"):
        VideoSource(path, start_s=7.0)


def test_a_span_between_two_frames_holds_none(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(30))
    with pytest.raises(SourceError, match=r"between 0\.501 and 0\.502 s"):
        VideoSource(path, start_s=0.501, end_s=0.502)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [False, True])
def test_rotation_metadata_is_applied(tmp_path: Path, rotation_deg: int, mirrored: bool) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(3), rotation_deg=rotation_deg, mirrored=mirrored)
    source = VideoSource(path)
    upright = np.rot90(numbered_image(2), rotation_deg // 90)
    upright = upright[:, ::-1] if mirrored else upright
    image = list(source)[2].image
    assert image.shape == upright.shape == (source.info.height_px, source.info.width_px, 3)
    assert np.abs(image.astype(int) - upright).mean() < 4
    assert image.flags.c_contiguous


def test_orientation_agrees_with_ffmpeg_s_own_angle(tmp_path: Path) -> None:
    for rotation_deg in (90, 180, 270):
        path = write_video(tmp_path / f"{rotation_deg}.mp4", regular_times(1), rotation_deg=rotation_deg)
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0))
            ours = orientation_of(frame).apply(numbered_image(5))
            assert np.array_equal(ours, np.rot90(numbered_image(5), frame.rotation // 90 % 4))


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "gray", "bgra", "yuv420p10le", "yuv422p10le"])
def test_pixel_formats_and_odd_sizes_become_bgr(tmp_path: Path, pixel_format: str) -> None:
    path = write_video(
        tmp_path / "clip.mkv", regular_times(3), codec="ffv1", pixel_format=pixel_format, size_px=(127, 95)
    )
    frames = list(VideoSource(path))
    assert numbers(frames) == [0, 1, 2]
    assert frames[0].image.shape == (95, 127, 3)
    if pixel_format != "gray":
        blue, green, red = (int(value) for value in frames[0].image[80, 5])
        assert red > 180 > 80 > max(blue, green)


def test_cover_art_is_not_the_video(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "clip.mp4", regular_times(10), cover=True))
    with av.open(str(tmp_path / "clip.mp4")) as container:
        assert len(container.streams.video) == 2
    assert numbers(list(source)) == list(range(10))


def test_cover_art_alone_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    write_video(path, regular_times(2), cover=True, audio_s=0.2)
    only = tmp_path / "only.m4a"
    with av.open(str(path)) as reader, av.open(str(only), "w", format="mp4") as writer:
        kept = [reader.streams.video[1], reader.streams.audio[0]]
        copies = {stream.index: writer.add_stream_from_template(stream) for stream in kept}
        copies[kept[0].index].disposition = kept[0].disposition
        for packet in reader.demux(kept):
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                writer.mux(packet)
    with pytest.raises(SourceError, match="no video stream"):
        VideoSource(only)


def test_audio_is_offered_when_there_is_some(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "silent.mp4", regular_times(5))
    loud = write_video(tmp_path / "loud.mp4", regular_times(5), audio_s=0.3)
    assert VideoSource(silent).info.audio_path is None
    assert VideoSource(loud).info.audio_path == loud
    assert numbers(list(VideoSource(loud))) == list(range(5))


def test_one_frame(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "one.mp4", [0.0]))
    assert numbers(list(source)) == [0]
    assert source.info.frame_count == 1


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_file_gives_what_decodes_and_a_warning(tmp_path: Path, suffix: str) -> None:
    path = truncate(write_video(tmp_path / f"cut{suffix}", regular_times(90), faststart=suffix == ".mp4"), 0.5)
    source = open_source(str(path))
    frames = list(source)
    assert 20 < len(frames) < 70
    assert numbers(frames)[:-1] == list(range(len(frames) - 1))
    assert any("cut short" in warning for warning in source.warnings)


def test_truncated_file_without_its_index_is_an_error(tmp_path: Path) -> None:
    path = truncate(write_video(tmp_path / "cut.mp4", regular_times(60)), 0.6)
    with pytest.raises(SourceError, match="cut off before its index"):
        VideoSource(path)


def test_damaged_packets_are_counted_and_later_frames_keep_their_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(60))
    damage_packets(path, slice(18, 21))
    source = VideoSource(path)
    frames = list(source)
    assert 54 <= len(frames) < 60
    assert [frame.index for frame in frames] == list(range(len(frames)))
    times = [frame.time_s for frame in frames]
    assert all(later > earlier for earlier, later in pairwise(times))
    # From the next key frame on all is well: number and time belong together.
    assert all(read_number(frame.image) == round(frame.time_s * 30) for frame in frames if frame.time_s >= 24 / 30)
    assert any("damaged packet" in warning for warning in source.warnings)


def test_nothing_decodes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(10), key_every=100)
    damage_packets(path, slice(None))
    with pytest.raises(SourceError, match=r"no frame of .* can be decoded"):
        VideoSource(path)


def test_repeated_time_stamps_are_repaired_and_said(tmp_path: Path) -> None:
    path = tmp_path / "twice.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 30)
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(numbered_image(number), format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            for packet in stream.encode(frame):
                packet.pts = [0, 2, 2, 3, 4, 5][number]
                container.mux(packet)
    source = VideoSource(path)
    frames = list(source)
    assert numbers(frames) == list(range(6))
    times = [frame.time_s for frame in frames]
    assert times[1] == pytest.approx(2 / 30) and times[1] < times[2] < times[3]
    assert times[3:] == pytest.approx([3 / 30, 4 / 30, 5 / 30])
    assert any("1 of 6 time stamps" in warning for warning in source.warnings)


def test_audio_only_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has sound but no video"):
        VideoSource(write_audio_only(tmp_path / "song.m4a"))


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    with pytest.raises(SourceError, match="is empty"):
        VideoSource(path)


@pytest.mark.parametrize("name", ["notes.mp4", "notes.txt", "notes.md"])
def test_text_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("The quick brown fox jumps over the lazy dog.\n" * 200)
    with pytest.raises(SourceError, match=r"can't open .* as a video") as caught:
        VideoSource(path)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(2))
    monkeypatch.setattr(os, "access", lambda *_: False)  # the tests may run as a user who may read everything
    with pytest.raises(SourceError, match="permission denied"):
        VideoSource(path)


def test_close_ends_an_iteration(tmp_path: Path) -> None:
    source = VideoSource(write_video(tmp_path / "clip.mp4", regular_times(30)))
    seen = []
    for frame in source:
        seen.append(frame.index)
        if len(seen) == 4:
            source.close()
    assert seen == [0, 1, 2, 3]


def test_abandoned_iteration_does_not_hang(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(60), b_frames=2, audio_s=1.0)
    for _ in range(20):
        source = VideoSource(path, start_s=0.5)
        assert next(iter(source)).index == 0
        source.close()
