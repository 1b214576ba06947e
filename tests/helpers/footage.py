"""The synthetic walker in the layout of footage with triangulated joints, see ``models/evaluation/on_footage.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.skeletons import H36M_17
from pipeline.sources import SyntheticSource
from pipeline.sources.synthetic import SyntheticOptions
from tests.helpers.video import write_video

_JOINTS = [f"{side}_{joint}" for side in "lr" for joint in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")]


def write_walker(folder: Path, frames: int, rate_hz: float = 30.0) -> SyntheticSource:
    """One view of one recording, its truth being the walker's own; returns the walker, whose keypoints are known."""
    source = SyntheticSource(SyntheticOptions(frames, rate_hz, 320, 240))
    places = [H36M_17.index(name) for name in _JOINTS]
    np.savez(
        folder / "walker_truth.npz",
        joint_names=np.array(_JOINTS),
        valid=np.ones((frames, len(_JOINTS)), bool),
        frame_index=np.arange(frames),
        cam_names=np.array(["left"]),
        joints3d_left=np.stack([source.truth_xyz_m(n)[places] for n in range(frames)]),
    )
    write_video(folder / "walker_left.mp4", [n / rate_hz for n in range(frames)], size_px=(320, 240))
    return source
