from __future__ import annotations

import pytest
import torch

from models.training.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 16, 4), (2, 4, 16)])
def test_singular_values_come_near_one_and_vectors_stay(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(shape)
    out = orthogonalised(matrices)
    values = torch.linalg.svdvals(out)
    assert (values > 0.3).all() and (values < 1.3).all()
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    between = u.transpose(1, 2) @ out @ v.transpose(1, 2)
    assert (between - torch.diag_embed(between.diagonal(dim1=1, dim2=2))).abs().max() < 1e-4


def test_it_agrees_with_torch() -> None:
    torch.manual_seed(0)
    start = torch.randn(6, 10)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    a = Muon([ours], lr=0.02)
    b = torch.optim.Muon([theirs], lr=0.02, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        gradient = torch.randn(6, 10)
        for parameter, optimiser in ((ours, a), (theirs, b)):
            parameter.grad = gradient.clone()
            optimiser.step()
    moved = (theirs - start).norm()
    assert (ours - theirs).norm() < 0.02 * moved  # torch's is rounded to bfloat16


def test_parameters_without_a_gradient_stay() -> None:
    parameter = torch.nn.Parameter(torch.ones(2, 2))
    Muon([parameter], lr=0.1).step()
    assert (parameter == 1).all()
