"""The two short functions: a clip to arrays, keypoints to poses. For more, see ``Pipeline`` and ``run_job``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.arrays import F32, F64
from pipeline.errors import ConfigError
from pipeline.lift.base import Lifter
from pipeline.lift.create import create_lifter
from pipeline.motion import Motion
from pipeline.run.options import RunOptions
from pipeline.skeletons import COCO_17, H36M_17
from pipeline.types import Origin, Pose2D
from pipeline.window.buffer import WindowBuffer, frame_step

if TYPE_CHECKING:
    from pipeline.detect.base import DetectorConfig
    from pipeline.sources import Source


def process(
    source: str | int | Path | Source,
    *,
    preset: str = "balanced",
    detector: str | DetectorConfig | None = None,
    window: int | None = None,
    quality: str | None = None,
    smooth: str | None = None,
    height_m: float | None = None,
    focal_px: float | None = None,
    start_s: float | None = None,
    end_s: float | None = None,
    fps: float | None = None,
    device: str = "auto",
) -> Motion:
    """The 3D motion of a clip as arrays; nothing is written.

    Args:
        source: what ``open_source`` takes; of a live source, all frames until it ends.
        preset: 'fast', 'balanced' or 'accurate': sets the next four, unless they are given.
        detector: 'fast', 'default', 'accurate', or a config of your own.
        window: frames that the lifter looks at: 27, 81 or 243.
        quality: 'fast', 'standard' or 'best'.
        smooth: 'off', 'light' or 'strong'.
        height_m: the person's height; None: bodies of 1.70 m.
        focal_px: the camera's focal length, if known.
        start_s, end_s: the span, seconds from the beginning.
        fps: pictures per second of a folder of pictures.
        device: 'auto', 'cpu', 'cuda', 'cuda:1', 'tensorrt'.

    Returns:
        ``motion[0].smoothed_m`` is float32 [N, 17, 3] of the first person, see ``pipeline.motion.Track``.

    Raises:
        PoseStrideError: the source can't be opened or read, a model can't run, a value is not valid.
    """
    from pipeline.job import load_models
    from pipeline.job_options import JobOptions, ModelOptions, MotionOptions, SourceOptions, choose
    from pipeline.run.pipeline import Pipeline
    from pipeline.sources import Source, open_source

    options = JobOptions(
        source=SourceOptions("" if isinstance(source, Source) else source),
        preset=preset,
        models=ModelOptions(detector=detector, window=window, quality=quality, device=device),
        motion=MotionOptions(height_m=height_m, focal_px=focal_px, smooth=smooth),
    )
    with open_source(source, start_s=start_s, end_s=end_s, fps=fps) as opened:
        live = opened.info.live
        models = load_models(options, live=live)
        with models.detector:
            motion = options.motion.run_options(choose(options, live).smooth)
            return Motion.of(Pipeline(opened, models.detector, models.lifter, motion))


def lift_keypoints(
    xy_px: F32,
    score: F32 | None = None,
    *,
    size_px: tuple[int, int],
    fps: float | None = None,
    time_s: F64 | Sequence[float] | None = None,
    focal_px: float | None = None,
    lifter: Lifter | None = None,
) -> F32:
    """Lift the 2D keypoints of one person, from any detector.

    Args:
        xy_px: [T, 17, 2], COCO-17 keypoints of consecutive frames: pixels, x right, y down; NaN where missing.
        score: [T, 17] in 0..1, 0 where missing; None: 1 where there is a keypoint.
        size_px: width and height of the picture.
        fps: frames per second; or
        time_s: [T], the times of the frames, strictly increasing seconds.
        focal_px: the camera's focal length; None: that of a usual phone or webcam is assumed.
        lifter: from ``create_lifter``; None: the default one, loaded for this call.

    Returns:
        float32 [T, 17, 3], Human3.6M-17 joints: metres relative to the pelvis, of a body of 1.70 m, camera axes
        (x right, y down, z away); NaN in frames without a pose. Not smoothed; swapped sides are not repaired.

    Raises:
        ConfigError: shapes or values don't fit.
        ModelError, DeviceError: the lifter can't be loaded or run.
    """
    xy, confidence = _keypoints(xy_px, score)
    times_s, rate_hz = _times(len(xy), fps, time_s)
    if len(size_px) != 2 or min(size_px) < 1:
        raise ConfigError("size_px", size_px, "is not the width and height of a picture")
    RunOptions(focal_px=focal_px)  # refuses what is no focal length
    lift = create_lifter() if lifter is None else lifter
    spec = lift.spec
    buffer = WindowBuffer(0, spec.window, spec.lookahead, size_px, focal_px, frame_step(rate_hz), spec.normalisation)
    no_box = np.full(4, np.nan, np.float32)
    origin = np.where(confidence > 0, Origin.MEASURED, Origin.MISSING).astype(np.uint8)
    poses = (Pose2D(n, float(times_s[n]), 0, xy[n], confidence[n], no_box, origin[n]) for n in range(len(xy)))
    ready = [frame for pose in poses for frame in buffer.push(pose)] + buffer.finish()
    lifted = np.full((len(xy), len(H36M_17), 3), np.nan, np.float32)
    for pose in lift([frame.window for frame in ready if frame.window is not None]):
        lifted[pose.frame_index] = pose.xyz_m
    return lifted


def _keypoints(xy_px: F32, score: F32 | None) -> tuple[F32, F32]:
    """Keypoints and scores, NaN and 0 where missing."""
    xy = np.array(xy_px, np.float32)
    if xy.ndim != 3 or xy.shape[1:] != (len(COCO_17), 2):
        raise ConfigError("xy_px", list(xy.shape), "is its shape; COCO-17 keypoints of T frames are [T, 17, 2]")
    confidence = np.ones(xy.shape[:2], np.float32) if score is None else np.array(score, np.float32)
    if confidence.shape != xy.shape[:2]:
        raise ConfigError("score", list(confidence.shape), f"is its shape; it must be {list(xy.shape[:2])} as `xy_px`")
    seen = np.isfinite(xy).all(-1) & np.isfinite(confidence) & (confidence > 0)
    return np.where(seen[..., None], xy, np.float32(np.nan)), np.where(seen, confidence.clip(0, 1), np.float32(0))


def _times(count: int, fps: float | None, time_s: F64 | Sequence[float] | None) -> tuple[F64, float]:
    """The times [T] and the frame rate."""
    if (fps is None) == (time_s is None):
        raise ConfigError("fps", fps, "or `time_s`: one of them must be given, and not both")
    if fps is not None:
        if not 0 < fps < float("inf"):
            raise ConfigError("fps", fps, "is not a frame rate; for example 30")
        return np.arange(count) / fps, fps
    times_s = np.asarray(time_s, np.float64)
    if times_s.shape != (count,) or not (np.isfinite(times_s).all() and (np.diff(times_s) > 0).all()):
        raise ConfigError("time_s", None, f"must hold {count} strictly increasing times, one for each frame")
    return times_s, 1 / float(np.median(np.diff(times_s))) if count > 1 else 30.0
