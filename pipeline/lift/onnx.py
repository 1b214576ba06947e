"""Windows to 3D poses by an exported Strided Transformer in ONNX Runtime."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, ModelError
from pipeline.lift.refine import Refiner
from pipeline.runtime import Device, OnnxModel
from pipeline.runtime.cards import Card
from pipeline.skeletons import H36M_17
from pipeline.types import F32, Pose3D, Window
from pipeline.window.image_plane import IMAGE_NORMALISATION
from pipeline.window.person_view import NORMALISATION

BATCH = 32
"""Windows per call of the network: more gains nothing on a CPU and delays the results."""

NORMALISATIONS = (NORMALISATION, IMAGE_NORMALISATION)
"""What windows can be prepared for."""

_MIRROR = H36M_17.mirror


class Lifter(Protocol):
    """Lifts windows."""

    window: int
    lookahead: int

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """One pose per window, of its target frame, in the same order."""


@runtime_checkable
class PreviewLifter(Lifter, Protocol):
    """A lifter that can also give provisional poses of frames that lack a part of its look-ahead."""

    def lift_both(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled poses of ``windows``, provisional ones of ``newest``, see ``OnnxLifter.lift_both``."""


class OnnxLifter:
    """A lifter from ``weights/``.

    Args:
        card: of kind 'lifter'.
        device: where to run it.
        threads: CPU threads; 0 = one per core.
        flip: run each window and its mirror image and average both results, as published tables do (Pavllo et al.,
            "3D human pose estimation in video with temporal convolutions and semi-supervised training", CVPR 2019).
        refiner: refine module that every pose passes through; its windows must be made with the true focal length.

    Attributes:
        window, lookahead: T, and how many of its frames lie after the target.
        normalisation: what its windows must be prepared with, one of ``NORMALISATIONS``.
        provider, choice: what ONNX Runtime runs it on, and the same in words.
        has_previews: whether the network has a full-sequence head, which provisional poses come from.
        passes: windows that the network has seen so far, mirrored ones counted too.

    Raises:
        ModelError: damaged file, or a card of another kind of input.
        DeviceError: the device can't be used.
    """

    def __init__(
        self, card: Card, device: Device, threads: int = 0, flip: bool = False, refiner: Refiner | None = None
    ) -> None:
        if card.data["normalisation"] not in NORMALISATIONS:
            raise ModelError(
                f"model {card.name} expects {card.data['normalisation']!r} input; this program prepares "
                f"{' and '.join(map(repr, NORMALISATIONS))} only"
            )
        self.card = card
        self.normalisation: str = card.data["normalisation"]
        self._channels: int = card.data["architecture"].get("channels", 3)
        self.window: int = card.data["window"]
        self.lookahead: int = card.data["lookahead"]
        self.flip, self.refiner, self.passes = flip, refiner, 0
        self._model = OnnxModel(card, device, threads)
        self.provider, self.choice = self._model.provider, self._model.choice
        self.has_previews = self._model.outputs > 1

    def __call__(self, windows: list[Window]) -> list[Pose3D]:
        """Lift; root-relative metres of a 1.70 m body in camera axes, see ``Pose3D``.

        Raises:
            ModelError: the network gave values that are not finite.
        """
        poses: list[Pose3D] = []
        for start in range(0, len(windows), BATCH):
            poses += self._lift(windows[start : start + BATCH])
        return poses

    def _lift(self, windows: list[Window]) -> list[Pose3D]:
        return self._poses(windows, self._joints(self._run(windows)), self.lookahead, settled=True)

    def lift_both(
        self, windows: list[Window], newest: list[Window], lookahead: int
    ) -> tuple[list[Pose3D], list[Pose3D]]:
        """Settled and provisional poses, in one pass where both kinds of windows hold the same frames.

        In a live run they nearly always do: the window whose target frame has just got its whole look-ahead ends with
        the newest frame. Its single-frame head gives the settled pose of the target, its full-sequence head the
        provisional pose of a newer frame.

        Args:
            windows: of this lifter's look-ahead.
            newest: of the same length with ``lookahead`` frames after their target.
            lookahead: less than this lifter's own.

        Returns:
            Poses of ``windows`` and, not settled, those of ``newest``.

        Raises:
            ModelError: the network has no full-sequence head, or gave values that are not finite.
        """
        shared = [_same_frames(window, windows) for window in newest]
        inputs = windows + [window for window, at in zip(newest, shared, strict=True) if at is None]
        if not inputs:
            return [], []
        frame, sequence = self._heads(inputs)
        settled = self._poses(windows, frame[: len(windows)], self.lookahead, settled=True)
        own = iter(range(len(windows), len(inputs)))
        rows = [next(own) if at is None else at for at in shared]
        return settled, self._poses(newest, sequence[rows, self.window - 1 - lookahead], lookahead, settled=False)

    def sequences(self, windows: list[Window]) -> F32:
        """The full-sequence head: a pose for each frame of each window.

        Returns:
            float32 [B, T, 17, 3], root-relative metres of a 1.70 m body in camera axes; [b, t] is the pose of the frame
            whose time is ``windows[b].time_s[t]``.

        Raises:
            ModelError: the network has no full-sequence head, or gave values that are not finite.
        """
        found = np.zeros((len(windows), self.window, len(H36M_17), 3), np.float32)
        for start in range(0, len(windows), BATCH):
            part = windows[start : start + BATCH]
            found[start : start + BATCH] = self._in_camera(part, self._heads(part, "poses of whole windows")[1])
        return found

    def _heads(self, windows: list[Window], purpose: str = "provisional poses") -> list[NDArray[Any]]:
        outputs = self._run(windows)
        if len(outputs) < 2:
            raise ModelError(f"model {self.card.name} has no sequence output; it can't give {purpose}")
        return outputs

    def _run(self, windows: list[Window]) -> list[NDArray[Any]]:
        # lifters that were trained as published take (x, y) without the confidence
        keypoints = np.stack([window.keypoints[..., : self._channels] for window in windows])
        outputs = self._pass(keypoints)
        if not self.flip:
            return outputs
        # The mirror stands in the view's axes, so each window keeps its rotation. Not one batch of twice the size:
        # the engines of GPUs are built for at most BATCH windows.
        mirrored = self._pass(_mirror(keypoints))
        return [(output + _mirror(other)) / 2 for output, other in zip(outputs, mirrored, strict=True)]

    def _pass(self, keypoints: NDArray[Any]) -> list[NDArray[Any]]:
        self.passes += len(keypoints)
        return self._model.run(keypoints)

    def _poses(self, windows: list[Window], joints: NDArray[Any], lookahead: int, settled: bool) -> list[Pose3D]:
        if not windows:
            return []
        xyz = self._in_camera(windows, joints, self.window - 1 - lookahead)
        return [pose_of(window, points, settled) for window, points in zip(windows, xyz, strict=True)]

    def _in_camera(self, windows: list[Window], joints: NDArray[Any], at: int | None = None) -> F32:
        """What the network gave for each window in the axes of its view, refined, in camera axes.

        Args:
            windows: B of them.
            joints: [B, 17, 3] of their frame ``at``, or [B, T, 17, 3] of all their frames.
            at: place in the window; None: all.
        """
        if not np.isfinite(joints).all():
            raise ModelError(
                f"model {self.card.name} gave values that are not finite near frame {windows[0].target_index}; "
                "run 'python app.py models verify', and report it if that is well"
            )
        joints = joints.copy()
        joints[..., 0, :] = 0  # the pelvis is the origin by definition; the network's value for it is never trained
        if self.refiner is not None:
            joints = self._refined(self.refiner, windows, joints, at)
        rotation = np.stack([window.rotation for window in windows])
        rotation = rotation.reshape(len(windows), *(1,) * (joints.ndim - 3), 3, 3)
        # view axes back to camera axes: the rows are x, so x @ R is R^T x
        xyz: F32 = np.matmul(joints, rotation).astype(np.float32)
        return xyz

    def _refined(self, refiner: Refiner, windows: list[Window], joints: NDArray[Any], at: int | None) -> NDArray[Any]:
        keypoints = np.stack([window.keypoints if at is None else window.keypoints[at] for window in windows])
        scale = np.array([window.scale for window in windows], np.float32)
        if at is None:
            scale = np.repeat(scale[:, None], joints.shape[1], 1)
        return refiner(joints, keypoints, scale)

    def _joints(self, outputs: list[NDArray[Any]]) -> NDArray[Any]:
        """[B, 17, 3] of the network's outputs that are the target frame's: those of the single-frame head."""
        return outputs[0]


