"""Losses: MPJPE of the target frame, frame-weighted MPJPE of the sequence, velocity."""

from __future__ import annotations

import torch
from torch import Tensor


def mpjpe(predicted: Tensor, truth: Tensor) -> Tensor:
    """Mean per-joint position error over all axes but the last; both [..., J, 3], same unit out."""
    error: Tensor = torch.linalg.vector_norm(predicted - truth, dim=-1).mean()
    return error


def frame_weights(window: int, target: int, floor: float = 0.25) -> Tensor:
    """alpha_t [T]: largest at the target frame, falling to both sides, mean 1.

    A bell of standard deviation T / 6 on a floor, so that frames far from the target still teach the
    full-sequence head.
    """
    distance = torch.arange(window, dtype=torch.float32) - target
    alpha = floor + torch.exp(-0.5 * (distance / (window / 6)) ** 2)
    return alpha / alpha.mean()


def sequence_mpjpe(predicted: Tensor, truth: Tensor, alpha: Tensor | None = None) -> Tensor:
    """MPJPE of [B, T, J, 3] sequences, frames weighted by ``alpha`` [T] where given."""
    error: Tensor = torch.linalg.vector_norm(predicted - truth, dim=-1).mean((0, 2))
    return error.mean() if alpha is None else (alpha * error).mean()


def velocity_error(predicted: Tensor, truth: Tensor) -> Tensor:
    """MPJPE of the frame-to-frame differences of [B, T, J, 3] sequences (MPJVE), unit per frame."""
    return mpjpe(predicted.diff(dim=1), truth.diff(dim=1))
