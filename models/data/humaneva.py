"""HumanEva-I (IJCV 87, 2010) as prepared by VideoPose3D with 15 joints, and its protocol.

The data needs a registration at humaneva.is.tue.mpg.de, which each user does. Subjects are called 'Train/S1' and
'Validate/S1'; an action is cut into chunks where the motion capture failed: 'Walking 1 chunk0'. Three colour cameras,
60 Hz. Published tables give Walk, Jog and Box of the validation sequences for each subject; the motion capture of S3's
walking is known to be broken, so that column is often left out.
"""

from __future__ import annotations

from pathlib import Path

from models.data.published_cameras import HUMANEVA_CAMERAS
from models.data.videopose3d import CameraSequence, Layout
from pipeline.skeletons import Skeleton

RATE_HZ = 60.0

HUMANEVA_15 = Skeleton(
    "humaneva15",
    (
        "pelvis",
        "thorax",
        "l_shoulder",
        "l_elbow",
        "l_wrist",
        "r_shoulder",
        "r_elbow",
        "r_wrist",
        "l_hip",
        "l_knee",
        "l_ankle",
        "r_hip",
        "r_knee",
        "r_ankle",
        "head",
    ),
    (
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (1, 5),
        (5, 6),
        (6, 7),
        (0, 8),
        (8, 9),
        (9, 10),
        (0, 11),
        (11, 12),
        (12, 13),
        (1, 14),
    ),
)

SUBJECTS = ("S1", "S2", "S3")
PARTS = ("Train", "Validate")
ACTIONS: dict[str, str] = {"Walking": "Walk", "Jog": "Jog", "Box": "Box"}
"""Action -> its name in published tables."""

COLUMNS: dict[str, str] = {
    f"{action} {subject}": f"{title} {subject}" for action, title in ACTIONS.items() for subject in SUBJECTS
}
"""Action and subject -> column of the published table."""


LAYOUT = Layout("HumanEva-I", HUMANEVA_15, len(HUMANEVA_15), tuple(range(len(HUMANEVA_15))), RATE_HZ, HUMANEVA_CAMERAS)


def column_of(sequence: CameraSequence) -> str:
    """The key in ``COLUMNS`` that a sequence counts for."""
    return f"{sequence.label} {sequence.subject.split('/')[-1]}"


def load_humaneva(
    data_3d: Path,
    data_2d: Path,
    part: str = "Validate",
    subjects: tuple[str, ...] = SUBJECTS,
    actions: tuple[str, ...] = tuple(ACTIONS),
    fraction: float = 1.0,
    stride: int = 1,
) -> list[CameraSequence]:
    """The chunks of these subjects and actions, three cameras each.

    Args:
        data_3d: ``data_3d_humaneva15.npz``.
        data_2d: ``data_2d_humaneva15_*.npz``.
        part: 'Train' or 'Validate'.
        subjects, actions: which.
        fraction, stride: see ``part_of``.

    Raises:
        DataError: a file can't be read, has another layout, or lacks something that was asked for.
    """
    LAYOUT.check_known("part", [part], PARTS)
    LAYOUT.check_known("subject", subjects, SUBJECTS)
    LAYOUT.check_known("action", actions, ACTIONS)
    names = tuple(f"{part}/{subject}" for subject in subjects)
    return LAYOUT.load(data_3d, data_2d, names, actions, fraction, stride)
