"""Motion capture files of 26 points, and the sampling of windows from them.

Layout of a file (``numpy.load``, no pickles): ``points`` int16 [sum of T, 26, 3] millimetres, Y up, right-handed, a
person facing +z has the left side at +x; ``starts`` int64 [N + 1]; ``fps`` float32 [N]; ``names``, ``subjects``,
``actions``, ``licence`` str [N]. Points 0-16 are Human3.6M-17; 17-21 nose, left and right eye, left and right ear;
22-25 left heel, left big toe, right heel, right big toe.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.data.arrays import Array, Random, float32, namespace
from pipeline.errors import DataError
from pipeline.skeletons import COCO_17, H36M_17, Skeleton

if TYPE_CHECKING:
    import torch

F32 = NDArray[np.float32]

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
        DataError: the file is missing or does not have the layout.
    """
    try:
        with np.load(path) as data:
            mocap = Mocap(*(data[field] for field in Mocap.__dataclass_fields__))
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path} can't be read as motion capture ({error}); see models/data/mocap.py") from error
    if mocap.points.ndim != 3 or mocap.points.shape[1:] != (len(MOCAP_26), 3) or mocap.starts[-1] != len(mocap.points):
        raise DataError(f"{path}: points of shape {mocap.points.shape} do not fit the layout [sum of T, 26, 3]")
    return mocap


def stature_m(points_m: Array) -> Array:
    """Estimated stature [...] of bodies [..., 26, 3] in metres: 1.14 times legs, trunk, and neck up to the ears.

    The factor makes it agree with the statures of the training people to 1.2 % (standard deviation).
    """

    norm = namespace(points_m).linalg.vector_norm

    def length(a: int, b: int) -> Array:
        return norm(points_m[..., a, :] - points_m[..., b, :], axis=-1)

    legs = (length(1, 2) + length(2, 3) + length(4, 5) + length(5, 6)) / 2
    trunk = length(0, 7) + length(7, 8)
    mid_ear = (points_m[..., 20, :] + points_m[..., 21, :]) / 2
    neck = norm(mid_ear - points_m[..., 8, :], axis=-1)
    return 1.14 * (legs + trunk + neck)


RATES_HZ = (15.0, 60.0)
"""Lowest and highest frame rate that lifters are trained on."""

COMMON_RATES_HZ = (24.0, 25.0, 30.0, 30.0, 50.0, 60.0)
"""Usual frame rates of cameras."""


def every_nth_frame(
    mocap: Mocap, window: int, target: int, every: int, device: torch.device | None = None
) -> WindowSampler:
    """A sampler of windows that look at every n-th frame only, for curricula from few frames to many."""
    low, high = RATES_HZ
    return WindowSampler(
        mocap, window, target, (low / every, high / every), tuple(rate / every for rate in COMMON_RATES_HZ), device
    )


class WindowSampler:
    """Draws windows of motion at random frame rates, persons weighted by the square root of their minutes.

    Args:
        mocap: the clips.
        window: T.
        target: index of the target frame in the window.
        rates_hz: lowest and highest frame rate.
        common_rates_hz: every second window has one of them.
        device: where windows are made, as tensors; None: NumPy arrays.
    """

    def __init__(
        self,
        mocap: Mocap,
        window: int,
        target: int,
        rates_hz: tuple[float, float] = RATES_HZ,
        common_rates_hz: tuple[float, ...] = COMMON_RATES_HZ,
        device: torch.device | None = None,
    ) -> None:
        self.window, self.target, self.rates_hz = window, target, rates_hz
        frames = np.diff(mocap.starts)
        seconds = frames / mocap.fps
        weight = np.zeros(len(mocap))
        for subject in np.unique(mocap.subjects):
            own = mocap.subjects == subject
            weight[own] = seconds[own] / np.sqrt(seconds[own].sum())

        def put(values: Array) -> Array:
            if device is None:
                return values
            import torch

            return torch.as_tensor(values, device=device)

        self._points, self._starts, self._fps = put(mocap.points), put(mocap.starts), put(mocap.fps)
        # Tensors are float32 throughout, which suits GPUs; NumPy's random numbers are float64.
        real = np.float64 if device is None else np.float32
        self._cumulative = put(np.cumsum(weight / weight.sum()).astype(real))
        self._common, self._last = put(np.array(common_rates_hz, real)), put(frames - 1)
        self._steps = put(np.arange(window) - target)

    def draw(self, rng: Random, batch: int) -> tuple[Array, Array]:
        """Windows float32 [B, T, 26, 3] in metres (world axes) and the frame rates [B] in Hz they show."""
        xp = namespace(self._points)
        clip = xp.searchsorted(self._cumulative, rng.random(batch)).clip(max=len(self._last) - 1)
        low, high = (math.log(rate) for rate in self.rates_hz)
        rate = xp.exp(rng.uniform(low, high, batch))
        common = self._common[rng.integers(0, len(self._common), batch)]
        rate = xp.where(rng.random(batch) < 0.5, common, rate)
        speed = xp.exp(rng.normal(0, 0.15, batch)).clip(0.6, 1.6)
        step = self._fps[clip] * speed / rate
        step = xp.where(rng.random(batch) < 0.1, -step, step)  # some motion plays backwards
        offsets = self._steps[None] * step[:, None]
        last = self._last[clip][:, None]
        # Mostly whole windows inside the clip; the rest, and clips shorter than a window, repeat their edge
        # frame, as at the start and the end of a file.
        low_edge = -xp.min(offsets, axis=1, keepdims=True)
        high_edge = last - xp.max(offsets, axis=1, keepdims=True)
        anywhere = (rng.random((batch, 1)) < 0.06) | (high_edge <= low_edge)
        uniform = rng.random((batch, 1))
        position = xp.where(anywhere, uniform * last, low_edge + uniform * (high_edge - low_edge)) + offsets
        position = xp.maximum(xp.minimum(position, last), xp.zeros_like(position))
        below = xp.astype(xp.floor(position), xp.int64)
        above = xp.minimum(below + 1, last)
        fraction = float32(position - below)[..., None, None]
        base = self._starts[clip][:, None]
        window = self._points[base + below] * (1 - fraction) + self._points[base + above] * fraction
        return float32(window / 1000), float32(rate)
