"""A detector for one person: search, follow from frame to frame, and search again when the person is lost.

It has two parts: the search, which is MoveNet Thunder on wide crops, and the follower, the network that reads the
joints.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import cv2
import numpy as np

from pipeline.arrays import F32, U8
from pipeline.detect.base import Detector
from pipeline.detect.crops import Crop
from pipeline.detect.keypoints import Keypoints
from pipeline.runtime import LoadedModel
from pipeline.types import Frame, Pose2D

# A lost person is searched for at their last place for this long before anyone else is accepted: a fast move or a
# covered body must not hand the track to a bystander.
_PATIENCE_S = 0.3
# Below this correlation of the thumbnails of two frames there is a cut between them.
_SAME_SCENE = 0.5
# From one frame to the next the crop's centre may move by this part of its side (the side is about twice the
# person's height): more means another person or a misread pose. The side may grow by this factor.
_LARGEST_MOVE = 0.35
_LARGEST_GROWTH = 1.3
# A person found again near the place of the loss may be farther off.
_LARGEST_MOVE_AFTER_LOSS = 0.75
_THUMBNAIL_PX = (32, 24)


class Search(Protocol):
    """Finds one person in a picture without knowing where to look."""

    def everywhere(self, image: U8) -> Keypoints | None:
        """Look in the whole picture, whatever it costs."""

    def somewhere(self, image: U8) -> Keypoints | None:
        """Look with one inference; successive calls take turns over the picture."""

    def near(self, image: U8, crop: Crop) -> Keypoints | None:
        """Look around a crop."""

    def reset(self) -> None:
        """Forget the turns over the picture."""


class Follower(Protocol):
    """Reads the joints of a person whose place is roughly known."""

    def region(self, keypoints: Keypoints, image: U8) -> Crop | None:
        """Where to look for this person; None when the keypoints do not say."""

    def read(self, image: U8, crop: Crop) -> tuple[Keypoints, Crop] | None:
        """The joints in the crop and the crop for the next frame; None when there is no person."""


@dataclass(frozen=True, slots=True)
class _Lost:
    """Where and when the person was lost."""

    crop: Crop
    time_s: float


class SinglePerson(Detector):
    """A detector of one person.

    Args:
        search: finds the person.
        follower: reads the person's joints from frame to frame.
        models: role -> model that the two of them run.
    """

    def __init__(self, search: Search, follower: Follower, models: dict[str, LoadedModel] | None = None) -> None:
        self._search, self._follower, self._models = search, follower, models or {}
        self._crop: Crop | None = None
        self._lost: _Lost | None = None
        self._searched_in_vain = False
        self._thumbnail: F32 | None = None

    @property
    def models(self) -> dict[str, LoadedModel]:
        """The model that reads the joints ('detector'), and the one that searches ('search')."""
        return self._models

    def __call__(self, frame: Frame) -> list[Pose2D]:
        """The person in the frame (``track_id`` 0), or an empty list."""
        if min(frame.image.shape[:2]) == 0:
            return []
        if self._is_other_scene(frame.image):
            self._forget()
        found = self._follow_person(frame) or self._find_person(frame)
        return [found.to_pose(frame)] if found else []

    def reset(self) -> None:
        """Forget the person and the scene."""
        self._forget()
        self._thumbnail = None
        self._search.reset()

    def _forget(self) -> None:
        self._crop = self._lost = None
        self._searched_in_vain = False

    def _follow_person(self, frame: Frame) -> Keypoints | None:
        if self._crop is None:
            return None
        read = self._follower.read(frame.image, self._crop)
        if read is None or _moved(self._crop, read[1]) > _LARGEST_MOVE:
            self._lost, self._crop = _Lost(self._crop, frame.time_s), None
            return None
        keypoints, crop = read
        side_px = min(crop.side_px, _LARGEST_GROWTH * self._crop.side_px)
        self._crop = replace(crop, side_px=side_px)
        return keypoints

    def _find_person(self, frame: Frame) -> Keypoints | None:
        crop = self._find_crop(frame)
        read = self._follower.read(frame.image, crop) if crop else None
        if read is None:
            return None
        keypoints, self._crop = read
        self._lost, self._searched_in_vain = None, False
        return keypoints

    def _find_crop(self, frame: Frame) -> Crop | None:
        """The crop of the person to follow from now on."""
        image, lost = frame.image, self._lost
        if lost and frame.time_s - lost.time_s <= _PATIENCE_S:
            seed = self._search.near(image, lost.crop)
            crop = self._follower.region(seed, image) if seed else None
            return crop if crop and _moved(lost.crop, crop) <= _LARGEST_MOVE_AFTER_LOSS else None
        seed = self._search.somewhere(image) if self._searched_in_vain else self._search.everywhere(image)
        self._searched_in_vain = True
        return self._follower.region(seed, image) if seed else None

    def _is_other_scene(self, image: U8) -> bool:
        """Whether the picture has little in common with the one before."""
        # A few pixels per cell of the thumbnail are enough; averaging all of them costs more than a whole crop.
        step = max(1, min(image.shape[0] // _THUMBNAIL_PX[1], image.shape[1] // _THUMBNAIL_PX[0]) // 4)
        small = cv2.resize(image[::step, ::step], _THUMBNAIL_PX, interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        values = grey.astype(np.float32) - grey.mean(dtype=np.float32)
        norm = float(np.linalg.norm(values))
        now = np.asarray(values / norm if norm > 0 else values, np.float32)
        before, self._thumbnail = self._thumbnail, now
        return before is not None and float((before * now).sum()) < _SAME_SCENE


def _moved(before: Crop, after: Crop) -> float:
    """Distance that the centre moved, in sides of the earlier crop."""
    return math.hypot(after.x_px - before.x_px, after.y_px - before.y_px) / before.side_px
