"""Compare two runtimes or two files of a detector on crops of real pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from pipeline.detect.crops import Crop, whole_picture

Array = NDArray[Any]
Runner = Callable[[Array], dict[str, Array]]

# Joints below this score lie on noise: their place says nothing about a conversion.
_LEAST_SCORE = 0.3
# Each person box is also tried shifted and resized (fractions of its side), so that joints fall anywhere in the grid.
_VARIATIONS = ((0.0, 0.0, 1.0), (0.07, -0.05, 1.25), (-0.1, 0.03, 1.1))


def onnx_runner(path: Path) -> Runner:
    """A float32 or float16-stored ONNX file in ONNX Runtime on the CPU."""
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    outputs = [output.name for output in session.get_outputs()]
    return lambda pixels: dict(zip(outputs, session.run(outputs, {name: pixels}), strict=True))


def person_crops(pictures: Iterable[Path], thunder: Path) -> list[tuple[Array, Crop]]:
    """(picture, crop) of the person that MoveNet Thunder finds in each picture, several crops each."""
    run = onnx_runner(thunder)
    crops = []
    for path in pictures:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise ValueError(f"{path} is not a picture")
        crop = whole_picture(image.shape[1], image.shape[0])
        for _ in range(2):
            (points,) = run(crop.cut(np.asarray(image, np.uint8), 256)[None].astype(np.int32)).values()
            seen = points[0, 0][points[0, 0, :, 2] >= _LEAST_SCORE]
            if len(seen) < 6:
                break
            xy = crop.to_picture(seen[:, 1::-1])
            x, y = (xy.min(0) + xy.max(0)) / 2
            crop = Crop(float(x), float(y), float(np.ptp(xy, axis=0).max()) * 1.4)
        else:
            for dx, dy, factor in _VARIATIONS:
                side = crop.side_px * factor
                crops.append((image, Crop(crop.x_px + dx * side, crop.y_px + dy * side, side)))
    if not crops:
        raise ValueError("no person found in any picture; give pictures that show people")
    return crops


def compare_movenet(one: Runner, other: Runner, crops: list[tuple[Array, Crop]], size_px: int) -> dict[str, float]:
    """Largest difference of two MoveNets: joints in pixels of the input (score >= 0.3), and scores."""
    worst_px = worst_score = 0.0
    for image, crop in crops:
        pixels = crop.cut(image, size_px)[None].astype(np.int32)
        (a,), (b,) = one(pixels).values(), other(pixels).values()
        if a.shape[-1] == 56:  # multipose: 17 triples, then the box and its score
            a, b = a[..., :51].reshape(-1, 17, 3), b[..., :51].reshape(-1, 17, 3)
        away = np.hypot(*np.moveaxis(a[..., :2] - b[..., :2], -1, 0)) * size_px
        worst_px = max(worst_px, float(np.where(a[..., 2] >= _LEAST_SCORE, away, 0).max()))
        worst_score = max(worst_score, float(np.abs(a[..., 2] - b[..., 2]).max()))
    return {"crops": len(crops), "joints_px_max": round(worst_px, 6), "score_max": round(worst_score, 8)}


def compare_blazepose(one: Runner, other: Runner, crops: list[tuple[Array, Crop]], size_px: int) -> dict[str, float]:
    """Largest difference of two BlazePose landmark networks: landmarks x and y in pixels, pose flag."""
    worst_px = worst_flag = 0.0
    for image, crop in crops:
        pixels = crop.cut(image, size_px, repeat_border=True)[None].astype(np.float32) / 255
        a, b = one(pixels), other(pixels)
        points = [_shaped(outputs, (1, 195)).reshape(39, 5)[:, :2] for outputs in (a, b)]
        worst_px = max(worst_px, float(np.linalg.norm(points[0] - points[1], axis=1).max()))
        flags = [float(_shaped(outputs, (1, 1)).item()) for outputs in (a, b)]
        worst_flag = max(worst_flag, abs(flags[0] - flags[1]))
    return {"crops": len(crops), "landmarks_px_max": round(worst_px, 6), "pose_flag_max": round(worst_flag, 8)}


def _shaped(outputs: dict[str, Array], shape: tuple[int, ...]) -> Array:
    """The one output of this shape: the outputs' names differ between runtimes."""
    (found,) = (value for value in outputs.values() if value.shape == shape)
    return found
