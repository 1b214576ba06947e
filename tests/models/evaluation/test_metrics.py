from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.metrics import (
    acceleration_error,
    bone_length_variation,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    procrustes,
)

# two joints at distance 1 from the first
TRUTH = np.array([[[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]])


def random_pose(seed: int, joints: int = 17) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, (1, joints, 3))


def rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q[:, [1, 0, 2]]


def test_mpjpe_by_hand() -> None:
    predicted = TRUTH + np.array([[[0, 0, 0], [3, 4, 0], [0, 0, 1]]])
    assert mpjpe(predicted, TRUTH) == pytest.approx([(0 + 5 + 1) / 3])


def test_n_mpjpe_by_hand() -> None:
    # best factor of (2, 0, 0), (0, 1, 0) onto (1, 0, 0), (0, 1, 0): (2 + 1) / (4 + 1) = 0.6
    predicted = TRUTH * np.array([2.0, 1, 1])
    assert n_mpjpe(predicted, TRUTH) == pytest.approx([(0 + 0.2 + 0.4) / 3])


def test_p_mpjpe_by_hand() -> None:
    # points -1, 0, 1 on a line, predicted -1, 0.3, 1: mean 0.1, so -1.1, 0.2, 0.9; best factor 2 / 2.06
    truth = np.array([[[-1.0, 0, 0], [0, 0, 0], [1, 0, 0]]])
    predicted = np.array([[[-1.0, 0, 0], [0.3, 0, 0], [1, 0, 0]]])
    factor = 2 / 2.06
    expected = (abs(-1.1 * factor + 1) + abs(0.2 * factor) + abs(0.9 * factor - 1)) / 3
    assert p_mpjpe(predicted, truth) == pytest.approx([expected])


@given(st.integers(0, 10_000), st.floats(0.05, 20), st.floats(-5, 5))
def test_p_mpjpe_ignores_similarities(seed: int, scale: float, shift: float) -> None:
    truth, predicted = random_pose(seed), random_pose(seed + 1)
    moved = scale * predicted @ rotation(seed).T + shift
    assert p_mpjpe(moved, truth) == pytest.approx(p_mpjpe(predicted, truth), rel=1e-6)
    assert procrustes(scale * truth @ rotation(seed).T + shift, truth) == pytest.approx(truth, abs=1e-9)


@given(st.integers(0, 10_000))
def test_alignment_only_helps(seed: int) -> None:
    truth, predicted = random_pose(seed), random_pose(seed) + 0.1 * random_pose(seed + 1)
    # least squares: the squared error falls with each freedom
    squared = [
        ((aligned - truth) ** 2).sum()
        for aligned in (
            procrustes(predicted, truth),
            predicted * (predicted * truth).sum() / (predicted**2).sum(),
            predicted,
        )
    ]
    assert squared[0] <= squared[1] + 1e-12 <= squared[2] + 2e-12


def test_a_mirrored_body_is_not_aligned_by_reflection() -> None:
    truth = random_pose(3)
    assert p_mpjpe(truth * np.array([-1, 1, 1]), truth)[0] > 0.05


def test_each_pose_is_aligned_by_itself() -> None:
    truth = np.concatenate([random_pose(1), random_pose(2)])
    predicted = np.concatenate([random_pose(3), random_pose(4)])
    alone = [p_mpjpe(predicted[i : i + 1], truth[i : i + 1])[0] for i in range(2)]
    assert p_mpjpe(predicted, truth) == pytest.approx(alone)


def test_velocity_and_acceleration_by_hand() -> None:
    truth = np.zeros((4, 1, 3))
    predicted = np.zeros((4, 1, 3))
    predicted[:, 0, 0] = [0, 1, 3, 3]
    assert mpjve(predicted, truth) == pytest.approx([1, 2, 0])
    assert acceleration_error(predicted, truth) == pytest.approx([1, 2])
    # a constant offset is no velocity error, a constant speed no acceleration error
    assert mpjve(truth + 5, truth) == pytest.approx([0, 0, 0])
    assert acceleration_error(np.arange(4.0)[:, None, None] * np.ones(3), truth) == pytest.approx([0, 0])


def test_bone_length_variation_by_hand() -> None:
    joints = np.zeros((2, 3, 3))
    joints[:, 1, 0] = [1, 3]  # lengths 1 and 3: mean 2, standard deviation 1
    joints[:, 2, 1] = 1
    assert bone_length_variation(joints, [(0, 1), (0, 2)]) == pytest.approx([0.5, 0])
