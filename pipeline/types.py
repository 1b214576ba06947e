"""The values that pass between the rooms, in the order of the road: Frame, Pose2D, Window, Pose3D, Person, Rows, Shown,
Drawn.

All are frozen dataclasses around numpy arrays, which become read-only when they are put into one. They are compared by
identity: two poses with equal values are two poses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, F64, U8, read_only
from pipeline.skeletons import COCO_17, H36M_17

Normalisation = Literal["person-view", "image"]
"""How a lifter's keypoints are normalised, by the name in its card: ``pipeline.window.person_view`` or
``pipeline.window.image_plane``."""

NO_IMAGE: U8 = np.zeros((0, 0, 3), np.uint8)
"""The image of a frame whose picture is no longer needed."""


class Origin(IntEnum):
    """How a joint's value came about. The value is stored in arrays, the label goes into files."""

    MEASURED = 0
    INTERPOLATED = 1
    HELD = 2
    SWAP_REPAIRED = 3
    MISSING = 4

    @property
    def label(self) -> str:
        """As written into files: 'swap-repaired'."""
        return self.name.lower().replace("_", "-")


# Plain numbers and dtypes: numpy looks up the attributes of enumeration members and types again at each use.
_MISSING = int(Origin.MISSING)
_F32, _F64, _U8 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.uint8)


