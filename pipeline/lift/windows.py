"""Windows to 3D poses, one pass of the network for each: the plain way to lift."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.arrays import F32
from pipeline.errors import ModelError
from pipeline.lift.base import LifterSpec
from pipeline.lift.network import Heads, Network, normalisation_of
from pipeline.lift.refine import Refining
from pipeline.runtime import LoadedModel
from pipeline.runtime.model import LARGEST_BATCH
from pipeline.skeletons import H36M_17
from pipeline.types import Pose3D, Window

BATCH = LARGEST_BATCH
"""Windows per call of the network. Larger batches gain nothing on a CPU and delay the results."""


class WindowLifter:
    """A ``PreviewLifter`` that runs the network on every window.

    Args:
        network: lifts the windows; may be ``Mirrored``.
        refiner: refine module for every pose; the windows must then be made with the true focal length.
    """

    def __init__(self, network: Network, refiner: Refining | None = None) -> None:
        self._network, self._refiner = network, refiner
        card = network.card
        self._spec = LifterSpec(card.window, card.lookahead, normalisation_of(card), previews=network.has_sequence)

    @property
    def spec(self) -> LifterSpec:
        """The spec that the model's card gives."""
        return self._spec

    @property
    def models(self) -> dict[str, LoadedModel]:
        """The network, and the refine module if there is one."""
        refiner = {} if self._refiner is None else {"refiner": self._refiner.loaded}
        return {"lifter": self._network.loaded, **refiner}

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Settled poses, see ``Lifter``."""
        poses: list[Pose3D] = []
        for start in range(0, len(windows), BATCH):
            part = windows[start : start + BATCH]
            poses += self._poses(part, self._run_network(part).frame, self._spec.lookahead, settled=True)
        return poses

    def lift_with_previews(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled poses and previews, see ``PreviewLifter``; in one pass where both windows hold the same frames.

        In a live run they nearly always do: the window whose target frame has just got its whole look-ahead ends with
        the newest frame. Its single-frame head gives the settled pose of the target, its full-sequence head the preview
        of a newer frame.
        """
        shared = [_same_frames(window, windows) for window in newest]
        inputs = windows + [window for window, at in zip(newest, shared, strict=True) if at is None]
        if not inputs:
            return [], []
        heads = self._run_network(inputs)
        settled = self._poses(windows, heads.frame[: len(windows)], self._spec.lookahead, settled=True)
        own = iter(range(len(windows), len(inputs)))
        rows = [next(own) if at is None else at for at in shared]
        place = self._spec.window - 1 - lookahead
        previews = self._sequence(heads, "previews")[rows, place]
        return settled, self._poses(newest, previews, lookahead, settled=False)

    def sequences(self, windows: list[Window]) -> F32:
        """The full-sequence head: a pose for each frame of each window.

        Returns:
            float32 [B, T, 17, 3], root-relative metres of a 1.70 m body in camera axes; [b, t] is the pose of the frame
            whose time is ``windows[b].time_s[t]``.

        Raises:
            ModelError: the network has no full-sequence head, or gave values that are not finite.
        """
        found = np.zeros((len(windows), self._spec.window, len(H36M_17), 3), np.float32)
        for start in range(0, len(windows), BATCH):
            part = windows[start : start + BATCH]
            joints = self._sequence(self._run_network(part), "poses of whole windows")
            found[start : start + BATCH] = self._in_camera(part, joints)
        return found

    def _run_network(self, windows: list[Window]) -> Heads:
        return self._network.run(np.stack([window.keypoints for window in windows]))

    def _sequence(self, heads: Heads, purpose: str) -> F32:
        if heads.sequence is None:
            raise ModelError(f"model {self._network.card.name} has no sequence output; it can't give {purpose}")
        return heads.sequence

    def _poses(self, windows: list[Window], joints: F32, lookahead: int, settled: bool) -> list[Pose3D]:
        if not windows:
            return []
        xyz = self._in_camera(windows, joints, self._spec.window - 1 - lookahead)
        return [pose_of(window, points, settled) for window, points in zip(windows, xyz, strict=True)]

    def _in_camera(self, windows: list[Window], joints: NDArray[Any], at: int | None = None) -> F32:
        """The network's joints in camera axes, refined where there is a refiner.

        Args:
            windows: B windows.
            joints: [B, 17, 3] of their frame ``at``, or [B, T, 17, 3] of all their frames, in the axes of their views.
            at: place in the window; None: all.
        """
        if not np.isfinite(joints).all():
            raise ModelError(
                f"model {self._network.card.name} gave values that are not finite near frame "
                f"{windows[0].target_index}; run 'python app.py models verify', and report it if the files are fine"
            )
        joints = joints.copy()
        joints[..., 0, :] = 0  # the pelvis is the origin by definition; the network's value for it is never trained
        if self._refiner is not None:
            joints = _refined(self._refiner, windows, joints, at)
        rotation = np.stack([window.rotation for window in windows])
        rotation = rotation.reshape(len(windows), *(1,) * (joints.ndim - 3), 3, 3)
        # view axes back to camera axes: the rows are x, so x @ R is R^T x
        xyz: F32 = np.matmul(joints, rotation).astype(np.float32)
        return xyz


def _refined(refiner: Refining, windows: list[Window], joints: NDArray[Any], at: int | None) -> NDArray[Any]:
    keypoints = np.stack([window.keypoints if at is None else window.keypoints[at] for window in windows])
    scale = np.array([window.scale for window in windows], np.float32)
    if at is None:
        scale = np.repeat(scale[:, None], joints.shape[1], 1)
    return refiner(joints, keypoints, scale)


def pose_of(window: Window, xyz_m: F32, settled: bool) -> Pose3D:
    """The pose of the window's target frame."""
    return Pose3D(
        window.track_id, window.target_index, window.target_time_s, xyz_m, window.score, window.origin, settled
    )


def _same_frames(window: Window, others: list[Window]) -> int | None:
    """Index of the window among the others that has the same frames."""
    for number, other in enumerate(others):
        if other.track_id == window.track_id and np.array_equal(other.keypoints, window.keypoints):
            return number
    return None
