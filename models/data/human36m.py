"""Human3.6M (Ionescu et al., PAMI 2014) as prepared by VideoPose3D, and its protocol.

The data needs a registration at vision.imar.ro/human3.6m, which each user does; VideoPose3D's DATASETS.md describes how
its files are made. ``models/data/videopose3d.py`` describes their layout; the 3D file has all 32 points of the motion
capture, of which 17 are used.

The usual protocol: train on five subjects, test on two, all four cameras, all 15 actions with both takes. Errors are
averaged over the frames of an action, then over the actions.

A third of the data: ``fraction=1/3`` takes one contiguous third of each sequence at 50 Hz (the published code's
``--subset``), ``stride=3`` every third frame, which shows all of the motion at 16.7 Hz (its ``--downsample``). They are
different experiments; say which one a figure belongs to.
"""

from __future__ import annotations

from pathlib import Path

from models.data.published_cameras import HUMAN36M_CAMERAS
from models.data.videopose3d import CameraSequence, Layout
from pipeline.skeletons import H36M_17

RATE_HZ = 50.0

TRAIN_SUBJECTS = ("S1", "S5", "S6", "S7", "S8")
TEST_SUBJECTS = ("S9", "S11")

POINTS_IN_FILE = 32
KEPT_POINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Of the 32 points of the files, those that move on their own, in the order of ``H36M_17``."""

ACTIONS: dict[str, str] = {
    "Directions": "Dir.",
    "Discussion": "Disc.",
    "Eating": "Eat",
    "Greeting": "Greet",
    "Phoning": "Phone",
    "Photo": "Photo",
    "Posing": "Pose",
    "Purchases": "Purch.",
    "Sitting": "Sit",
    "SittingDown": "SitD.",
    "Smoking": "Smoke",
    "Waiting": "Wait",
    "WalkDog": "WalkD.",
    "Walking": "Walk",
    "WalkTogether": "WalkT.",
}
"""Action -> its column in published tables, in their order."""


LAYOUT = Layout("Human3.6M", H36M_17, POINTS_IN_FILE, KEPT_POINTS, RATE_HZ, HUMAN36M_CAMERAS)


def load_human36m(
    data_3d: Path,
    data_2d: Path | None,
    subjects: tuple[str, ...] = TEST_SUBJECTS,
    actions: tuple[str, ...] = tuple(ACTIONS),
    fraction: float = 1.0,
    stride: int = 1,
) -> list[CameraSequence]:
    """The sequences of these subjects and actions, four cameras each.

    Args:
        data_3d: ``data_3d_h36m.npz``.
        data_2d: ``data_2d_h36m_*.npz``; None projects the truth through the published cameras.
        subjects, actions: which; actions without the number of the take.
        fraction, stride: see ``part_of``.

    Raises:
        DataError: a file can't be read, has another layout, or lacks something that was asked for.
    """
    LAYOUT.check_known("subject", subjects, HUMAN36M_CAMERAS)
    LAYOUT.check_known("action", actions, ACTIONS)
    return LAYOUT.load(data_3d, data_2d, subjects, actions, fraction, stride)
