from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from pipeline.arrays import U8
from pipeline.detect.crops import Crop
from pipeline.detect.keypoints import Keypoints
from pipeline.detect.movenet import MoveNet, MoveNetSearch, next_crop
from pipeline.skeletons import COCO_17


def _body(score: float = 0.9) -> Keypoints:
    """Upright, 100 px torso, ankles 180 px below the hips at (500, 400)."""
    xy = np.full((17, 2), (500, 300), np.float32)
    for joint, point in {
        "l_hip": (515, 400),
        "r_hip": (485, 400),
        "l_ankle": (510, 580),
        "r_ankle": (490, 580),
    }.items():
        xy[COCO_17.index(joint)] = point
    return Keypoints(xy, np.full(17, score, np.float32))


def test_the_next_crop_is_centred_at_the_hips_and_holds_the_body() -> None:
    assert next_crop(_body(), 2000, 1000) == Crop(500, 400, 2 * 1.2 * 180)


def test_without_shoulders_there_is_no_next_crop() -> None:
    keypoints = _body()
    keypoints.score[[COCO_17.index("l_shoulder"), COCO_17.index("r_shoulder")]] = 0.1
    assert next_crop(keypoints, 2000, 1000) is None


@given(
    nps.arrays(np.float32, (17, 2), elements=st.floats(-500, 2500, width=32)),
    nps.arrays(np.float32, 17, elements=st.floats(0, 1, width=32)),
)
def test_any_keypoints_give_a_crop_no_larger_than_the_picture(xy: np.ndarray, score: np.ndarray) -> None:
    crop = next_crop(Keypoints(xy, score), 1280, 720)
    assert crop is None or 2 <= crop.side_px <= 1280


class _Counting:
    """Counts the inferences of a network."""

    def __init__(self, model: MoveNet) -> None:
        self.model = model
        self.count = 0

    def __call__(self, image: U8, crop: Crop) -> Keypoints:
        self.count += 1
        return self.model(image, crop)


def test_a_search_in_vain_costs_one_inference_per_frame(thunder: MoveNet) -> None:
    counting = _Counting(thunder)
    search = MoveNetSearch(counting)  # type: ignore[arg-type]
    image = np.full((360, 640, 3), 100, np.uint8)
    for calls in range(1, 7):
        assert search.somewhere(image) is None
        assert counting.count == calls


def test_searching_with_one_inference_per_frame_finds_a_person_within_six_frames(
    thunder: MoveNet, picture: Callable[[str], U8]
) -> None:
    search = MoveNetSearch(thunder)
    found = [search.somewhere(picture("sports2d_000.jpg")) for _ in range(6)]
    assert any(found)
