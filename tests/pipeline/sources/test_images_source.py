"""Folders of pictures: order, times, EXIF orientation, pictures that are damaged or of another size."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import ConfigError, SourceError
from pipeline.sources import ImagesSource, open_source
from pipeline.sources.images import natural_key
from tests.helpers.video import numbered_image, read_number


def fill(folder: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        assert cv2.imwrite(str(folder / name), numbered_image(number))
    return folder


def test_natural_order_and_times(tmp_path: Path) -> None:
    names = ["img1.png", "img2.jpg", "IMG3.PNG", "img9.bmp", "img10.tif", "img11.webp", "img100.jpeg"]
    fill(tmp_path, names)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"not a picture")
    source = ImagesSource(tmp_path, fps=25.0)
    frames = list(source)
    assert [read_number(frame.image) for frame in frames] == list(range(7))
    assert [frame.index for frame in frames] == list(range(7))
    assert [frame.time_s for frame in frames] == pytest.approx([n / 25 for n in range(7)])
    assert (source.info.frame_count, source.info.fps, source.info.kind) == (7, 25.0, "images")
    assert source.warnings == []


@given(st.lists(st.integers(0, 10**12), min_size=2, unique=True))
def test_numbers_in_names_sort_as_numbers(values: list[int]) -> None:
    names = sorted((f"frame_{value}.png" for value in values), key=natural_key)
    assert names == [f"frame_{value}.png" for value in sorted(values)]


@settings(max_examples=30)
@given(st.lists(st.text(max_size=12), min_size=2, max_size=8))
def test_any_names_can_be_compared(names: list[str]) -> None:
    assert sorted(sorted(names, key=natural_key), key=natural_key) == sorted(names, key=natural_key)


def test_unreadable_picture_is_a_black_frame_in_its_place(tmp_path: Path) -> None:
    fill(tmp_path, [f"{n}.png" for n in range(5)])
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:40])
    source = ImagesSource(tmp_path)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(5))
    assert [bool(frame.image.any()) for frame in frames] == [False, True, False, True, True]
    assert [read_number(frames[n].image) for n in (1, 3, 4)] == [1, 3, 4]
    assert [warning.split()[0] for warning in source.warnings] == ["0.png", "2.png"]


def test_another_size_is_fitted_in_without_distortion(tmp_path: Path) -> None:
    fill(tmp_path, ["0.png"])
    square = np.full((50, 50, 3), 200, np.uint8)
    cv2.imwrite(str(tmp_path / "1.png"), square)
    source = ImagesSource(tmp_path)
    _, second = list(source)
    assert second.image.shape == (96, 128, 3)
    assert second.image[48, 64].tolist() == [200] * 3
    lit = np.asarray((second.image > 100).all(-1))
    assert (lit.any(0).sum(), lit.any(1).sum()) == (96, 96)
    assert "50x50" in source.warnings[0]


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    image = numbered_image(0)
    good, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 98])
    assert good
    # Orientation 6: the camera was held upright, turn the stored picture clockwise.
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    segment = b"Exif\x00\x00" + tiff
    jpeg = data.tobytes()
    header = b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment
    (tmp_path / "0.jpg").write_bytes(jpeg[:2] + header + jpeg[2:])
    frame = next(iter(ImagesSource(tmp_path)))
    assert frame.image.shape == (128, 96, 3)
    assert np.abs(frame.image.astype(int) - np.rot90(image, -1)).mean() < 6


def test_span(tmp_path: Path) -> None:
    fill(tmp_path, [f"{n}.png" for n in range(30)])
    source = ImagesSource(tmp_path, fps=10.0, start_s=0.3, end_s=0.7)
    frames = list(source)
    assert [read_number(frame.image) for frame in frames] == [3, 4, 5, 6]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time_s for frame in frames] == pytest.approx([0.3, 0.4, 0.5, 0.6])
    assert (source.info.start_s, source.info.frame_count) == (0.3, 4)
    with pytest.raises(SourceError, match="holds no picture"):
        ImagesSource(tmp_path, fps=10.0, start_s=3.0)


def test_one_picture_is_a_source_of_one_frame(tmp_path: Path) -> None:
    fill(tmp_path, ["a.png", "b.png"])
    frames = list(open_source(str(tmp_path / "b.png")))
    assert [read_number(frame.image) for frame in frames] == [1]


def test_folder_without_pictures_names_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="it is empty"):
        ImagesSource(tmp_path)
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(SourceError, match=r"it holds clip\.mp4"):
        ImagesSource(tmp_path)


def test_no_readable_picture(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_text("text")
    with pytest.raises(SourceError, match="can be read"):
        ImagesSource(tmp_path)


def test_folder_that_may_not_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SourceError, match="permission denied"):
        ImagesSource(tmp_path)


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), float("inf")])
def test_senseless_rates(tmp_path: Path, fps: float) -> None:
    fill(tmp_path, ["0.png"])
    with pytest.raises(ConfigError, match="fps"):
        ImagesSource(tmp_path, fps=fps)
