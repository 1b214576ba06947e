"""A fixed set of validation windows: held-out people, fixed cameras, detector-like keypoints.

For following a training run; ``models/evaluation/evaluate.py`` judges finished models.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from models.data.batches import Batch, observe
from models.data.cameras import random_views
from models.data.keypoint_noise import DETECTOR_LIKE
from models.data.mocap import Mocap, every_nth_frame, stature_m
from models.evaluation.metrics import mpjpe, n_mpjpe, p_mpjpe
from models.network.strided_transformer import StridedTransformer
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.window.person_view import ASSUMED_FOCAL

F32 = NDArray[np.float32]


def validation_windows(
    mocap: Mocap, window: int, target: int, count: int = 2048, seed: int = 7, every: int = 1
) -> Batch:
    """Windows of unvaried motion (of every n-th frame), each seen by its own random camera of assumed focal length."""
    rng = np.random.default_rng(seed)
    motion, rate_hz = every_nth_frame(mocap, window, target, every).draw(rng, count)
    motion *= (MODEL_STATURE_M / stature_m(motion).mean(1))[:, None, None, None]
    motion -= motion[:, window // 2, None, None, 0]
    yaw = rng.uniform(-np.pi, np.pi, count)
    cos, sin = np.cos(yaw)[:, None, None], np.sin(yaw)[:, None, None]
    x, z = motion[..., 0].copy(), motion[..., 2].copy()
    motion[..., 0], motion[..., 2] = cos * x + sin * z, cos * z - sin * x
    view = random_views(motion, rate_hz, rng)
    return observe(view, ASSUMED_FOCAL * view.size_px.max(1), rate_hz, rng, DETECTOR_LIKE)


@torch.no_grad()
def validate(network: StridedTransformer, windows: Batch, target: int) -> dict[str, float]:
    """Errors of the target frame in mm, by both heads."""
    network.eval()
    device = next(network.parameters()).device
    frames, centres = [], []
    for start in range(0, len(windows.keypoints), 256):
        frame, sequence = network(torch.from_numpy(windows.keypoints[start : start + 256]).to(device))
        frames.append(frame.cpu().numpy())
        centres.append(sequence[:, target].cpu().numpy())
    truth = windows.truth_m[:, target]
    result: dict[str, float] = {}
    for name, parts in (("frame", frames), ("sequence", centres)):
        predicted = np.concatenate(parts)
        predicted[:, 0] = 0
        result |= {f"{name}_{error}": value for error, value in errors_mm(predicted, truth).items()}
    return result


def errors_mm(predicted_m: F32, truth_m: F32) -> dict[str, float]:
    """Mean errors of poses [N, J, 3] in metres, pelvis at zero: ``mpjpe_mm``, ``n_mpjpe_mm``, ``p_mpjpe_mm``."""
    return {
        f"{metric.__name__}_mm": round(1000 * float(metric(predicted_m, truth_m).mean()), 2)
        for metric in (mpjpe, n_mpjpe, p_mpjpe)
    }
