"""The synthetic source: a walking person with known 3D, seen by a known camera, drawn as a video."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32, F64, U8
from pipeline.errors import ConfigError, nearest
from pipeline.skeletons import COCO_17, H36M_FROM_COCO
from pipeline.sources.base import Source, SourceInfo, check_span
from pipeline.sources.figure import Camera, Wardrobe, draw_person, draw_room
from pipeline.sources.walker import Walk, body_points
from pipeline.types import Frame

_CAMERA_DISTANCE_M = 4.6
_CAMERA_HEIGHT_M = 1.25
_LOOK_AT_HEIGHT_M = 0.92
_NOISE = 2.0  # standard deviation of the sensor's noise, grey levels
_GRAIN_SHIFT_PX = 64
_TIE_S = 1e-9

_SHIRTS = ((160.0, 90.0, 45.0), (60.0, 60.0, 175.0), (80.0, 130.0, 60.0), (70.0, 165.0, 200.0))
_TROUSERS = ((75.0, 65.0, 60.0), (110.0, 75.0, 50.0), (70.0, 90.0, 110.0))


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """Options of the synthetic video.

    Attributes:
        frames: number of frames.
        fps: frames per second; frame n is at n / fps seconds.
        width_px, height_px: size of the picture, 16 to 8192.
        seed: chooses the start of the walk, its pace and direction, the clothes and the noise.
        motion: 'circle' walks a circle, seen from all sides; 'place' walks on the spot, facing the camera.
        absent: ranges (first, end) of frame numbers in which the person is out of view.
    """

    frames: int = 300
    fps: float = 30.0
    width_px: int = 1280
    height_px: int = 720
    seed: int = 0
    motion: str = "circle"
    absent: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        checks = {
            "frames": self.frames >= 1,
            "fps": 0 < self.fps <= 1000,
            "size": all(16 <= side <= 8192 for side in (self.width_px, self.height_px)),
            "seed": self.seed >= 0,
            "motion": self.motion in ("circle", "place"),
            "absent": all(0 <= first < end for first, end in self.absent),
        }
        wrong = [name for name, good in checks.items() if not good]
        if wrong:
            raise ConfigError(wrong[0], None, f"of the synthetic walker is not valid; {_HELP}")


_HELP = (
    "write for example synthetic:frames=300,fps=30,size=1280x720,seed=1,motion=circle,absent=60-90 "
    "(motion: circle or place; absent may be given more than once)"
)


def parse_options(text: str) -> SyntheticOptions:
    """Parse ``synthetic`` or ``synthetic:key=value,...`` with the keys of the example in the error's message.

    Raises:
        ConfigError: an unknown key or a value that is not valid.
    """
    values: dict[str, object] = {}
    absent: list[tuple[int, int]] = []
    _, _, listed = text.partition(":")
    for item in filter(None, (part.strip() for part in listed.split(","))):
        key, _, value = (part.strip() for part in item.partition("="))
        number = re.fullmatch(r"\d{1,9}", value)
        pair = re.fullmatch(r"(\d{1,9})[x-](\d{1,9})", value.lower())
        if key in ("frames", "seed") and number:
            values[key] = int(value)
        elif key == "fps" and re.fullmatch(r"\d{1,4}(\.\d+)?", value):
            values[key] = float(value)
        elif key == "size" and pair:
            values["width_px"], values["height_px"] = int(pair[1]), int(pair[2])
        elif key == "motion" and value:
            values[key] = value
        elif key == "absent" and pair:
            absent.append((int(pair[1]), int(pair[2])))
        else:
            hint = nearest(key, ["frames", "fps", "size", "seed", "motion", "absent"])
            raise ConfigError("source", text, f"has the part {item!r}, which is not valid; {hint}{_HELP}")
    return dataclasses.replace(SyntheticOptions(), absent=tuple(absent), **values)  # type: ignore[arg-type]


class SyntheticSource(Source):
    """A drawn person who walks in front of a fixed camera, with the true joints of every frame.

    The same options give the same pictures, bit for bit, on one version of OpenCV and numpy.

    Args:
        options: what to show.
        start_s, end_s: the frames of [start, end) are delivered; frame index and
            index of the truth count the delivered frames from 0.

    Raises:
        ConfigError: the span is not valid or holds no frame.
    """

    def __init__(
        self,
        options: SyntheticOptions | None = None,
        *,
        start_s: float | None = None,
        end_s: float | None = None,
    ) -> None:
        self._options = options or SyntheticOptions()
        start, end = check_span(start_s, end_s)
        fps = self._options.fps
        self._numbers = [n for n in range(self._options.frames) if start - _TIE_S <= n / fps < end - _TIE_S]
        if not self._numbers:
            raise ConfigError(
                "start_s",
                start,
                f"and `end_s` {end:g} leave no frame of the synthetic video ({self._options.frames} frames, "
                f"{self._options.frames / fps:.2f} s); give a wider span",
            )
        super().__init__()
        self._camera = _camera(self._options.width_px, self._options.height_px)
        self._walk, self._wardrobe = _choose_walk(self._options)
        self._room = draw_room(self._camera, self._options.width_px, self._options.height_px)
        self._grain = _grain(self._options)
        self._info = SourceInfo(
            name="synthetic",
            kind="synthetic",
            width_px=self._options.width_px,
            height_px=self._options.height_px,
            fps=fps,
            frame_count=len(self._numbers),
            live=False,
            audio_path=None,
            start_s=self._numbers[0] / fps,
        )

    @property
    def intrinsics(self) -> F64:
        """The camera's matrix, float64 [3, 3], pixels; it has no distortion."""
        return self._camera.intrinsics.copy()

    def __iter__(self) -> Iterator[Frame]:
        """The drawn frames."""
        for index, number in enumerate(self._numbers):
            if self._closed:
                return
            yield Frame(index, number / self._options.fps, self._draw(number))

    def is_absent(self, index: int) -> bool:
        """Whether the person is out of view in the delivered frame ``index``."""
        number = self._numbers[index]
        return any(first <= number < end for first, end in self._options.absent)

    def truth_xyz_m(self, index: int) -> F32:
        """The 3D joints of the delivered frame ``index``.

        Returns:
            float32 [17, 3], Human3.6M-17 order, metres, relative to the pelvis, camera axes (x right, y
            down, z away); the body is 1.70 m tall. The joints follow from the COCO points in 3D by the
            matrix that also turns 2D keypoints into the lifter's input. NaN where the person is absent.
        """
        joints = H36M_FROM_COCO.astype(np.float64) @ self._truth_coco_m(index)
        return np.asarray(joints - joints[0], np.float32)

    def truth_coco_px(self, index: int) -> F32:
        """The COCO-17 points of the delivered frame ``index``: float32 [17, 2], pixels; NaN where absent."""
        return self._camera.project(self._truth_coco_m(index)).astype(np.float32)

    def _truth_coco_m(self, index: int) -> F64:
        """COCO-17 points [17, 3] in camera axes."""
        if self.is_absent(index):
            return np.full((len(COCO_17), 3), np.nan)
        points = body_points(self._walk, self._numbers[index] / self._options.fps)
        return self._camera.to_camera(np.stack([points[name] for name in COCO_17.joints]))

    def _draw(self, number: int) -> U8:
        image = self._room.copy()
        if not any(first <= number < end for first, end in self._options.absent):
            draw_person(image, body_points(self._walk, number / self._options.fps), self._camera, self._wardrobe)
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.7), np.uint8)
        # The same grain, shifted: fresh noise for each picture would take longer than all the rest.
        y, x = np.random.default_rng((self._options.seed, number)).integers(0, _GRAIN_SHIFT_PX, 2)
        grain = self._grain[y : y + image.shape[0], x : x + image.shape[1]]
        return np.asarray(cv2.add(image, grain, dtype=cv2.CV_8U), np.uint8)


