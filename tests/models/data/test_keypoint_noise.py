from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.data.keypoint_noise import CLEAN, add_noise

FRAMES = 270


def swapped_frames(section: int, frames: int = FRAMES) -> np.ndarray:
    """Which frames of one long window have joints in other places under certain swaps."""
    xy = np.arange(17 * 2, dtype=np.float32).reshape(1, 1, 17, 2).repeat(frames, 1)
    inside = np.ones((1, frames, 17), bool)
    one = np.ones(1, np.float32)
    recipe = replace(CLEAN, swap=1.0, section=section)
    noisy, _ = add_noise(xy, inside, 300 * one, 30 * one, np.random.default_rng(3), recipe)
    return (noisy != xy).any((0, 2, 3))


def test_a_long_window_has_one_burst_but_sections_have_one_each() -> None:
    def runs(frames: np.ndarray) -> int:
        return int((np.diff(frames.astype(int), prepend=0) == 1).sum())

    assert runs(swapped_frames(0)) <= 1
    assert 6 <= runs(swapped_frames(27)) <= 10


def test_sections_need_not_divide_the_window() -> None:
    assert len(swapped_frames(27, 100)) == 100 and swapped_frames(27, 100).any()