def _expect(name: str, array: NDArray[Any], shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> None:
    """Raise ``ValueError`` unless the array has this shape (``None`` = any length) and dtype."""
    if array.dtype == dtype and (array.shape == shape or _fits(array.shape, shape)):
        return
    wanted = [want if want is not None else "any" for want in shape]
    raise ValueError(
        f"{name}: expected shape {wanted} of {dtype.name}, found {list(array.shape)} of {array.dtype.name}"
    )


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        want is None or have == want for have, want in zip(shape, wanted, strict=True)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        index: number of the frame in its source, from 0; files have no gaps.
        time_s: media time from the container, or the capture clock; strictly increasing in a source.
        image: uint8 [H, W, 3], BGR, upright (rotation metadata is already applied).
    """

    index: int
    time_s: float
    image: U8

    def __post_init__(self) -> None:
        _expect("Frame.image", self.image, (None, None, 3), _U8)
        read_only(self.image)


@dataclass(frozen=True, slots=True, eq=False)
class Pose2D:
    """The keypoints of one person in one frame, COCO-17 order.

    Attributes:
        frame_index, time_s: index and time of the frame.
        track_id: stable number of the person, from 0.
        xy_px: float32 [17, 2], pixels of the upright picture, x right, y down; NaN where missing.
        score: float32 [17] in 0..1; 0 where missing.
        bbox_px: float32 [4], x0, y0, x1, y1; NaN when there is no person.
        origin: uint8 [17], values of ``Origin``.
    """

    frame_index: int
    time_s: float
    track_id: int
    xy_px: F32
    score: F32
    bbox_px: F32
    origin: U8

    def __post_init__(self) -> None:
        joints = len(COCO_17)
        _expect("Pose2D.xy_px", self.xy_px, (joints, 2), _F32)
        _expect("Pose2D.score", self.score, (joints,), _F32)
        _expect("Pose2D.bbox_px", self.bbox_px, (4,), _F32)
        _expect("Pose2D.origin", self.origin, (joints,), _U8)
        read_only(self.xy_px, self.score, self.bbox_px, self.origin)

    @staticmethod
    def missing(frame_index: int, time_s: float, track_id: int = 0) -> Pose2D:
        """The pose of a frame in which the person was not found."""
        joints = len(COCO_17)
        return Pose2D(
            frame_index,
            time_s,
            track_id,
            np.full((joints, 2), np.nan, np.float32),
            np.zeros(joints, np.float32),
            np.full(4, np.nan, np.float32),
            np.full(joints, Origin.MISSING, np.uint8),
        )

    @property
    def is_missing(self) -> bool:
        """True when no joint has a value."""
        return bool((self.origin == _MISSING).all())


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """The lifter's input for one target frame of one person.

    Attributes:
        track_id: the person.
        target_index: frame number of the target frame.
        target_time_s: time of the target frame.
        time_s: float64 [T], times of the window's frames (edge frames repeated where padded).
        keypoints: float32 [T, 17, 3], Human3.6M-17 order, (x, y, confidence), normalised
            as the lifter's ``Normalisation`` says; 0, 0, 0 where missing.
        rotation: float32 [3, 3], takes camera axes to the axes of the window's view
            (``x_view = rotation @ x_camera``).
        score: float32 [17], confidence of the target frame's joints.
        origin: uint8 [17], ``Origin`` of the target frame's joints.
        scale: factor from keypoints to rays: (x, y) is seen along the ray (scale x, scale y, 1) of the view; 0 where
            it is not known.
    """

    track_id: int
    target_index: int
    target_time_s: float
    time_s: F64
    keypoints: F32
    rotation: F32
    score: F32
    origin: U8
    scale: float = 0.0

    def __post_init__(self) -> None:
        joints = len(H36M_17)
        _expect("Window.time_s", self.time_s, (None,), _F64)
        _expect("Window.keypoints", self.keypoints, (len(self.time_s), joints, 3), _F32)
        _expect("Window.rotation", self.rotation, (3, 3), _F32)
        _expect("Window.score", self.score, (joints,), _F32)
        _expect("Window.origin", self.origin, (joints,), _U8)
        read_only(self.time_s, self.keypoints, self.rotation, self.score, self.origin)


@dataclass(frozen=True, slots=True, eq=False)
class Pose3D:
    """The 3D joints of one person in one frame, Human3.6M-17 order.

    Attributes:
        track_id, frame_index, time_s: as in ``Pose2D``.
        xyz_m: float32 [17, 3], metres, relative to the pelvis, camera axes (x right, y down, z away from
            the camera), of a body of 1.70 m unless scaled; NaN where missing.
        score: float32 [17] in 0..1.
        origin: uint8 [17], values of ``Origin``.
        settled: True when the whole look-ahead of the lifter was available (or the source ended).
    """

    track_id: int
    frame_index: int
    time_s: float
    xyz_m: F32
    score: F32
    origin: U8
    settled: bool

    def __post_init__(self) -> None:
        joints = len(H36M_17)
        _expect("Pose3D.xyz_m", self.xyz_m, (joints, 3), _F32)
        _expect("Pose3D.score", self.score, (joints,), _F32)
        _expect("Pose3D.origin", self.origin, (joints,), _U8)
        read_only(self.xyz_m, self.score, self.origin)

    @staticmethod
    def missing(frame_index: int, time_s: float, track_id: int = 0) -> Pose3D:
        """The pose of a frame that could not be lifted."""
        joints = len(H36M_17)
        return Pose3D(
            track_id,
            frame_index,
            time_s,
            np.full((joints, 3), np.nan, np.float32),
            np.zeros(joints, np.float32),
            np.full(joints, Origin.MISSING, np.uint8),
            True,
        )

    @property
    def is_missing(self) -> bool:
        """True when no joint has a value."""
        return bool((self.origin == _MISSING).all())


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One person in one frame. A person who is not seen has missing poses.

    Attributes:
        pose2d, pose3d: of this frame and person.
        smoothed: ``pose3d`` smoothed; None where smoothing is off.

    Raises:
        ValueError: the poses are of different people or frames.
    """

    pose2d: Pose2D
    pose3d: Pose3D
    smoothed: Pose3D | None = None

    def __post_init__(self) -> None:
        wanted = self.pose2d.track_id, self.pose2d.frame_index
        for pose in (self.pose3d, self.smoothed):
            if pose is not None and (pose.track_id, pose.frame_index) != wanted:
                raise ValueError(
                    f"Person: 2D pose of person {wanted[0]} in frame {wanted[1]}, 3D pose of person {pose.track_id} in "
                    f"frame {pose.frame_index}"
                )

    @property
    def track_id(self) -> int:
        """Stable number of the person, from 0."""
        return self.pose2d.track_id

    @property
    def best3d(self) -> Pose3D:
        """The smoothed pose where there is one, else the raw one."""
        return self.pose3d if self.smoothed is None else self.smoothed


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The settled poses of one frame, as the files hold them. One for every frame of a clip, in order, never dropped.

    Attributes:
        frame_index, time_s: index and time of the frame.
        people: everyone known so far, also people who are not seen in this frame.
    """

    frame_index: int
    time_s: float
    people: tuple[Person, ...]


class Tier(Enum):
    """Whether the drawn poses of a frame are previews or settled."""

    PREVIEW = "preview"
    """Lifted at once, with only a part of the look-ahead or none of it."""

    SETTLED = "settled"
    """Lifted with the whole look-ahead (or when the source ended)."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One frame for a screen, video or viewer. In a live run it may be dropped when drawing or showing is too slow.

    Attributes:
        frame: the frame; its picture is no larger than it will be drawn.
        people: those who are seen, or were a moment ago.
        tier: whether the poses are previews or settled.
    """

    frame: Frame
    people: tuple[Person, ...]
    tier: Tier


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A composed picture.

    Attributes:
        shown: the frame and the poses in it.
        picture: uint8 [H, W, 3], BGR.
    """

    shown: Shown
    picture: U8
