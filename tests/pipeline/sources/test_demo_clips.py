"""The clips in demo_videos/: documented, licensed, playable from their first byte, and readable to the last frame."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from pipeline.sources import VideoSource

FOLDER = Path(__file__).resolve().parents[3] / "demo_videos"
CLIPS = {
    "walk_and_flip.mp4": (230, 1280, 720, 30.0),
    "jumping_jacks.mp4": (150, 960, 540, 30.0),
    "balance_portrait.mp4": (100, 540, 960, 60.0),
}


def test_every_clip_is_listed_with_a_licence_that_is_there() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in FOLDER.glob("*.mp4")} == set(CLIPS)
    for name in (*CLIPS, "LICENSE-sports2d.txt", "LICENSE-pose2sim.txt"):
        assert f"`{name}`" in readme
        assert (FOLDER / name).is_file()


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_clip(name: str) -> None:
    path = FOLDER / name
    frames, width, height, fps = CLIPS[name]
    assert path.stat().st_size < 2_500_000
    head = path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    source = VideoSource(path)
    times = [frame.time_s for frame in source]
    assert (source.info.width_px, source.info.height_px, source.info.fps) == (width, height, fps)
    assert times == pytest.approx([n / fps for n in range(frames)], abs=1e-4)
    assert source.warnings == []
