"""Models are loaded once; each test gets detectors that have seen nothing yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.arrays import U8
from pipeline.detect.blazepose import BlazePose
from pipeline.detect.movenet import LIGHTNING, THUNDER, MoveNet, MoveNetFollower, MoveNetSearch
from pipeline.detect.single_person import Follower, SinglePerson
from pipeline.runtime import parse_device

DATA = Path(__file__).resolve().parents[2] / "data"
CPU = parse_device("cpu")


@pytest.fixture(scope="session")
def thunder() -> MoveNet:
    return MoveNet(THUNDER, CPU, 1)


@pytest.fixture(scope="session")
def lightning() -> MoveNet:
    return MoveNet(LIGHTNING, CPU, 1)


@pytest.fixture(scope="session")
def blazepose() -> BlazePose:
    return BlazePose(CPU, 1)


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