def _camera(width_px: int, height_px: int) -> Camera:
    """A camera that has the whole circle of the walk in view, turned down a little."""
    focal = min(1.5 * height_px, 1.4 * width_px)
    pitch = np.arctan2(_CAMERA_HEIGHT_M - _LOOK_AT_HEIGHT_M, _CAMERA_DISTANCE_M)
    c, s = np.cos(pitch), np.sin(pitch)
    # World x is the camera's right; it stands on the negative y axis and looks along +y.
    rotation = np.array([[1.0, 0.0, 0.0], [0.0, -s, -c], [0.0, c, -s]])
    centre = ((width_px - 1) / 2, (height_px - 1) / 2)
    intrinsics = np.array([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
    return Camera(intrinsics, rotation, np.array([0.0, -_CAMERA_DISTANCE_M, _CAMERA_HEIGHT_M]))


def _choose_walk(options: SyntheticOptions) -> tuple[Walk, Wardrobe]:
    """The walk and the clothes of a seed."""
    random = np.random.default_rng(options.seed)
    in_place = options.motion == "place"
    facing_rad = -np.pi / 2  # towards the camera
    walk = Walk(
        strides_hz=float(random.uniform(0.8, 1.0)),
        radius_m=0.0 if in_place else float(random.uniform(0.7, 1.0)),
        phase=float(random.uniform()),
        heading_rad=facing_rad + float(random.uniform(-0.5, 0.5)),
        turn=int(random.choice((-1, 1))),
    )
    wardrobe = Wardrobe(
        shirt=_SHIRTS[int(random.integers(len(_SHIRTS)))], trousers=_TROUSERS[int(random.integers(len(_TROUSERS)))]
    )
    return walk, wardrobe


def _grain(options: SyntheticOptions) -> NDArray[np.int16]:
    """Noise of a camera's sensor, a little larger than the picture, [H, W, 3]."""
    shape = (options.height_px + _GRAIN_SHIFT_PX, options.width_px + _GRAIN_SHIFT_PX)
    noise = np.random.default_rng(options.seed).normal(0.0, _NOISE, shape)
    return np.repeat(np.round(noise).astype(np.int16)[..., None], 3, axis=2)