class SequenceLifter(OnnxLifter):
    """A lifter whose poses come from the full-sequence head, read at one place of the window.

    Args:
        card: of kind 'lifter'.
        lookahead: frames after the target; the head is read at ``window - 1 - lookahead``.
        device, threads, refiner: as for ``OnnxLifter``.

    Raises:
        ConfigError: the look-ahead is not inside the window.
        ModelError, DeviceError: as for ``OnnxLifter``.
    """

    def __init__(
        self, card: Card, lookahead: int, device: Device, threads: int = 0, refiner: Refiner | None = None
    ) -> None:
        super().__init__(card, device, threads, refiner=refiner)
        if not 0 <= lookahead < self.window:
            raise ConfigError(
                f"look-ahead {lookahead} is not inside the window of model {card.name}; use 0 to {self.window - 1}"
            )
        self.lookahead = lookahead

    def _joints(self, outputs: list[NDArray[Any]]) -> NDArray[Any]:
        if len(outputs) < 2:
            raise ModelError(f"model {self.card.name} has no sequence output; it can't be judged at other look-aheads")
        joints: NDArray[Any] = outputs[1][:, self.window - 1 - self.lookahead]
        return joints


def pose_of(window: Window, xyz_m: F32, settled: bool) -> Pose3D:
    """The pose of the window's target frame."""
    return Pose3D(
        window.track_id, window.target_index, window.target_time_s, xyz_m, window.score, window.origin, settled
    )


def _mirror(points: NDArray[Any]) -> NDArray[Any]:
    """Points [..., 17, C] as a mirror shows them: sides exchanged, x turned; other channels stay."""
    mirrored = np.take(points, _MIRROR, axis=-2)
    mirrored[..., 0] *= -1
    return mirrored


def _same_frames(window: Window, others: list[Window]) -> int | None:
    """Which of the others has the same input."""
    for number, other in enumerate(others):
        if other.track_id == window.track_id and np.array_equal(other.keypoints, window.keypoints):
            return number
    return None
