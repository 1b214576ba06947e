"""Motion capture files (26 points, see the layout below) and sampling of windows from them.

Layout of a file (``numpy.load``, no pickles): ``points`` int16 [sum of T, 26, 3] millimetres, Y up, right-handed, a
person facing +z has the left side at +x; ``starts`` int64 [N + 1]; ``fps`` float32 [N]; ``names``, ``subjects``,
``actions``, ``licence`` str [N]. Points 0-16 are Human3.6M-17; 17-21 nose, left and right eye, left and right ear;
22-25 left heel, left big toe, right heel, right big toe.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from pipeline.skeletons import COCO_17, H36M_17, Skeleton

F32 = NDArray[np.float32]

STATURE_M = 1.70
"""Stature that all training bodies are scaled to, and so that of the lifter's output."""

MOCAP_26 = Skeleton(
    "mocap26",
    (
        *H36M_17.joints[:9],
        "nose_chin",
        *H36M_17.joints[10:],
        *("nose", "l_eye", "r_eye", "l_ear", "r_ear", "l_heel", "l_toe", "r_heel", "r_toe"),
    ),
    (*H36M_17.bones, (6, 22), (6, 23), (3, 24), (3, 25)),
)

COCO_OF_MOCAP: NDArray[np.intp] = np.array([MOCAP_26.index(joint) for joint in COCO_17.joints])
"""Mocap point of each COCO joint."""


@dataclass(frozen=True)
class Mocap:
    """A motion capture file in memory.

    Attributes:
        points: int16 [sum of T, 26, 3], mm.
        starts: int64 [N + 1].
        fps: float32 [N].
        names, subjects, actions, licence: str [N].
    """

    points: NDArray[np.int16]
    starts: NDArray[np.int64]
    fps: F32
    names: NDArray[np.str_]
    subjects: NDArray[np.str_]
    actions: NDArray[np.str_]
    licence: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.fps)

    def clip_m(self, index: int) -> F32:
        """Clip as float32 [T, 26, 3] metres, in the file's world axes."""
        return (self.points[self.starts[index] : self.starts[index + 1]] / 1000).astype(np.float32)


def load_mocap(path: Path) -> Mocap:
    """Read one file.

    Raises:
        ConfigError: the file is missing or does not have the layout.
    """
    try:
        with np.load(path) as data:
            mocap = Mocap(*(data[field] for field in Mocap.__dataclass_fields__))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"{path} can't be read as motion capture ({error}); see models/data/mocap.py") from error
    if mocap.points.ndim != 3 or mocap.points.shape[1:] != (len(MOCAP_26), 3) or mocap.starts[-1] != len(mocap.points):
        raise ConfigError(f"{path}: points of shape {mocap.points.shape} do not fit the layout [sum of T, 26, 3]")
    return mocap


def stature_m(points_m: F32) -> F32:
    """Estimated stature [...] of bodies [..., 26, 3] in metres: 1.14 times legs, trunk, and neck up to the ears.

    The factor makes it agree with the statures of the training people to 1.2 % (standard deviation).
    """

    def length(a: int, b: int) -> F32:
        return np.linalg.norm(points_m[..., a, :] - points_m[..., b, :], axis=-1)

    legs = (length(1, 2) + length(2, 3) + length(4, 5) + length(5, 6)) / 2
    trunk = length(0, 7) + length(7, 8)
    mid_ear = (points_m[..., 20, :] + points_m[..., 21, :]) / 2
    neck = np.linalg.norm(mid_ear - points_m[..., 8, :], axis=-1)
    return 1.14 * (legs + trunk + neck)


RATES_HZ = (15.0, 60.0)
"""Lowest and highest frame rate that lifters are trained on."""

COMMON_RATES_HZ = (24.0, 25.0, 30.0, 30.0, 50.0, 60.0)
"""Those of cameras."""


def every_nth_frame(mocap: Mocap, window: int, target: int, every: int) -> WindowSampler:
    """A sampler of windows that look at every n-th frame only, for curricula from few frames to many."""
    low, high = RATES_HZ
    return WindowSampler(
        mocap, window, target, (low / every, high / every), tuple(rate / every for rate in COMMON_RATES_HZ)
    )


class WindowSampler:
    """Draws windows of motion at random frame rates, persons weighted by the square root of their minutes.

    Args:
        mocap: the clips.
        window: T.
        target: index of the target frame in the window.
        rates_hz: lowest and highest frame rate.
        common_rates_hz: every second window has one of them.
    """

    def __init__(
        self,
        mocap: Mocap,
        window: int,
        target: int,
        rates_hz: tuple[float, float] = RATES_HZ,
        common_rates_hz: tuple[float, ...] = COMMON_RATES_HZ,
    ) -> None:
        self.mocap, self.window, self.target = mocap, window, target
        self.rates_hz, self.common_rates_hz = rates_hz, common_rates_hz
        frames = np.diff(mocap.starts)
        seconds = frames / mocap.fps
        weight = np.zeros(len(mocap))
        for subject in np.unique(mocap.subjects):
            own = mocap.subjects == subject
            weight[own] = seconds[own] / np.sqrt(seconds[own].sum())
        self._cumulative = np.cumsum(weight / weight.sum())
        self._frames = frames

    def draw(self, rng: np.random.Generator, batch: int) -> tuple[F32, F32]:
        """Windows float32 [B, T, 26, 3] in metres (world axes) and the frame rates [B] in Hz they show."""
        clip = np.minimum(np.searchsorted(self._cumulative, rng.random(batch)), len(self.mocap) - 1)
        low, high = np.log(self.rates_hz)
        rate = np.exp(rng.uniform(low, high, batch))
        common = rng.choice(self.common_rates_hz, batch)
        rate = np.where(rng.random(batch) < 0.5, common, rate)
        speed = np.exp(rng.normal(0, 0.15, batch)).clip(0.6, 1.6)
        step = self.mocap.fps[clip] * speed / rate
        step = np.where(rng.random(batch) < 0.1, -step, step)  # some motion plays backwards
        offsets = (np.arange(self.window) - self.target)[None] * step[:, None]
        last = (self._frames[clip] - 1).astype(np.float64)[:, None]
        # Mostly whole windows inside the clip; the rest, and clips shorter than a window, repeat their edge
        # frame, as at the start and the end of a file.
        low_edge, high_edge = -offsets.min(1, keepdims=True), last - offsets.max(1, keepdims=True)
        anywhere = (rng.random((batch, 1)) < 0.06) | (high_edge <= low_edge)
        uniform = rng.random((batch, 1))
        position = np.where(anywhere, uniform * last, low_edge + uniform * (high_edge - low_edge)) + offsets
        position = position.clip(0, last)
        below = np.floor(position).astype(np.int64)
        above = np.minimum(below + 1, last.astype(np.int64))
        fraction = (position - below).astype(np.float32)[..., None, None]
        base = self.mocap.starts[clip][:, None]
        points = self.mocap.points
        window = points[base + below] * (1 - fraction) + points[base + above] * fraction
        return (window / 1000).astype(np.float32), rate.astype(np.float32)
