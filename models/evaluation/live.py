"""The evaluation of live runs: previews of the newest frames, and the settled poses that follow.

``evaluate --lookaheads`` reads the full-sequence head at the same places of the same windows as long as every joint is
seen in every frame. A live run differs where something is missing, so here the frames pass one by one
through ``People`` (swap repair included), ``WindowBuffer.preview`` and ``PreviewLifter``. Gaps before the
newest frame are bridged by then; joints that are missing in the newest frames are not known yet; a frame that the
detector skipped (``--detect-every``) has the last known keypoints, and so a pose all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from models.data.keypoint_noise import NoiseRecipe
from models.evaluation.clips import RATE_HZ, SeenClip
from models.evaluation.figures import FootageFigures, PoseFigures, ViewFigures
from models.evaluation.lifting import poses_2d
from models.evaluation.on_footage import View, average, score
from models.evaluation.on_mocap import observed
from models.evaluation.scores import Lifted, summary
from pipeline.detect.base import Detector
from pipeline.lift.base import PreviewLifter
from pipeline.lift.windows import BATCH
from pipeline.run.people import People
from pipeline.skeletons import H36M_17
from pipeline.sources import open_source
from pipeline.types import Pose2D, Pose3D, Window
from pipeline.window.buffer import ReadyFrame, WindowBuffer, frame_step

F32 = NDArray[np.float32]
Item = TypeVar("Item")

SETTLED = "settled"
"""Name of the settled tier; previews are named by their look-ahead in frames of the window."""

Tier = str | int

_SHORTEST_FRAMES = 3  # velocity and acceleration need three


@dataclass(frozen=True)
class Seen:
    """A clip as the detector sees it.

    Attributes:
        times_s: times of all frames.
        poses: poses found in each frame; empty where no person was found or the detector skipped the frame.
        size_px: width and height of the picture.
        rate_hz: nominal frame rate.
    """

    times_s: Sequence[float]
    poses: Sequence[list[Pose2D]]
    size_px: tuple[int, int]
    rate_hz: float


def sparse(poses: Sequence[list[Pose2D]], every: int) -> list[list[Pose2D]]:
    """The poses that are left if the detector sees every n-th frame only, beginning with the first."""
    return [found if number % every == 0 else [] for number, found in enumerate(poses)]


def look(view: View, detector: Detector, every: int = 1) -> Seen:
    """Run a detector over every n-th frame of a view's video.

    Raises:
        SourceError: the video can't be read.
    """
    with open_source(view.video) as source:
        info, times_s, poses = source.info, [], []
        for number, frame in enumerate(source):
            times_s.append(frame.time_s)
            poses.append(detector(frame) if number % every == 0 else [])
    return Seen(times_s, poses, (info.width_px, info.height_px), info.fps)


def lift_live(
    seen: Seen, lifter: PreviewLifter, lookaheads: Sequence[int], focal_px: float | None = None
) -> dict[Tier, F32]:
    """The poses of person 0 of a clip, as a live run gives them.

    Args:
        seen: the keypoints.
        lifter: of settled poses and previews.
        lookaheads: look-aheads of the previews, in frames of the window, none greater than the lifter's own.
        focal_px: focal length; assumed by the pipeline if None.

    Returns:
        float32 [T, 17, 3] of each tier, under ``SETTLED`` and the look-aheads: camera axes, metres relative to the
        pelvis; NaN in frames without a pose, and at the end where the look-ahead has not passed.

    Raises:
        ModelError: the network has no full-sequence head.
    """
    tiers: dict[Tier, F32] = {
        tier: np.full((len(seen.times_s), len(H36M_17), 3), np.nan, np.float32) for tier in _tiers(lookaheads)
    }
    for moments in _batches(_moments(seen, lifter, lookaheads, focal_px), BATCH):
        settled = [window for moment in moments for window in moment.settled]
        for lookahead in lookaheads:
            newest = [window for moment in moments for window in moment.newest[lookahead]]
            poses, previews = lifter.lift_with_previews(settled, newest, lookahead)
            settled = []  # settled poses are the same for all look-aheads
            _fill_tier(tiers[SETTLED], poses)
            _fill_tier(tiers[lookahead], previews)
        _fill_tier(tiers[SETTLED], lifter(settled))
    return tiers


def _tiers(lookaheads: Sequence[int]) -> list[Tier]:
    return [SETTLED, *lookaheads]


@dataclass(frozen=True)
class _Moment:
    """The windows to lift when a frame arrives: those that are due, and the newest one at each look-ahead."""

    settled: list[Window]
    newest: dict[int, list[Window]]


def _moments(seen: Seen, lifter: PreviewLifter, lookaheads: Sequence[int], focal_px: float | None) -> Iterator[_Moment]:
    def new_buffer(track_id: int) -> WindowBuffer:
        step, spec = frame_step(seen.rate_hz), lifter.spec
        return WindowBuffer(track_id, spec.window, spec.lookahead, seen.size_px, focal_px, step, spec.normalisation)

    people = People(new_buffer)
    for number, (time_s, poses) in enumerate(zip(seen.times_s, seen.poses, strict=True)):
        due = people.push(number, time_s, [pose for pose in poses if pose.track_id == 0])
        newest = {lookahead: _windows(people.preview(lookahead)) for lookahead in lookaheads}
        yield _Moment(_windows(chain.from_iterable(due)), newest)
    yield _Moment(_windows(chain.from_iterable(people.finish())), {lookahead: [] for lookahead in lookaheads})


def _windows(dues: Iterator[ReadyFrame] | Sequence[ReadyFrame]) -> list[Window]:
    return [due.window for due in dues if due.window is not None]


def _batches(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    part: list[Item] = []
    for item in items:
        part.append(item)
        if len(part) == size:
            yield part
            part = []
    yield part


def _fill_tier(joints: F32, poses: Sequence[Pose3D]) -> None:
    for pose in poses:
        joints[pose.frame_index] = pose.xyz_m


def judge_clips(
    lifter: PreviewLifter,
    clips: Sequence[SeenClip],
    recipe: NoiseRecipe,
    lookaheads: Sequence[int],
    every: int = 1,
    progress: Callable[[int], Any] | None = None,
) -> dict[Tier, PoseFigures]:
    """The figures of each tier (see ``scores.summary``) on motion capture, all on the same frames.

    The last frames of each clip, which the tier with the longest look-ahead does not reach, count for no tier.
    Frames after the last one that the detector saw have no settled pose; they are among ``frames_without_pose``.

    Args:
        lifter: the model.
        clips: clips to judge on.
        recipe: the kind of 2D input.
        lookaheads: look-aheads of the previews.
        every: N where the detector sees every Nth frame only.
        progress: called with the number of frames just done.
    """
    lifted: dict[Tier, list[Lifted]] = {tier: [] for tier in _tiers(lookaheads)}
    for clip in clips:
        xy, confidence = observed(clip, recipe)
        poses = sparse([[pose] for pose in poses_2d(xy, confidence, RATE_HZ)], every)
        times_s = [number / RATE_HZ for number in range(len(poses))]
        tiers = lift_live(Seen(times_s, poses, clip.size_px, RATE_HZ), lifter, lookaheads)
        end = len(poses) - max(lookaheads, default=0) * frame_step(RATE_HZ)
        for tier, joints in tiers.items() if end >= _SHORTEST_FRAMES else ():
            lifted[tier].append(Lifted(clip.action, clip.subject, joints[:end], clip.truth_m[:end]))
        if progress is not None:
            progress(len(poses))
    return {tier: summary(clips_of_tier) for tier, clips_of_tier in lifted.items()}


def judge_views(
    lifter: PreviewLifter,
    views: Sequence[View],
    seen: Sequence[Seen],
    lookaheads: Sequence[int],
    focal_px: float | None = None,
) -> dict[Tier, FootageFigures]:
    """The figures of each tier (see ``on_footage.score``) on footage: ``views``, ``average``; all on the same frames.

    Args:
        lifter: the model.
        views: the truth.
        seen: the detected keypoints of each view.
        lookaheads: look-aheads of the previews.
        focal_px: focal length; assumed by the pipeline if None.
    """
    scores: dict[Tier, dict[str, ViewFigures]] = {tier: {} for tier in _tiers(lookaheads)}
    for view, found in zip(views, seen, strict=True):
        end = len(found.times_s) - max(lookaheads, default=0) * frame_step(found.rate_hz)
        judged = replace(view, valid=view.valid & (view.frame_index < end)[:, None])
        chosen = [H36M_17.index(joint) for joint in view.joints]
        for tier, joints in lift_live(found, lifter, lookaheads, focal_px).items():
            scores[tier][view.name] = score(joints[view.frame_index][:, chosen], judged)
    return {tier: {"views": of_views, "average": average(list(of_views.values()))} for tier, of_views in scores.items()}
