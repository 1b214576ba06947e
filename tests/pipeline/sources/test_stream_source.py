"""Streams from real servers on loopback: RTSP over TCP, MJPEG and MP4 over HTTP, and how they break."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from pipeline.errors import ConfigError, SourceError
from pipeline.sources import (
    Backoff,
    LiveOptions,
    LivePhase,
    StreamSource,
    VideoSource,
    link,
    open_source,
    stream,
)
from pipeline.sources.address import public_name
from pipeline.types import Frame
from tests.helpers.http_video import Plan, http_video
from tests.helpers.leaks import open_sockets, reader_threads, wait_until
from tests.helpers.rtsp_video import RtspPlan, rtsp_video
from tests.helpers.video import numbered_image, read_number, regular_times, write_video

PATIENT = LiveOptions(patience_s=5.0)
QUICK = LiveOptions(patience_s=1.0)
AGAIN = LiveOptions(patience_s=1.0, reconnect=True, backoff=Backoff(0.02, 0.1, 10.0, 8.0))


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(link, "_IDLE_S", 60.0)  # a busy machine may take its time between opening and reading
    sockets = open_sockets()
    yield
    assert wait_until(lambda: not reader_threads())
    assert wait_until(lambda: open_sockets() <= sockets)


def numbers(frames: list[Frame]) -> list[int]:
    return [read_number(frame.image) for frame in frames]


def check_times(frames: list[Frame]) -> None:
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert frames[0].time_s == 0.0
    assert all(later.time_s > earlier.time_s for earlier, later in pairwise(frames))


def take(source: StreamSource, count: int) -> list[Frame]:
    frames = []
    for frame in source:
        assert source.state.phase is LivePhase.STREAMING
        frames.append(frame)
        if len(frames) == count:
            break
    return frames


@pytest.mark.parametrize(("lengths", "closing"), [(True, True), (False, True), (True, False)])
def test_mjpeg_over_http(lengths: bool, closing: bool) -> None:
    with http_video(Plan(frames=20, rate_hz=25.0, lengths=lengths, closing=closing)) as address:
        source = open_source(f"{address}/mjpeg", live=PATIENT)
        assert isinstance(source, StreamSource)
        assert source.info.live and source.info.kind == "stream" and source.info.frame_count is None
        assert (source.info.width_px, source.info.height_px) == (128, 96)
        # FFmpeg says 25 whatever comes; this is measured on a machine that may be busy.
        assert 15 < source.info.fps < 40
        frames = list(source)
        assert numbers(frames) == list(range(20))
        check_times(frames)
        assert frames[-1].time_s - frames[5].time_s > 14 / 25 * 0.8  # those of the arrival
        assert source.state.phase is LivePhase.ENDED and "ended by its sender" in source.state.message
        assert source.warnings == [f"{address}/mjpeg was ended by its sender"]


def test_the_rate_of_mjpeg_is_not_what_ffmpeg_assumes() -> None:
    with http_video(Plan(rate_hz=8.0)) as address:
        source = StreamSource(f"{address}/mjpeg", options=PATIENT)
        assert 6 < source.info.fps < 10
        source.close()


def test_rtsp() -> None:
    plan = RtspPlan(frames=30)
    with rtsp_video(plan) as address:
        source = open_source(address, live=PATIENT)
        assert isinstance(source, StreamSource) and source.info.live
        assert (source.info.width_px, source.info.height_px, source.info.fps) == (128, 96, 40.0)
        frames = list(source)
        assert any("TCP" in request for request in plan.requests)
        assert numbers(frames) == list(range(30))
        check_times(frames)
        assert [frame.time_s for frame in frames] == pytest.approx([n / 40 for n in range(30)], abs=1e-4)
        assert source.warnings == [f"{address} was ended by its sender"]


def test_rtsp_is_not_a_picture_behind() -> None:
    """A picture is delivered before the next one is sent."""
    plan = RtspPlan(rate_hz=5.0, size_px=(320, 240))
    with rtsp_video(plan) as address:
        source = StreamSource(address, options=PATIENT)
        behind = []
        for frame in source:
            behind.append(plan.sent - 1 - read_number(frame.image))
            if len(behind) == 14:
                break
        source.close()
    assert np.median(behind[-4:]) < 1


def test_rtsp_without_its_shortcut_for_codecs_that_need_ffmpeg_s_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_UNPARSED_CODECS", ())
    plan = RtspPlan(frames=40)
    with rtsp_video(plan) as address:
        source = StreamSource(address, options=PATIENT)
        frames = list(source)
    assert [request.split()[0] for request in plan.requests].count("DESCRIBE") == 2
    assert [number - numbers(frames)[0] for number in numbers(frames)] == list(range(len(frames)))
    assert len(frames) >= 39
    check_times(frames)


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_what_came_before_the_run_began_is_not_kept(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "_IDLE_S", 0.5)
    plan = RtspPlan() if kind == "rtsp" else Plan()
    serving = rtsp_video(plan) if isinstance(plan, RtspPlan) else http_video(plan, path="/mjpeg")
    with serving as address:
        source = StreamSource(address, options=PATIENT)
        time.sleep(1.5)
        frames = take(source, 10)
    # 60 pictures were sent in that time.
    assert plan.sent - numbers(frames)[-1] < 30
    assert numbers(frames) == list(range(numbers(frames)[0], numbers(frames)[0] + 10))
    assert numbers(frames)[0] > 25
    check_times(frames)
    assert frames[-1].time_s == pytest.approx(9 / 40, abs=0.15)


@pytest.mark.parametrize("end", ["bye", "close"])
def test_rtsp_ends(end: str) -> None:
    with rtsp_video(RtspPlan(frames=15, end=end)) as address:
        source = StreamSource(address, options=PATIENT)
        assert numbers(list(source)) == list(range(15))
        assert source.state.phase is LivePhase.ENDED


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_a_stream_that_falls_silent_is_an_error_after_its_frames(kind: str) -> None:
    seen: list[int] = []
    with _server(kind, frames=12, end="stall") as address:
        source = StreamSource(address, options=QUICK)
        with pytest.raises(SourceError, match=r"(nothing came in time|no pictures).*`reconnect`"):
            seen.extend(read_number(frame.image) for frame in source)
    assert seen == list(range(12))
    assert source.state.phase is LivePhase.ENDED


def test_a_picture_that_is_cut_off_is_counted() -> None:
    with http_video(Plan(frames=12, end="cut")) as address:
        source = StreamSource(f"{address}/mjpeg", options=PATIENT)
        frames = list(source)
        assert numbers(frames)[:12] == list(range(12))
        assert any("damaged" in warning for warning in source.warnings)


@pytest.mark.parametrize(
    ("kind", "end"), [("mjpeg", "finish"), ("mjpeg", "stall"), ("rtsp", "close"), ("rtsp", "stall")]
)
def test_a_broken_stream_comes_back(kind: str, end: str) -> None:
    with _server(kind, frames=10, end=end) as address:
        source = StreamSource(address, options=AGAIN)
        frames = take(source, 25)
        assert source.state.reconnects == 2
        source.close()
        assert source.state.phase is LivePhase.ENDED
    assert numbers(frames) == list(range(25))
    check_times(frames)
    if end == "stall":  # the break has its true length in the times
        assert frames[10].time_s - frames[9].time_s > 0.9
    assert len(source.warnings) == 1 and "opening it again" in source.warnings[0]


def test_a_server_that_was_away_comes_back_at_its_address() -> None:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    with http_video(Plan(frames=10), port) as address:
        source = StreamSource(f"{address}/mjpeg", options=AGAIN)
        frames = iter(source)
        taken = [next(frames) for _ in range(10)]
    states: list[str] = []
    rest: list[Frame] = []
    taker = threading.Thread(target=lambda: rest.extend(next(frames) for _ in range(5)))
    taker.start()
    assert wait_until(lambda: source.state.phase is LivePhase.RECONNECTING)

    def third_attempt() -> bool:
        states.append(source.state.message)
        return "attempt 3" in states[-1]

    assert wait_until(third_attempt)
    with http_video(Plan(), port):
        taker.join(10)
        assert len(rest) == 5
        check_times(taken + rest)
        source.close()
    assert "refused" in " ".join(states)


def test_a_server_that_never_comes_back_is_given_up() -> None:
    options = LiveOptions(patience_s=1.0, reconnect=True, backoff=Backoff(0.02, 0.1, 10.0, give_up_s=0.4))
    with http_video(Plan(frames=10)) as address:
        source = StreamSource(f"{address}/mjpeg", options=options)
        frames = iter(source)
        for _ in range(10):
            next(frames)
    with pytest.raises(SourceError, match=r"did not come back within 0\.4 s"):
        next(frames)
    assert source.state.phase is LivePhase.ENDED


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_another_size_in_the_middle_is_fitted_into_the_first(kind: str) -> None:
    if kind == "mjpeg":
        serving = http_video(Plan(frames=20, sizes_px=((128, 96), (64, 96)), size_every=10))
    else:
        serving = rtsp_video(RtspPlan(frames=20, later_size_px=(64, 96), resize_after=10))
    with serving as address:
        source = StreamSource(f"{address}/mjpeg" if kind == "mjpeg" else address, options=PATIENT)
        frames = list(source)
    assert {frame.image.shape for frame in frames} == {(96, 128, 3)} and len(frames) == 20
    assert numbers(frames[:10]) == list(range(10))
    assert read_number(frames[15].image[:, 32:96]) == 15
    assert frames[15].image[:, :28].max() < 30
    assert any("64x96" in warning for warning in source.warnings)
    check_times(frames)


@pytest.mark.parametrize("back_s", [0.1, 5.0])
def test_time_stamps_that_go_back(back_s: float) -> None:
    with rtsp_video(RtspPlan(frames=30, back_after=15, back_s=back_s)) as address:
        source = StreamSource(address, options=PATIENT)
        frames = list(source)
    assert numbers(frames) == list(range(30))
    check_times(frames)
    assert frames[-1].time_s < 3.0
    assert any("time stamps jumped" in warning for warning in source.warnings)


def test_mirror() -> None:
    with rtsp_video(RtspPlan()) as address:
        source = StreamSource(address, options=LiveOptions(mirror=True, patience_s=2.0))
        frame = next(iter(source))
        source.close()
    mirrored = numbered_image(read_number(np.ascontiguousarray(frame.image[:, ::-1])))[:, ::-1]
    assert np.abs(frame.image.astype(int) - mirrored).mean() < 6


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_close_from_another_thread_ends_a_waiting_reader_at_once(kind: str) -> None:
    with _server(kind, frames=10, end="stall") as address:
        source = StreamSource(address, options=LiveOptions(patience_s=2.0))
        frames = iter(source)
        for _ in range(10):
            next(frames)
        ended = threading.Event()

        def take_the_rest() -> None:
            list(frames)
            ended.set()

        waiting = threading.Thread(target=take_the_rest)
        waiting.start()
        time.sleep(0.1)
        asked_s = time.monotonic()
        source.close()
        assert ended.wait(1.5) and time.monotonic() - asked_s < 1.5
        waiting.join(5)
        assert source.state.phase is LivePhase.ENDED
        assert wait_until(lambda: not reader_threads())


def test_recording_over_http_is_read_like_a_file(tmp_path: Path) -> None:
    plan = Plan(file=write_video(tmp_path / "clip.mp4", regular_times(60), b_frames=2, faststart=True))
    with http_video(plan) as address:
        url = f"{address.replace('//', '//name:secret@')}/clip.mp4?token=abc"
        source = open_source(url, live=PATIENT)
        assert isinstance(source, VideoSource) and source.state is None
        assert not source.info.live and source.info.frame_count == 60
        assert "secret" not in source.info.name and "abc" not in source.info.name
        for _ in range(2):  # a recording can be read again
            frames = list(source)
            assert numbers(frames) == list(range(60))
            assert [frame.time_s for frame in frames] == pytest.approx(regular_times(60), abs=1e-6)
        part = open_source(url, start_s=1.0, end_s=1.2, live=PATIENT)
        assert numbers(list(part)) == [30, 31, 32, 33, 34, 35]
        with pytest.raises(ConfigError, match=r"mirror was asked of .*, which is a clip"):
            open_source(url, live=LiveOptions(mirror=True))


def test_recording_whose_server_breaks_off(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", regular_times(90), size_px=(320, 240), faststart=True)
    plan = Plan(file=path)
    with http_video(plan) as address:
        source = open_source(f"{address}/clip.mp4", live=PATIENT)
        plan.cut_bytes = path.stat().st_size // 2
        seen: list[int] = []
        with pytest.raises(SourceError, match=r"broke off after \d+ frames"):
            seen.extend(read_number(frame.image) for frame in source)
        assert 10 < len(seen) < 90 and seen == list(range(len(seen)))
        # Asked to, it asks for the rest of the file and goes on.
        again = open_source(f"{address}/clip.mp4", live=LiveOptions(patience_s=5.0, reconnect=True))
        assert numbers(list(again)) == list(range(90))


@pytest.mark.parametrize("closing", [True, False])
def test_mp4_without_a_length_is_live(tmp_path: Path, closing: bool) -> None:
    fragments = _fragments(tmp_path / "live.mp4", 60)
    with http_video(Plan(fragments=fragments, rate_hz=15.0, closing=closing)) as address:
        source = open_source(f"{address}/live.mp4", live=PATIENT)
        assert isinstance(source, StreamSource) and source.info.live
        frames = list(source)
        assert numbers(frames) == list(range(60))
        check_times(frames)
        assert frames[-1].time_s == pytest.approx(59 / 30, abs=0.01)
        with pytest.raises(ConfigError, match=r"start_s 1 .*clips only"):
            open_source(f"{address}/live.mp4", start_s=1.0, live=PATIENT)


def test_end_of_the_span() -> None:
    with rtsp_video(RtspPlan()) as address:
        source = open_source(address, end_s=0.5, live=PATIENT)
        assert numbers(list(source)) == list(range(20))
        with pytest.raises(SourceError, match="read already"):
            next(iter(source))


def test_a_server_that_does_not_answer() -> None:
    with rtsp_video(RtspPlan(silent=True)) as address, pytest.raises(SourceError, match=r"no answer for 0\.5 s"):
        StreamSource(address, options=LiveOptions(patience_s=0.5))


def test_a_stream_that_opens_and_delivers_nothing() -> None:
    with http_video(Plan(frames=0, end="stall")) as address:
        with pytest.raises(SourceError, match=r"no answer for 0\.5 s") as caught:
            StreamSource(f"{address}/mjpeg", options=LiveOptions(patience_s=0.5))
        assert "\n" not in str(caught.value)
    with http_video(Plan(frames=0)) as address, pytest.raises(SourceError):
        StreamSource(f"{address}/mjpeg", options=PATIENT)


def test_password() -> None:
    with rtsp_video(RtspPlan(password="name:secret")) as address:
        with pytest.raises(SourceError, match=r"401.*give name and password"):
            StreamSource(address, options=PATIENT)
        source = StreamSource(address.replace("//", "//name:secret@"), options=PATIENT)
        assert source.info.name == address
        source.close()


def test_errors_of_the_server_and_wrong_addresses() -> None:
    with http_video(Plan()) as address, pytest.raises(SourceError, match=r"404.*look at the path"):
        open_source(f"{address}/nothing", live=PATIENT)
    with http_video(Plan(status=503)) as address, pytest.raises(SourceError, match="5XX"):
        open_source(f"{address}/mjpeg", live=PATIENT)


def test_address_that_refuses_hides_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound but not listening: refuses at once
        port = unused.getsockname()[1]
        with pytest.raises(SourceError, match=f"127.0.0.1:{port}") as caught:
            open_source(f"http://user:secret@127.0.0.1:{port}/live?pwd=hidden")
    error: BaseException | None = caught.value
    while error is not None:  # nor does a traceback show it
        assert "secret" not in str(error) and "hidden" not in str(error)
        error = error.__cause__


def test_public_names() -> None:
    assert public_name("rtsp://a:b@c/d") == "rtsp://c/d"
    assert public_name("rtsp://a:b@x@c:554/d@e") == "rtsp://c:554/d@e"
    assert public_name("http://c/d?user=a&password=b&x=1") == "http://c/d?user=a&password=...&x=1"
    assert public_name("http://c/d?AccessToken=b#top") == "http://c/d?AccessToken=...#top"
    assert public_name("http://c/mail@home?to=a@b") == "http://c/mail@home?to=a@b"


def _server(kind: str, **plan: Any) -> AbstractContextManager[str]:
    """Either server, and the address of its stream."""
    if kind == "rtsp":
        return rtsp_video(RtspPlan(**plan))
    return http_video(Plan(**plan), path="/mjpeg")


def _fragments(path: Path, frames: int) -> list[bytes]:
    """A fragmented MP4 at 30 Hz, cut where its fragments begin."""
    with av.open(str(path), "w", options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}) as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.codec_context.gop_size = 5
        stream.options = {"crf": "12", "preset": "ultrafast", "tune": "zerolatency"}
        for number in range(frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_image(number), format="bgr24")))
        container.mux(stream.encode())
    head, *rest = path.read_bytes().split(b"moof")
    # The four bytes before a name are the length of its box.
    pieces, lengths = [head[:-4]], head[-4:]
    for piece in rest:
        pieces.append(lengths + b"moof" + piece[:-4])
        lengths = piece[-4:]
    pieces[-1] += lengths
    return pieces
