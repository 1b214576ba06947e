"""Where a body stands, and its pose on the rays of its keypoints."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from array_api_compat import torch as torch_namespace

from pipeline.lift.rays import fit_on_rays, root_position

PLACES = np.array([[0.3, -0.2, 4.0], [0.0, 0.1, 2.5], [-1.0, 0.4, 9.0]], np.float32)
SCALE = np.array([0.2, 0.35, 0.1], np.float32)


def bodies() -> np.ndarray:
    body = np.random.default_rng(0).normal(0, 0.35, (3, 17, 3)).astype(np.float32)
    return body - body[:, :1]


def keypoints_of(body: np.ndarray, confidence: float = 0.9) -> np.ndarray:
    placed = body + PLACES[:, None]
    xy = placed[..., :2] / placed[..., 2:] / SCALE[:, None, None]
    return np.concatenate([xy, np.full_like(xy[..., :1], confidence)], -1).astype(np.float32)


def test_a_true_pose_is_placed_where_it_stands() -> None:
    body = bodies()
    seen = keypoints_of(body)
    position, found = root_position(body, seen[..., :2] * SCALE[:, None, None], seen[..., 2])
    assert found.all() and position == pytest.approx(PLACES, abs=1e-3)


def test_the_place_is_the_best_one_for_what_can_not_be_fitted_exactly() -> None:
    body = bodies()
    wrong = body + np.random.default_rng(1).normal(0, 0.05, body.shape)
    rays = keypoints_of(body)[..., :2] * SCALE[:, None, None]
    weight = np.random.default_rng(2).uniform(0.2, 1, rays.shape[:2])
    position, _ = root_position(wrong, rays, weight)

    def cost(place: np.ndarray) -> np.ndarray:
        off = wrong[..., :2] + place[:, None, :2] - rays * (wrong[..., 2] + place[:, None, 2])[..., None]
        return (weight[..., None] * off**2).sum((1, 2))

    for axis in range(3):
        for step in (-0.01, 0.01):
            assert (cost(position + step * np.eye(3)[axis]) > cost(position)).all()


def test_joints_lie_on_their_rays_and_depths_stay() -> None:
    truth = bodies()
    lifted = truth.copy()
    lifted[:, 1:, :2] += 0.05 * np.random.default_rng(3).normal(size=(3, 16, 2)).astype(np.float32)
    found = fit_on_rays(lifted, keypoints_of(truth), SCALE)
    assert (found[:, 0] == 0).all() and (found[..., 2] == lifted[..., 2]).all()
    # the true depths are known, so only the place is slightly wrong
    assert np.abs(found - truth)[:, 1:].mean() < 0.4 * np.abs(lifted - truth)[:, 1:, :2].mean()


def test_what_was_not_seen_stays_as_it_was_lifted() -> None:
    truth = bodies()
    lifted = (truth * 1.1).astype(np.float32)
    seen = keypoints_of(truth)
    seen[:, [3, 6, 9]] = 0
    found = fit_on_rays(lifted, seen, SCALE)
    assert (found[:, [3, 6, 9]] == lifted[:, [3, 6, 9]]).all() and (found[:, 1] != lifted[:, 1]).any()


@pytest.mark.parametrize("case", ["nothing", "five joints", "no scale", "one point", "behind"])
def test_a_body_that_can_not_be_placed_stays_as_it_was_lifted(case: str) -> None:
    lifted, scale = bodies(), SCALE.copy()
    seen = keypoints_of(lifted)
    if case == "nothing":
        seen[:] = 0
    elif case == "five joints":
        seen[:, 5:] = 0
    elif case == "no scale":
        scale[:] = 0
    elif case == "one point":
        seen[..., :2] = 0.3
    else:
        seen[..., :2] *= -1  # as if it were seen through the back of the camera
    found = fit_on_rays(lifted, seen, scale)
    assert (found == lifted).all()


def test_tensors_give_the_same_and_gradients() -> None:
    truth = bodies()
    lifted = truth + 0.03
    lifted[:, 0] = 0
    expected = fit_on_rays(lifted, keypoints_of(truth), SCALE)
    tensor = torch.from_numpy(lifted).requires_grad_()
    found = fit_on_rays(tensor, torch.from_numpy(keypoints_of(truth)), torch.from_numpy(SCALE), torch_namespace)
    assert found.detach().numpy() == pytest.approx(expected, abs=1e-5)
    found.sum().backward()
    assert tensor.grad is not None and tensor.grad.isfinite().all() and (tensor.grad[:, 1:] != 0).any()
