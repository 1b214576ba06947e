from __future__ import annotations

import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import ExportError
from pipeline.export import video
from pipeline.export.video import VideoSink

ROOT = Path(__file__).resolve().parents[3]
RATE_HZ = 48_000


def picture(level: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    return np.full((height, width, 3), level, np.uint8)


def time_of(frame: av.VideoFrame | av.AudioFrame) -> float:
    assert frame.pts is not None and frame.time_base is not None
    return float(frame.pts * frame.time_base)


def decode(path: Path) -> tuple[list[float], list[NDArray[np.uint8]]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [time_of(f) for f in frames], [np.asarray(f.to_ndarray(format="bgr24"), np.uint8) for f in frames]


def boxes(path: Path) -> list[str]:
    """Names of the top-level boxes of an MP4, in order."""
    data, at, names = path.read_bytes(), 0, []
    while at < len(data):
        size, name = struct.unpack(">I4s", data[at : at + 8])
        names.append(name.decode())
        at += size or len(data)
    return names


def write_sound(path: Path, codec: str, click_s: float, length_s: float = 3.0, start_s: float = 0.0) -> None:
    """A media file with a black picture and silence with one loud burst of 50 ms."""
    samples = np.zeros(int(RATE_HZ * length_s), np.int16)
    burst = np.arange(int(RATE_HZ * 0.05))
    first = int(click_s * RATE_HZ)
    samples[first : first + len(burst)] = (20000 * np.sin(2 * np.pi * 1000 * burst / RATE_HZ)).astype(np.int16)
    with av.open(str(path), "w") as container:
        pictures = container.add_stream("libx264", rate=10, width=64, height=48, pix_fmt="yuv420p")
        sound = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        assert isinstance(sound, av.AudioStream)
        resampler = av.AudioResampler(sound.codec_context.format, "mono", RATE_HZ, frame_size=1024)
        for n in range(int(10 * length_s)):
            frame = av.VideoFrame.from_ndarray(picture(0), format="bgr24")
            frame.pts, frame.time_base = n + round(start_s * 10), Fraction(1, 10)
            container.mux(pictures.encode(frame))
        whole = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        whole.sample_rate, whole.pts, whole.time_base = RATE_HZ, round(start_s * RATE_HZ), Fraction(1, RATE_HZ)
        for part in [*resampler.resample(whole), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))


def click_time_s(path: Path) -> float:
    """When the sound of a file first becomes loud."""
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            loud = np.flatnonzero(np.abs(frame.to_ndarray().astype(np.float64)[0]) > 0.2)
            if len(loud):
                return time_of(frame) + int(loud[0]) / frame.sample_rate
    raise AssertionError("no loud sound")


def test_times_of_a_variable_frame_rate_are_kept(tmp_path: Path) -> None:
    """Frame count exact, times to 1 ms, first frame at 0, over several key frames and fragments."""
    random = np.random.default_rng(2)
    times = 12.5 + np.cumsum(random.uniform(0.004, 0.2, 80))
    path = tmp_path / "overlay.mp4"
    with VideoSink(path, 64, 48, 25) as sink:
        for n, time_s in enumerate(times):
            sink.write((float(time_s), picture(3 * n)))
    got, images = decode(path)
    np.testing.assert_allclose(got, times - times[0], atol=1e-3)
    assert got[0] == 0
    levels = np.array([image.mean() for image in images])
    np.testing.assert_allclose(levels, 3 * np.arange(80), atol=4)
    with av.open(str(path)) as container:
        assert container.duration is not None
        assert container.duration / av.time_base == pytest.approx(times[-1] - times[0] + 1 / 25, abs=0.01)
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.mp4"]


def test_browsers_can_play_it(tmp_path: Path) -> None:
    path = tmp_path / "overlay.mp4"
    with VideoSink(path, 64, 48, 30) as sink:
        for n in range(5):
            sink.write((n / 30, picture(100)))
    names = boxes(path)
    assert names[0] == "ftyp" and "moof" not in names
    assert names.index("moov") < names.index("mdat")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert not context.has_b_frames


def test_colours_are_kept(tmp_path: Path) -> None:
    image = picture(0)
    image[:, :32] = (30, 60, 200)
    image[:, 32:] = (200, 120, 40)
    with VideoSink(tmp_path / "a.mp4", 64, 48, 30) as sink:
        sink.write((0.0, image))
    _, (got,) = decode(tmp_path / "a.mp4")
    np.testing.assert_allclose(got[24, 16], (30, 60, 200), atol=8)
    np.testing.assert_allclose(got[24, 48], (200, 120, 40), atol=8)


@pytest.mark.parametrize(("size", "even"), [((33, 47), (34, 48)), ((64, 31), (64, 32)), ((1, 1), (2, 2))])
def test_odd_sizes_are_padded(tmp_path: Path, size: tuple[int, int], even: tuple[int, int]) -> None:
    with VideoSink(tmp_path / "a.mp4", *size, 30) as sink:
        sink.write((0.0, picture(90, *size)))
    _, (image,) = decode(tmp_path / "a.mp4")
    assert image.shape[1::-1] == even
    assert abs(float(image.mean()) - 90) < 4


def test_a_picture_of_another_size_is_resized(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.mp4", 64, 48, 30) as sink:
        sink.write((0.0, picture(90)))
        sink.write((0.1, picture(180, 31, 200)))
    times, images = decode(tmp_path / "a.mp4")
    assert len(times) == 2 and images[1].shape == (48, 64, 3)
    assert abs(float(images[1].mean()) - 180) < 4


def test_times_that_do_not_increase_lose_no_frame(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.mp4", 64, 48, 30) as sink:
        for time_s in (1.0, 1.1, 1.1, 0.5, 1.2):
            sink.write((time_s, picture(90)))
    times, _ = decode(tmp_path / "a.mp4")
    assert len(times) == 5 and times == sorted(set(times))
    assert times[-1] == pytest.approx(0.2, abs=1e-3)


@pytest.mark.parametrize("rate", [None, 0.0, float("nan"), float("inf"), -5.0, 29.97])
def test_any_rate_hint(tmp_path: Path, rate: float | None) -> None:
    with VideoSink(tmp_path / "a.mp4", 64, 48, rate) as sink:
        sink.write((0.0, picture(90)))
        sink.write((0.04, picture(90)))
    assert decode(tmp_path / "a.mp4")[0] == pytest.approx([0, 0.04])


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    with VideoSink(tmp_path / "a.mp4", 64, 48):
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_a_playable_video(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), VideoSink(tmp_path / "a.mp4", 64, 48) as sink:
        for n in range(7):
            sink.write((n / 30, picture(90)))
        raise KeyboardInterrupt
    assert len(decode(tmp_path / "a.mp4")[0]) == 7


def test_a_killed_process_leaves_a_playable_part(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nimport numpy as np\nfrom pipeline.export.video import VideoSink\n"
        "sink = VideoSink(Path(sys.argv[1]), 64, 48, 10)\n"
        "for n in range(100):\n    sink.write((n / 10, np.full((48, 64, 3), n, np.uint8)))\n"
        "os._exit(9)\n"
    )
    path = tmp_path / "a.mp4"
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False, timeout=60)
    assert done.returncode == 9 and not path.exists()
    times, _ = decode(tmp_path / "a.mp4.part")
    # What is lost is one fragment (1 s) and what the encoder looks ahead.
    assert len(times) >= 50
    assert times == pytest.approx([n / 10 for n in range(len(times))])


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus"])
def test_sound_is_copied_and_in_time(tmp_path: Path, codec: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV has no {codec}")
    source = tmp_path / "source.mp4"
    write_sound(source, codec, click_s=1.5)
    path = tmp_path / "overlay.mp4"
    with VideoSink(path, 64, 48, 10, audio_from=source) as sink:
        for n in range(5, 25):
            sink.write((n / 10, picture(90)))
    with av.open(str(source)) as before, av.open(str(path)) as after:
        assert after.streams.audio[0].codec_context.name == before.streams.audio[0].codec_context.name
        copied = {bytes(p) for p in after.demux(audio=0)} - {b""}
        assert copied and copied <= {bytes(p) for p in before.demux(audio=0)}
    # The burst is 1 s after the first frame; decoders differ by a packet's run-up (26 ms) at most.
    assert click_time_s(path) == pytest.approx(click_time_s(source) - 0.5, abs=0.005)
    assert click_time_s(path) == pytest.approx(1.0, abs=0.05)
    assert boxes(path).index("moov") < boxes(path).index("mdat")
    with av.open(str(path)) as container:
        sound = list(container.decode(audio=0))
        assert time_of(sound[-1]) < 2.0


@pytest.mark.parametrize(("codec", "name"), [("pcm_s16le", "source.mkv"), ("ac3", "source.mp4")])
def test_sound_that_browsers_do_not_take_becomes_aac(tmp_path: Path, codec: str, name: str) -> None:
    source = tmp_path / name
    write_sound(source, codec, click_s=1.5)
    path = tmp_path / "overlay.mp4"
    with VideoSink(path, 64, 48, 10, audio_from=source) as sink:
        for n in range(5, 25):
            sink.write((n / 10, picture(90)))
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
    assert click_time_s(path) == pytest.approx(1.0, abs=0.03)
    assert len(decode(path)[0]) == 20


def test_sound_of_a_container_that_does_not_start_at_zero(tmp_path: Path) -> None:
    """Transport streams start anywhere; frame times and sound are on the same clock."""
    source = tmp_path / "source.ts"
    write_sound(source, "aac", click_s=1.5, start_s=20.0)
    with av.open(str(source)) as container:
        first_s = next(time_of(f) for f in container.decode(video=0))
    assert first_s > 19
    path = tmp_path / "overlay.mp4"
    with VideoSink(path, 64, 48, 10, audio_from=source) as sink:
        for n in range(5, 25):
            sink.write((first_s + n / 10, picture(90)))
    assert click_time_s(path) == pytest.approx(click_time_s(source) - first_s - 0.5, abs=0.005)


@pytest.mark.parametrize("kind", ["missing", "text", "silent"])
def test_a_source_without_usable_sound_gives_a_video_without(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "source.mp4"
    if kind == "text":
        source.write_text("no video")
    elif kind == "silent":
        with VideoSink(source, 64, 48) as sink:
            sink.write((0.0, picture(1)))
    path = tmp_path / "overlay.mp4"
    with VideoSink(path, 64, 48, audio_from=source) as sink:
        sink.write((0.0, picture(90)))
    with av.open(str(path)) as container:
        assert not container.streams.audio
    assert (kind == "silent") == ("can't be read" not in caplog.text)


def test_sound_outside_of_the_range_adds_no_track(tmp_path: Path) -> None:
    source = tmp_path / "source.mp4"
    write_sound(source, "aac", click_s=0.2, length_s=1.0)
    with VideoSink(tmp_path / "overlay.mp4", 64, 48, audio_from=source) as sink:
        sink.write((50.0, picture(90)))
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        assert not container.streams.audio


def test_unwritable_paths(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"nowhere.*a\.mp4: its folder does not exist .* choose another"):
        VideoSink(tmp_path / "nowhere" / "a.mp4", 64, 48)
    with pytest.raises(ExportError, match="0 x 48"):
        VideoSink(tmp_path / "a.mp4", 0, 48)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_full(tmp_path: Path) -> None:
    (tmp_path / "a.mp4.part").symlink_to("/dev/full")
    with pytest.raises(ExportError, match=r"can't write .*a\.mp4: the disk is full"):
        VideoSink(tmp_path / "a.mp4", 64, 48)


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
def test_a_file_that_may_not_grow_keeps_the_video_so_far(tmp_path: Path) -> None:
    """A real failure of the system's write, in the middle of the run."""
    code = (
        "import resource, sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from pipeline.errors import ExportError\nfrom pipeline.export.video import VideoSink\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\nrandom = np.random.default_rng(0)\n"
        "try:\n    with VideoSink(Path(sys.argv[1]), 64, 48, 10) as sink:\n"
        "        for n in range(300):\n"
        "            sink.write((n / 10, random.integers(0, 255, (48, 64, 3), dtype=np.uint8)))\n"
        "except ExportError as error:\n    print(error)\n    sys.exit(3)\n"
    )
    path = tmp_path / "a.mp4"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], cwd=ROOT, check=False, timeout=60, capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert "can't write" in done.stdout and "the video up to here is kept" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
    with av.open(str(path)) as container:
        whole = 0
        try:
            for _ in container.decode(video=0):
                whole += 1
        except av.error.FFmpegError:
            pass
    assert whole >= 10


def test_a_disk_that_fills_up_keeps_the_video_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second copy does not fit: the fragmented video takes the name, and the error says so."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(video, "write_fast_start", full)
    sink = VideoSink(tmp_path / "a.mp4", 64, 48)
    for n in range(4):
        sink.write((n / 30, picture(90)))
    with pytest.raises(ExportError, match=r"the disk is full.*video is kept, without sound and fast start"):
        sink.close()
    assert len(decode(tmp_path / "a.mp4")[0]) == 4
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]
