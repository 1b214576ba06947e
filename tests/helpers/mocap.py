"""Generated motion capture in the layout of ``models/data/mocap.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

_STANDING = {  # metres, Y up, facing +z, left at +x
    "pelvis": (0, 0.92, 0),
    "r_hip": (-0.1, 0.92, 0),
    "r_knee": (-0.1, 0.5, 0.02),
    "r_ankle": (-0.1, 0.08, 0),
    "l_hip": (0.1, 0.92, 0),
    "l_knee": (0.1, 0.5, 0.02),
    "l_ankle": (0.1, 0.08, 0),
    "spine": (0, 1.17, 0),
    "thorax": (0, 1.42, 0),
    "nose_chin": (0, 1.52, 0.09),
    "head": (0, 1.68, 0.02),
    "l_shoulder": (0.18, 1.4, 0),
    "l_elbow": (0.28, 1.14, 0),
    "l_wrist": (0.3, 0.88, 0.05),
    "r_shoulder": (-0.18, 1.4, 0),
    "r_elbow": (-0.28, 1.14, 0),
    "r_wrist": (-0.3, 0.88, 0.05),
    "nose": (0, 1.55, 0.12),
    "l_eye": (0.03, 1.59, 0.1),
    "r_eye": (-0.03, 1.59, 0.1),
    "l_ear": (0.075, 1.57, 0.01),
    "r_ear": (-0.075, 1.57, 0.01),
    "l_heel": (0.1, 0.03, -0.04),
    "l_toe": (0.1, 0.02, 0.18),
    "r_heel": (-0.1, 0.03, -0.04),
    "r_toe": (-0.1, 0.02, 0.18),
}


def standing_person() -> np.ndarray:
    """float32 [26, 3], metres."""
    return np.array(list(_STANDING.values()), np.float32)


def write_mocap(path: Path, clips: int = 4, frames: int = 60, fps: float = 60.0) -> Path:
    """People who glide at 1 m/s, wave their arms and turn slowly; half as many people as clips."""
    rng = np.random.default_rng(0)
    names = list(_STANDING)
    parts = []
    for _ in range(clips):
        time = np.arange(frames) / fps
        points = np.repeat(standing_person()[None], frames, 0)
        for side, sign in (("l", 1), ("r", -1)):
            shoulder = names.index(f"{side}_shoulder")
            angle = sign * (0.8 + 0.6 * np.sin(2 * np.pi * (time + rng.random())))
            arm = [names.index(f"{side}_elbow"), names.index(f"{side}_wrist")]
            points[:, arm] = _about_z(points[:, arm] - points[:, shoulder, None], angle) + points[:, shoulder, None]
        points[..., 2] += time[:, None]
        parts.append(points)
    joined = np.concatenate(parts)
    np.savez(
        path,
        points=np.round(joined * 1000).astype(np.int16),
        starts=np.arange(clips + 1) * frames,
        fps=np.full(clips, fps, np.float32),
        names=np.array([f"made/{n}" for n in range(clips)]),
        subjects=np.array([f"person{n // 2}" for n in range(clips)]),
        actions=np.array(["wave"] * clips),
        licence=np.array(["none"] * clips),
    )
    return path


def _about_z(points: np.ndarray, angle: np.ndarray) -> np.ndarray:
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    x, y = points[..., 0], points[..., 1]
    return np.stack([cos * x - sin * y, sin * x + cos * y, points[..., 2]], -1)
