"""Motion capture clips as fixed virtual cameras see them, for evaluation.

Everything random follows from the clip's name and the camera's number, so a clip is always seen in the same way,
whatever else its file holds. The cameras come from the distribution of the training (``models/data/cameras.py``); of
several candidates, one is taken that keeps the whole person in the picture for nearly all of the clip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.data.cameras import random_views
from models.data.mocap import COCO_OF_MOCAP, Mocap, stature_m
from pipeline.place.scale import MODEL_STATURE_M
from pipeline.skeletons import H36M_17

F32 = NDArray[np.float32]

RATE_HZ = 30.0
"""Frame rate that all clips are shown at."""

SECONDS = 3.0
"""Longest part of a clip that is used, so that long takes of one person do not outweigh all others."""

CAMERAS = 2
"""Cameras per clip."""

_CANDIDATES = 48
_INSIDE = 0.97  # share of the person's joints and frames that must lie in the picture
_SEED = 20
_SHORTEST_FRAMES = 3  # velocity and acceleration need three


@dataclass(frozen=True)
class SeenClip:
    """A clip seen by one camera, at ``RATE_HZ``.

    Attributes:
        name, subject, action: the clip's labels.
        seed: seed of everything random about this clip and camera.
        size_px: width and height of the picture.
        focal_px: focal length of the camera.
        body_px: how long the body is in the picture.
        xy_px: float32 [T, 17, 2], true COCO-17 keypoints.
        inside: bool [T, 17], within the picture.
        truth_m: float32 [T, 17, 3], Human3.6M-17 relative to the pelvis, camera axes, body of 1.70 m.
    """

    name: str
    subject: str
    action: str
    seed: tuple[int, ...]
    size_px: tuple[int, int]
    focal_px: float
    body_px: float
    xy_px: F32
    inside: NDArray[np.bool_]
    truth_m: F32


def seen_clips(mocap: Mocap, cameras: int = CAMERAS, seconds: float = SECONDS) -> Iterator[SeenClip]:
    """All clips of a file, each by ``cameras`` cameras; clips of fewer than three frames are left out."""
    for index in range(len(mocap)):
        seed = (_SEED, zlib.crc32(str(mocap.names[index]).encode()))
        points = _resampled(mocap, index, seconds, np.random.default_rng(seed))
        if len(points) < _SHORTEST_FRAMES:
            continue
        points *= MODEL_STATURE_M / stature_m(points).mean()
        points -= points[len(points) // 2, 0]
        for camera in range(cameras):
            yield _see_clip(mocap, index, points, (*seed, camera))


def _resampled(mocap: Mocap, index: int, seconds: float, rng: np.random.Generator) -> F32:
    """Up to ``seconds`` of a clip from a random place at ``RATE_HZ``; float32 [T, 26, 3] metres."""
    points = mocap.clip_m(index)
    step = float(mocap.fps[index]) / RATE_HZ
    frames = int((len(points) - 1) / step) + 1
    wanted = min(frames, round(seconds * RATE_HZ))
    position = (rng.integers(0, frames - wanted, endpoint=True) + np.arange(wanted)) * step
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, len(points) - 1)
    share = (position - below).astype(np.float32)[:, None, None]
    resampled: F32 = points[below] * (1 - share) + points[above] * share
    return resampled


def _see_clip(mocap: Mocap, index: int, points: F32, seed: tuple[int, ...]) -> SeenClip:
    rng = np.random.default_rng(seed)
    turned = _any_yaw(np.repeat(points[None], _CANDIDATES, 0), rng)
    view = random_views(turned, np.full(_CANDIDATES, RATE_HZ, np.float32), rng)
    share = view.inside[:, :, COCO_OF_MOCAP].mean((1, 2))
    chosen = int(np.argmax(share >= _INSIDE)) if (share >= _INSIDE).any() else int(np.argmax(share))
    width, height = view.size_px[chosen].astype(int)
    joints = len(H36M_17)
    return SeenClip(
        name=str(mocap.names[index]),
        subject=str(mocap.subjects[index]),
        action=str(mocap.actions[index]),
        seed=seed,
        size_px=(int(width), int(height)),
        focal_px=float(view.focal_px[chosen]),
        body_px=float(view.body_px[chosen]),
        xy_px=view.xy_px[chosen][:, COCO_OF_MOCAP],
        inside=view.inside[chosen][:, COCO_OF_MOCAP],
        truth_m=view.xyz_m[chosen][:, :joints] - view.xyz_m[chosen][:, :1],
    )


def _any_yaw(points: F32, rng: np.random.Generator) -> F32:
    """Windows [B, T, P, 3] turned about the upright axis, each by its own angle."""
    angle = rng.uniform(-np.pi, np.pi, len(points))
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(len(points))
    turn = np.stack([cos, zero, sin, zero, zero + 1, zero, -sin, zero, cos], -1).reshape(-1, 3, 3)
    turned: F32 = np.einsum("bij,btpj->btpi", turn, points).astype(np.float32)
    return turned
