"""Models are loaded once; each test gets detectors that have seen nothing yet.

A network has no memory: of the same crop of the same picture it is asked once for all tests. What remembers (search,
follower, ``SinglePerson``) is new in each test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.detect.blazepose import BlazePose
from pipeline.detect.crops import Crop
from pipeline.detect.keypoints import Keypoints
from pipeline.detect.movenet import LIGHTNING, THUNDER, MoveNet, MoveNetFollower, MoveNetSearch
from pipeline.detect.single_person import Follower, SinglePerson
from pipeline.runtime import parse_device

DATA = Path(__file__).resolve().parents[2] / "data"
CPU = parse_device("cpu")


def _key(image: U8, crop: Crop) -> tuple[object, ...]:
    return image.shape, hashlib.sha256(image.tobytes()).digest(), crop


class RememberedMoveNet(MoveNet):
    """Runs once for each crop of each picture."""

    def __init__(self, name: str) -> None:
        super().__init__(name, CPU, 1)
        self._found: dict[tuple[object, ...], Keypoints] = {}

    def __call__(self, image: U8, crop: Crop) -> Keypoints:
        key = _key(image, crop)
        if key not in self._found:
            self._found[key] = super().__call__(image, crop)
        return self._found[key]


class RememberedBlazePose(BlazePose):
    """Runs once for each crop of each picture."""

    def __init__(self) -> None:
        super().__init__(CPU, 1)
        self._found: dict[tuple[object, ...], tuple[Keypoints, Crop] | None] = {}

    def read(self, image: U8, crop: Crop) -> tuple[Keypoints, Crop] | None:
        key = _key(image, crop)
        if key not in self._found:
            self._found[key] = super().read(image, crop)
        return self._found[key]


@pytest.fixture(scope="session")
def thunder() -> MoveNet:
    return RememberedMoveNet(THUNDER)


@pytest.fixture(scope="session")
def lightning() -> MoveNet:
    return RememberedMoveNet(LIGHTNING)


@pytest.fixture(scope="session")
def blazepose() -> BlazePose:
    return RememberedBlazePose()


@pytest.fixture
def fresh(thunder: MoveNet, lightning: MoveNet, blazepose: BlazePose) -> Callable[[str], SinglePerson]:
    """A detector by name, put together like ``create_detector`` does."""
    followers: dict[str, Follower] = {
        "default": MoveNetFollower(thunder),
        "fast": MoveNetFollower(lightning),
        "accurate": blazepose,
    }
    return lambda name: SinglePerson(MoveNetSearch(thunder), followers[name])


@pytest.fixture(scope="session")
def picture() -> Callable[[str], U8]:
    """A picture of tests/data, 884 x 497."""

    def read(name: str) -> U8:
        image = cv2.imread(str(DATA / name), cv2.IMREAD_COLOR)
        assert image is not None
        return np.asarray(image, np.uint8)

    return read
