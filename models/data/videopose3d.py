"""The file layout of VideoPose3D (Pavllo et al., CVPR 2019), in which Human3.6M and HumanEva-I are usually prepared.

- ``data_3d_NAME.npz``: ``positions_3d``, subject -> action -> float32 [T, J, 3], metres, world axes (z up);
- ``data_2d_NAME_KEYPOINTS.npz``: ``positions_2d``, subject -> action -> one [T, K, 2] per camera, pixels, and
  ``metadata``, a dictionary with ``num_joints`` and ``keypoints_symmetry`` (indices of the left and the right joints).

Both are pickled dictionaries; see ``models/data/object_npz.py`` for how they are read safely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.data.object_npz import read_objects
from models.data.published_cameras import Camera
from pipeline.errors import ConfigError, DataError
from pipeline.skeletons import COCO_17, H36M_17, Skeleton, coco17_to_h36m17

F32 = NDArray[np.float32]
Positions = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class CameraSequence:
    """One action of one subject as one camera sees it.

    Attributes:
        subject, action: as in the files: 'S9', 'Walking 1'.
        camera: calibration.
        rate_hz: frames per second.
        xy_px: float32 [T, J, 2], keypoints.
        truth_m: float32 [T, J, 3], metres, camera axes, where the person stands (joint 0 is the pelvis).
    """

    subject: str
    action: str
    camera: Camera
    rate_hz: float
    xy_px: F32
    truth_m: F32

    @property
    def label(self) -> str:
        """The action without take and chunk: 'Walking'."""
        return self.action.split(" ")[0]

    @property
    def relative_m(self) -> F32:
        """``truth_m`` relative to the pelvis."""
        return self.truth_m - self.truth_m[:, :1]


@dataclass(frozen=True)
class Keypoints:
    """The 2D file in memory.

    Attributes:
        path: the file.
        positions: subject -> action -> one array per camera.
        symmetry: left and right joint indices.
    """

    path: Path
    positions: Positions
    symmetry: tuple[tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Layout:
    """A data set in this file layout.

    Attributes:
        name: for messages.
        skeleton: of the sequences.
        points: how many points the 3D file has.
        kept: indices of the points that are the skeleton's joints, in its order.
        rate_hz: frames per second.
        cameras: subject, without the part that it belongs to -> its cameras, in the order of the 2D files.
    """

    name: str
    skeleton: Skeleton
    points: int
    kept: tuple[int, ...]
    rate_hz: float
    cameras: Mapping[str, tuple[Camera, ...]]

    def check_known(self, what: str, wanted: Iterable[str], known: Collection[str]) -> None:
        """Check names that were asked for.

        Raises:
            DataError: a name is not known; the message lists the known ones.
        """
        for name in wanted:
            if name not in known:
                raise DataError(f"{self.name}: no {what} {name!r}; there are {', '.join(known)}")

    def load(
        self,
        data_3d: Path,
        data_2d: Path | None,
        subjects: tuple[str, ...],
        actions: tuple[str, ...],
        fraction: float = 1.0,
        stride: int = 1,
    ) -> list[CameraSequence]:
        """The sequences of these subjects and actions, one for each camera.

        Args:
            data_3d: the 3D file.
            data_2d: a 2D file; None projects the truth through the published cameras.
            subjects: as in the files: 'S9', 'Validate/S1'.
            actions: without the number of the take.
            fraction, stride: see ``part_of``.

        Raises:
            DataError: a file can't be read, has another layout, or lacks something that was asked for.
        """
        positions = read_positions(data_3d)
        keypoints = None if data_2d is None else read_keypoints(data_2d)
        _check_subjects(data_3d, positions, subjects)
        result: list[CameraSequence] = []
        for subject in subjects:
            cameras = self.cameras[subject.split("/")[-1]]
            for action, points in positions[subject].items():
                if action.split(" ")[0] not in actions:
                    continue
                world = _checked(data_3d, subject, action, points, self.points)[:, self.kept]
                views = sequences_of(subject, action, world, keypoints, cameras, self.skeleton, self.rate_hz)
                result += [part_of(view, fraction, stride) for view in views]
        if not result:
            raise DataError(f"{data_3d}: none of the actions {', '.join(actions)} of {', '.join(subjects)} is there")
        return result


def read_positions(path: Path) -> Positions:
    """``positions_3d`` of a 3D file.

    Raises:
        DataError: the file can't be read or has another layout.
    """
    return _subjects(path, "positions_3d", read_objects(path, ("positions_3d",))["positions_3d"])


def read_keypoints(path: Path) -> Keypoints:
    """A 2D file.

    Raises:
        DataError: the file can't be read or has another layout.
    """
    members = read_objects(path, ("positions_2d", "metadata"))
    metadata = members["metadata"]
    try:
        left, right = (tuple(int(joint) for joint in side) for side in metadata["keypoints_symmetry"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path}: metadata has no keypoints_symmetry of left and right joints") from error
    return Keypoints(path, _subjects(path, "positions_2d", members["positions_2d"]), (left, right))


def _subjects(path: Path, name: str, value: Any) -> Positions:
    if not isinstance(value, dict) or not all(isinstance(actions, dict) for actions in value.values()):
        raise DataError(f"{path}: {name} is not a dictionary of subjects, each with its actions")
    return value


def sequences_of(
    subject: str,
    action: str,
    world_m: F32,
    keypoints: Keypoints | None,
    cameras: tuple[Camera, ...],
    skeleton: Skeleton,
    rate_hz: float,
) -> list[CameraSequence]:
    """One sequence per camera; the keypoints are the projected truth where ``keypoints`` is None.

    Raises:
        DataError: the 2D file lacks the action, or has other cameras, fewer frames or other joints.
    """
    views = [None] * len(cameras) if keypoints is None else _views(keypoints, subject, action, len(cameras))
    result = []
    for camera, view in zip(cameras, views, strict=True):
        truth = camera.from_world(world_m).astype(np.float32)
        if keypoints is None:
            xy = camera.project(truth).astype(np.float32)
        else:
            where = f"{keypoints.path}: {subject}, {action!r}, camera {camera.name}"
            xy = _in_order(where, np.asarray(view), keypoints.symmetry, skeleton)
            if len(xy) < len(truth):
                raise DataError(f"{where} has {len(xy)} frames, fewer than the {len(truth)} of the 3D file")
        # Some videos go on after the motion capture has ended; the published code cuts them alike.
        result.append(CameraSequence(subject, action, camera, rate_hz, xy[: len(truth)], truth))
    return result


def _views(keypoints: Keypoints, subject: str, action: str, cameras: int) -> list[Any]:
    views = keypoints.positions.get(subject, {}).get(action)
    if views is None:
        raise DataError(f"{keypoints.path} has no keypoints of {subject}, {action!r}, which the 3D file has")
    if len(views) != cameras:
        raise DataError(f"{keypoints.path}: {subject}, {action!r} has {len(views)} cameras, expected {cameras}")
    return list(views)


def _in_order(where: str, xy: NDArray[Any], symmetry: tuple[tuple[int, ...], ...], skeleton: Skeleton) -> F32:
    """Keypoints [T, J, 2] in the order of ``skeleton``; COCO keypoints are converted."""
    if xy.ndim != 3 or xy.shape[2] < 2 or not np.isfinite(xy[..., :2]).all():
        raise DataError(f"{where}: expected finite keypoints [T, K, 2], found shape {list(xy.shape)}")
    xy = xy[..., :2].astype(np.float32)
    if xy.shape[1] == len(skeleton) and _sides(symmetry) == _sides_of(skeleton):
        return xy
    if xy.shape[1] == len(COCO_17) and _sides(symmetry) == _sides_of(COCO_17):
        points, _ = coco17_to_h36m17(xy, np.ones(xy.shape[:2], np.float32))
        return points[:, [H36M_17.index(joint) for joint in skeleton.joints]]
    raise DataError(
        f"{where}: {xy.shape[1]} keypoints with left {symmetry[0]} and right {symmetry[1]} are neither "
        f"{skeleton.name} nor {COCO_17.name}"
    )


def _sides(symmetry: tuple[tuple[int, ...], ...]) -> tuple[list[int], list[int]]:
    return sorted(symmetry[0]), sorted(symmetry[1])


def _sides_of(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    return _sides((tuple(left for left, _ in skeleton.pairs), tuple(right for _, right in skeleton.pairs)))


def _checked(path: Path, subject: str, action: str, points: Any, joints: int) -> F32:
    """The points of a 3D file as float32 [T, joints, 3].

    Raises:
        DataError: the shape is wrong, there are no frames, or a value is not finite.
    """
    array = np.asarray(points)
    if array.ndim != 3 or array.shape[1:] != (joints, 3) or not len(array) or array.dtype.kind != "f":
        raise DataError(
            f"{path}: {subject}, {action!r} should be [T, {joints}, 3], found {list(array.shape)} of {array.dtype.name}"
        )
    if not np.isfinite(array).all():
        raise DataError(f"{path}: {subject}, {action!r} holds values that are not finite")
    return array.astype(np.float32)


def part_of(sequence: CameraSequence, fraction: float = 1.0, stride: int = 1) -> CameraSequence:
    """A part of a sequence, chosen as in the published code.

    Args:
        sequence: the whole.
        fraction: share of the frames, one contiguous piece; its place is drawn from a hash of the sequence's length, so
            every run takes the same. The frame rate stays.
        stride: n where every n-th frame is kept; the frame rate falls by this factor, for input and truth alike.

    Raises:
        ConfigError: not a fraction in (0, 1] or not a stride of at least 1.
    """
    if not 0 < fraction <= 1 or stride < 1:
        raise ConfigError(
            "fraction", fraction, f"and stride {stride} are not valid; use 0 < fraction <= 1, stride >= 1"
        )
    total = len(sequence.truth_m)
    start, kept = 0, total
    if fraction < 1:
        kept = round(total // stride * fraction) * stride
        digest = hashlib.sha256(str(total).encode()).digest()
        share = int.from_bytes(digest[:4], "little") / (2**32 - 1)
        start = int(share * (total - kept + 1))
    piece = slice(start, start + kept, stride)
    return replace(
        sequence,
        rate_hz=sequence.rate_hz / stride,
        xy_px=sequence.xy_px[piece],
        truth_m=sequence.truth_m[piece],
    )


def _check_subjects(path: Path, positions: Positions, subjects: tuple[str, ...]) -> None:
    missing = [subject for subject in subjects if subject not in positions]
    if missing:
        raise DataError(f"{path} has no subject {', '.join(missing)}; it has {', '.join(map(str, positions))}")
