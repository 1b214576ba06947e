"""Small files in the layout of VideoPose3D, written as its scripts write them: pickled dictionaries in .npz."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.data.human36m import KEPT_POINTS
from models.data.humaneva import HUMANEVA_15
from models.data.published_cameras import HUMAN36M_CAMERAS
from pipeline.skeletons import COCO_17, H36M_17, Skeleton


def standing_people(rng: np.random.Generator, frames: int, points: int) -> np.ndarray:
    """[T, points, 3] metres around a place a metre above the middle of the world's floor."""
    return (rng.normal(0, 0.3, (frames, points, 3)) + np.array([0.2, -0.1, 1.0])).astype(np.float32)


def metadata_of(skeleton: Skeleton) -> dict[str, object]:
    pairs = np.array(skeleton.pairs)  # NumPy integers, as in the original files
    return {
        "layout_name": skeleton.name,
        "num_joints": len(skeleton),
        "keypoints_symmetry": [list(pairs[:, 0]), list(pairs[:, 1])],
    }


def write_human36m(folder: Path, actions: dict[str, dict[str, int]], extra_frames: int = 0, seed: int = 0) -> None:
    """``data_3d_h36m.npz`` and ``data_2d_h36m_gt.npz``; ``actions``: subject -> action -> frames.

    The 2D file is the projected truth, with ``extra_frames`` frames more than the 3D file.
    """
    rng = np.random.default_rng(seed)
    positions: dict[str, dict[str, np.ndarray]] = {}
    keypoints: dict[str, dict[str, list[np.ndarray]]] = {}
    for subject, lengths in actions.items():
        for action, frames in lengths.items():
            world = standing_people(rng, frames, 32)
            positions.setdefault(subject, {})[action] = world
            views = []
            for camera in HUMAN36M_CAMERAS[subject]:
                xy = camera.project(camera.from_world(world[:, KEPT_POINTS])).astype(np.float32)
                views.append(np.concatenate([xy, xy[-1:].repeat(extra_frames, 0)]))
            keypoints.setdefault(subject, {})[action] = views
    np.savez_compressed(folder / "data_3d_h36m.npz", positions_3d=np.array(positions, object))
    objects = {"positions_2d": np.array(keypoints, object), "metadata": np.array(metadata_of(H36M_17), object)}
    np.savez_compressed(folder / "data_2d_h36m_gt.npz", **objects)  # type: ignore[arg-type]


def write_humaneva(folder: Path, actions: dict[str, dict[str, int]], seed: int = 0) -> None:
    """``data_3d_humaneva15.npz``, ``data_2d_humaneva15_gt.npz`` and ``..._detectron_pt_coco.npz``."""
    rng = np.random.default_rng(seed)
    positions = {
        subject: {action: standing_people(rng, frames, 15) for action, frames in lengths.items()}
        for subject, lengths in actions.items()
    }
    for name, skeleton in (("gt", HUMANEVA_15), ("detectron_pt_coco", COCO_17)):
        keypoints = {
            subject: {
                action: [rng.uniform(0, 480, (frames, len(skeleton), 2)).astype(np.float32) for _ in range(3)]
                for action, frames in lengths.items()
            }
            for subject, lengths in actions.items()
        }
        path = folder / f"data_2d_humaneva15_{name}.npz"
        objects = {"positions_2d": np.array(keypoints, object), "metadata": np.array(metadata_of(skeleton), object)}
        np.savez_compressed(path, **objects)  # type: ignore[arg-type]
    np.savez_compressed(folder / "data_3d_humaneva15.npz", positions_3d=np.array(positions, object))
