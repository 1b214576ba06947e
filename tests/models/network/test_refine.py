from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.exchange.official_layout import refine_from_official
from models.network.losses import mpjpe
from models.network.refine import Intrinsics, Refine, pose_on_rays, refined

DATA = Path(__file__).parents[2] / "data"


def test_same_numbers_as_the_published_code() -> None:
    with np.load(DATA / "official_refine.npz") as stored:
        arrays = {key: torch.from_numpy(stored[key]) for key in stored.files}
    refine = refine_from_official({k.removeprefix("state/"): v for k, v in arrays.items() if k.startswith("state/")})
    camera = Intrinsics(arrays["focal"], arrays["centre"])
    inputs = arrays["lifted"], arrays["keypoints"], arrays["root_depth"]
    projected = pose_on_rays(inputs[1], inputs[0][..., 2], inputs[2], camera)
    assert torch.allclose(projected, arrays["projected"], atol=1e-5, rtol=0)
    with torch.no_grad():
        assert torch.allclose(refined(refine, *inputs, camera), arrays["refined"], atol=1e-5, rtol=0)


def test_a_true_pose_lies_on_its_own_rays() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = 0.5 * torch.randn(3, 17, 3, generator=generator)
    truth = truth - truth[:, :1]
    root = torch.tensor([[0.3, -0.2, 4.0], [1.0, 0.5, 5.0], [-1.0, 0.0, 6.0]])
    camera = Intrinsics(torch.tensor([[2.3, 2.29]] * 3), torch.tensor([[0.02, -0.01]] * 3))
    absolute = truth + root[:, None]
    keypoints = absolute[..., :2] / absolute[..., 2:] * camera.focal[:, None] + camera.centre[:, None]
    depth = truth[..., 2].clone()
    depth[:, 0] = 7.0  # the network's own value for the pelvis is never used
    assert torch.allclose(pose_on_rays(keypoints, depth, root[:, 2], camera), truth, atol=1e-5)


def test_blend_by_hand() -> None:
    refine = Refine(joints=2, hidden=4).eval()
    with torch.no_grad():
        for parameter in refine.parameters():
            parameter.zero_()
        refine.blend[3].bias.copy_(torch.tensor([0.0, 100.0, -100.0, 0.0]))  # type: ignore[operator]
    lifted = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]])
    projected = torch.tensor([[[3.0, 4.0, 9.0], [8.0, 7.0, 9.0]]])
    # trust: 1/2 and 1 for joint 0, 0 and 1/2 for joint 1; depth is always the network's
    assert torch.allclose(refine(lifted, projected), torch.tensor([[[2.0, 2.0, 3.0], [8.0, 6.0, 6.0]]]))


def test_the_loss_trains_network_and_module_together() -> None:
    torch.manual_seed(0)
    refine = Refine(joints=17, hidden=8)
    truth = 0.4 * torch.randn(5, 17, 3)
    truth = truth - truth[:, :1]
    camera = Intrinsics(torch.full((5, 2), 2.3), torch.zeros(5, 2))
    absolute = truth + torch.tensor([0.0, 0.0, 5.0])
    keypoints = 2.3 * absolute[..., :2] / absolute[..., 2:]
    root_depth = torch.full((5,), 5.0)
    lifted = (truth + 0.05 * torch.randn(truth.shape)).requires_grad_()
    loss = mpjpe(refined(refine, lifted, keypoints, root_depth, camera), truth)
    loss.backward()
    assert lifted.grad is not None and lifted.grad.abs().sum() > 0
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in refine.parameters())
    optimiser = torch.optim.Adam([lifted, *refine.parameters()], lr=3e-3)
    for _ in range(60):
        optimiser.zero_grad()
        mpjpe(refined(refine, lifted, keypoints, root_depth, camera), truth).backward()
        optimiser.step()
    after = mpjpe(refined(refine.eval(), lifted, keypoints, root_depth, camera), truth)
    assert after.item() < 0.5 * loss.item()
    exact = mpjpe(refined(refine, truth, keypoints, root_depth, camera), truth)
    assert exact.item() == pytest.approx(0, abs=1e-6)
