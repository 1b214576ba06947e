"""BlazePose: 33 landmarks of a person in a crop turned so that the body stands upright.

Its own person detector is weak on people who are far away, so the first crop comes from MoveNet
Thunder. Then each crop follows from two auxiliary landmarks of the frame before: the body's centre and a point
on the circle around the body, above the head (Bazarevsky et al., "BlazePose", 2020; MediaPipe's pose graph).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, U8
from pipeline.detect.crops import Crop
from pipeline.detect.keypoints import Keypoints
from pipeline.detect.movenet import THUNDER, MoveNet, MoveNetSearch
from pipeline.detect.single_person import SinglePerson
from pipeline.runtime import Device, LoadedModel, OnnxModel
from pipeline.runtime.cards import DetectorCard, find_card
from pipeline.skeletons import BLAZEPOSE_33, blazepose33_to_coco17

HEAVY = "blazepose-heavy"

_LANDMARKS = 39
_CENTRE, _CIRCLE = 33, 34
# The crop reaches this much beyond the body's circle.
_MARGIN = 1.25
# The network's own judgement of whether there is a pose at all.
_LEAST_FLAG = 0.5
# Score of a joint that is in the picture but covered.
_COVERED = 0.3
_REFINE_RADIUS = 3
_REFINE_LEAST = 0.5


class BlazePose:
    """BlazePose heavy in a session; see ``single_person.Follower``."""

    def __init__(self, device: Device, threads: int = 0) -> None:
        card = find_card(HEAVY, DetectorCard)
        self._model = OnnxModel(card, device, threads)
        self._size_px = card.input_size

    @property
    def loaded(self) -> LoadedModel:
        """Name, hash and device of the loaded model."""
        return self._model.loaded

    def region(self, keypoints: Keypoints, image: U8) -> Crop | None:
        """The turned crop around joints of another detector; "up" points from the hips to the shoulders."""
        hips, shoulders = keypoints.middle("l_hip", "r_hip"), keypoints.middle("l_shoulder", "r_shoulder")
        seen = keypoints.score > 0.2
        torso = float(np.linalg.norm(shoulders - hips))
        farthest = float(np.linalg.norm(keypoints.xy_px[seen] - hips, axis=1).max(initial=0.0))
        if max(torso, farthest) == 0:
            return None
        radius = max(1.1 * farthest, 1.9 * torso)
        return _upright_crop(hips, hips + (shoulders - hips) / max(torso, 1e-6) * radius)

    def read(self, image: U8, crop: Crop) -> tuple[Keypoints, Crop] | None:
        """One inference; None when the network's pose flag is below 0.5."""
        pixels = crop.cut(image, self._size_px, repeat_border=True)[np.newaxis].astype(np.float32) / 255
        landmarks, flag, heat_map, _ = self._model.run(pixels)
        if float(flag[0, 0]) < _LEAST_FLAG:
            return None
        points = landmarks.reshape(_LANDMARKS, 5)
        uv = refine(points[:, :2].astype(np.float64) / self._size_px, heat_map[0])
        xy_px = crop.to_picture(uv)
        body = slice(0, len(BLAZEPOSE_33))
        coco_px, score = blazepose33_to_coco17(xy_px[body], joint_score(points[body, 3], points[body, 4]))
        return Keypoints(coco_px, score), _upright_crop(xy_px[_CENTRE], xy_px[_CIRCLE])


def joint_score(visibility: F32, presence: F32) -> F32:
    """One score 0..1 from the two logits of each landmark.

    Presence says whether the joint lies in the picture, visibility whether it is also uncovered. A covered joint
    is still placed well (2.4 against 1.1 % of the body's height, measured on two clips with triangulated joints),
    so it keeps some score; one outside the picture is a guess and keeps none.
    """
    score: F32 = (_sigmoid(presence) * (_COVERED + (1 - _COVERED) * _sigmoid(visibility))).astype(np.float32)
    return score


def refine(uv: NDArray[np.float64], heat_map: F32) -> NDArray[np.float64]:
    """Move landmarks to the centre of mass of their heat map's 7 x 7 neighbourhood, where that map is sure enough.

    Args:
        uv: [K, 2], 0..1 of the crop.
        heat_map: [H, W, K] logits.

    Returns:
        [K, 2]; landmarks outside the map or with no value of at least 0.5 nearby stay as they are.
    """
    size = np.array([heat_map.shape[1], heat_map.shape[0]])
    cell = np.floor(uv * size).astype(np.int64)
    inside = ((cell >= 0) & (cell < size)).all(1)
    steps = np.arange(-_REFINE_RADIUS, _REFINE_RADIUS + 1)
    near = np.clip(cell, 0, size - 1)[:, :, np.newaxis] + steps  # [K, (column, row), 7]
    on_map = (near >= 0) & (near < size[:, np.newaxis])
    column, row = np.moveaxis(np.clip(near, 0, size[:, np.newaxis] - 1), 1, 0)
    logits = heat_map[row[:, :, np.newaxis], column[:, np.newaxis, :], np.arange(len(uv))[:, np.newaxis, np.newaxis]]
    weight = _sigmoid(logits.astype(np.float64)) * on_map[:, 1, :, np.newaxis] * on_map[:, 0, np.newaxis, :]
    total = np.maximum(weight.sum((1, 2)), np.finfo(np.float64).tiny)
    mass = np.stack([(weight.sum(1) * column).sum(1), (weight.sum(2) * row).sum(1)], axis=1) / total[:, np.newaxis]
    sure = inside & (weight.max((1, 2)) >= _REFINE_LEAST)
    return np.where(sure[:, np.newaxis], mass / size, uv)


def _upright_crop(centre_px: NDArray[np.floating], circle_px: NDArray[np.floating]) -> Crop:
    """The crop around a body's circle, turned so that the point on the circle is above the centre."""
    right, down = (float(value) for value in circle_px - centre_px)
    side = 2 * math.hypot(right, down) * _MARGIN
    return Crop(float(centre_px[0]), float(centre_px[1]), side, math.atan2(right, -down))


def _sigmoid(logits: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -80, 80))))


@dataclass(frozen=True, slots=True)
class BlazePoseConfig:
    """BlazePose heavy, led to the person by MoveNet Thunder."""

    def load(self, device: Device, threads: int) -> SinglePerson:
        """Load the detector, see ``DetectorConfig``."""
        thunder, heavy = MoveNet(THUNDER, device, threads), BlazePose(device, threads)
        models = {"detector": heavy.loaded, "search": thunder.loaded}
        return SinglePerson(MoveNetSearch(thunder), heavy, models)
