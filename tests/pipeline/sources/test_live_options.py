"""What can be asked of a live source."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.sources import Backoff, LiveOptions, parse_size


def test_waits_double_up_to_the_longest() -> None:
    waits_s = list(islice(Backoff(first_s=0.5, longest_s=3.0).waits_s(), 6))
    assert waits_s == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0]


def test_size() -> None:
    assert parse_size("1280x720") == (1280, 720)
    assert parse_size(" 640 X 480 ") == (640, 480)
    for text in ("", "1280", "1280x", "x720", "-1x5", "1e3x5", "1280x720x3", "9999999x1"):
        with pytest.raises(ConfigError, match="for example 1280x720"):
            parse_size(text)


@pytest.mark.parametrize(
    "bad",
    [
        {"width_px": 640},
        {"height_px": 480},
        {"width_px": 0, "height_px": 480},
        {"width_px": 640, "height_px": 99_999},
        {"fps": 0.0},
        {"fps": float("nan")},
        {"fps": 5000.0},
        {"fourcc": "MJPEG"},
        {"fourcc": ""},
        {"fourcc": "ÄJPG"},
        {"patience_s": 0.0},
        {"patience_s": float("inf")},
        {"patience_s": float("nan")},
    ],
)
def test_senseless_values_are_refused_in_one_line(bad: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        LiveOptions(**bad)
    assert "\n" not in str(caught.value)


def test_what_only_cameras_have() -> None:
    assert not LiveOptions(mirror=True, reconnect=True, patience_s=3.0).asks_camera
    assert LiveOptions(fourcc="Y16 ").asks_camera
    assert LiveOptions(width_px=640, height_px=480).asks_camera
    assert LiveOptions(fps=60.0).asks_camera
