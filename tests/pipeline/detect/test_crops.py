from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.detect.crops import Crop, whole_picture

crops = st.builds(
    Crop,
    st.floats(-500, 3000),
    st.floats(-500, 3000),
    st.floats(2, 4000),
    st.floats(-2 * math.pi, 2 * math.pi),
)


def from_picture(crop: Crop, xy_px: np.ndarray) -> np.ndarray:
    """Points [..., 2] of the picture as coordinates of the crop, by turning back and measuring along its sides."""
    across = np.array([math.cos(crop.angle_rad), math.sin(crop.angle_rad)])
    down = np.array([-across[1], across[0]])
    away = xy_px - np.array([crop.x_px, crop.y_px])
    return np.stack([away @ across, away @ down], -1) / crop.side_px + 0.5


@given(crops, st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=8))
def test_to_picture_and_back(crop: Crop, uv: list[tuple[float, float]]) -> None:
    points = np.array(uv)
    back = from_picture(crop, crop.to_picture(points))
    # float32 pixels: at 3000 px a step is 0.00025 px, seen from a crop of 2 px.
    np.testing.assert_allclose(back, points, atol=1e-5 + 2e-3 / crop.side_px)


@given(crops)
def test_centre_and_corners_lie_where_the_crop_says(crop: Crop) -> None:
    centre = np.array([crop.x_px, crop.y_px])
    np.testing.assert_allclose(crop.to_picture(np.array([0.5, 0.5])), centre, atol=1e-3)
    corners = crop.to_picture(np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    np.testing.assert_allclose(sides, crop.side_px, rtol=1e-3, atol=1e-2)


def test_a_quarter_turn_is_clockwise_on_the_screen() -> None:
    turned = Crop(100, 100, 40, math.pi / 2)
    np.testing.assert_allclose(turned.to_picture(np.array([0.5, 0.0])), [120, 100], atol=1e-4)


@pytest.mark.parametrize("angle_rad", [0.0, 0.6, -2.5])
def test_a_point_of_the_picture_is_cut_to_where_the_formula_puts_it(angle_rad: float) -> None:
    image = np.zeros((300, 400, 3), np.uint8)
    image[140:145, 220:225] = (255, 0, 0)  # blue, in BGR
    crop = Crop(200, 150, 120, angle_rad)
    cut = crop.cut(image, 240)
    assert cut.shape == (240, 240, 3)
    assert cut[..., 0].max() == 0 and cut[..., 2].max() == 255  # the result is RGB
    rows, columns = np.nonzero(cut[..., 2] > 128)
    expected = from_picture(crop, np.array([222.0, 142.0])) * 240
    np.testing.assert_allclose([columns.mean(), rows.mean()], expected, atol=0.6)


def test_outside_the_picture_is_black_or_the_border_repeated() -> None:
    image = np.full((20, 20, 3), 200, np.uint8)
    crop = Crop(0, 0, 40)
    assert crop.cut(image, 32)[0, 0].tolist() == [0, 0, 0]
    assert (crop.cut(image, 32, repeat_border=True) == 200).all()


@pytest.mark.parametrize("shape", [(1, 1), (8, 8), (3, 900)])
def test_tiny_pictures_can_be_cut(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 90, np.uint8)
    assert whole_picture(shape[1], shape[0]).cut(image, 64).shape == (64, 64, 3)


def test_a_crop_needs_finite_numbers() -> None:
    with pytest.raises(ValueError, match="finite"):
        Crop(math.nan, 0, 10)
