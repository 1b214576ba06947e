"""Lifting of whole sequences with a known camera, by an exported, trained or published lifter.

Every frame is the target of one window; windows that reach over an end repeat the edge frame, as published.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.data.videopose3d import CameraSequence
from models.exchange.checkpoints import load_official
from models.exchange.export_onnx import load_trained
from models.network.refine import Intrinsics, Refine, refined
from models.network.strided_transformer import StridedTransformer
from pipeline.errors import DataError, ModelError
from pipeline.lift.network import normalisation_of
from pipeline.runtime import Device, OnnxModel
from pipeline.runtime.cards import LifterCard, read_card
from pipeline.skeletons import Skeleton
from pipeline.types import Normalisation
from pipeline.window.image_plane import image_plane
from pipeline.window.person_view import assumed_focal_px, view_of_person

F32 = NDArray[np.float32]

BATCH = 128


@dataclass(frozen=True)
class Network:
    """A lifter's network and the layout of its input.

    Attributes:
        name: for tables.
        run: keypoints [B, T, J, C] to the target frame's pose [B, J, 3].
        window, lookahead, joints, channels: T, the number of its frames after the target, J, C.
        normalisation: how its keypoints are normalised.
    """

    name: str
    run: Callable[[F32], F32]
    window: int
    lookahead: int
    joints: int
    channels: int
    normalisation: Normalisation


def load_network(path: Path, device: Device, threads: int = 0) -> Network:
    """A lifter from ``NAME.onnx`` with its card, from a checkpoint of ours (.pt) or from a published one (.pth).

    Raises:
        DataError, ModelError, DeviceError: the file can't be used; the message says why.
    """
    if not path.is_file():
        raise DataError(f"model {path} does not exist; give an .onnx file with its card, a .pt or a .pth checkpoint")
    if path.suffix == ".onnx":
        card = read_card(path.with_suffix(".json"))
        if not isinstance(card, LifterCard):
            raise ModelError(f"{path} is no lifter (see its card {card.path})")
        model, normalisation = OnnxModel(card, device, threads), normalisation_of(card)
        shape = card.window, card.lookahead, card.joints, card.channels
        return Network(card.name, lambda x: model.run(x)[0], *shape, normalisation)
    if threads:
        torch.set_num_threads(threads)
    if path.suffix == ".pth":
        network = load_official(path)
        arch, lookahead = network.arch, (network.arch.window - 1) // 2
        normalisation = "image"
    else:
        network, state = load_trained(path)
        arch, normalisation = network.arch, "person-view"
        lookahead = arch.window - 1 - int(state["recipe"]["target"])
    return Network(path.stem, _in_torch(network), arch.window, lookahead, arch.joints, arch.channels, normalisation)


def _in_torch(network: StridedTransformer) -> Callable[[F32], F32]:
    def run(keypoints: F32) -> F32:
        with torch.no_grad():
            frame: F32 = network(torch.from_numpy(keypoints))[0].numpy()
        return frame

    return run


class WholeSequences:
    """Lifts sequences with a network.

    Args:
        network: the network.
        skeleton: its joints.
        flip: average with the mirrored window, as published tables do.
        refine: published refine module, applied with the camera's lens and the pelvis' true distance, as published.

    Raises:
        DataError: the network has other joints, or a refine module is given with a network of another normalisation.
    """

    def __init__(self, network: Network, skeleton: Skeleton, flip: bool = False, refine: Refine | None = None) -> None:
        if network.joints != len(skeleton):
            raise DataError(f"{network.name} lifts {network.joints} joints, the data set has {len(skeleton)}")
        if refine is not None and (network.normalisation != "image" or refine.joints != network.joints):
            raise DataError(f"the refine module does not belong to {network.name}; it needs a published network")
        self.network, self.skeleton, self.flip, self.refine = network, skeleton, flip, refine

    def __call__(self, sequence: CameraSequence) -> F32:
        """Poses [T, J, 3] of all frames, metres, relative to the pelvis, camera axes."""
        frames, window = len(sequence.xy_px), self.network.window
        offsets = np.arange(window) - (window - 1 - self.network.lookahead)
        poses = []
        for start in range(0, frames, BATCH):
            targets = np.arange(start, min(start + BATCH, frames))
            poses.append(self._lift(sequence, np.clip(targets[:, None] + offsets, 0, frames - 1)))
        lifted = np.concatenate(poses)
        return lifted if self.refine is None else self._refine(sequence, lifted)

    def _lift(self, sequence: CameraSequence, frames: NDArray[np.intp]) -> F32:
        """Windows of these frames [B, T] to poses [B, J, 3] in camera axes."""
        rotation: F32 | None = None
        if self.network.normalisation == "image":
            xy = image_plane(sequence.xy_px, sequence.camera.size_px)[frames]
        else:
            focal, centre = _pinhole(sequence)
            windows = sequence.xy_px[frames]
            seen = np.ones(windows.shape[:3], bool)
            count = len(windows)
            focals, centres = np.repeat(focal[:1], count), np.repeat(centre[None], count, 0)
            xy, rotation, _ = view_of_person(windows, seen, focals, centres)
        frame = self._run(xy)
        if self.flip:
            mirrored: F32 = xy[:, :, self.skeleton.mirror] * np.array([-1, 1], np.float32)
            back = self._run(mirrored)[:, self.skeleton.mirror] * np.array([-1, 1, 1], np.float32)
            frame = ((frame + back) / 2).astype(np.float32)
        return frame if rotation is None else frame @ rotation  # rows times R: view axes back to camera axes

    def _run(self, xy: F32) -> F32:
        if self.network.channels == 3:
            xy = np.concatenate([xy, np.ones_like(xy[..., :1])], -1)
        return self.network.run(np.ascontiguousarray(xy, np.float32))

    def _refine(self, sequence: CameraSequence, lifted: F32) -> F32:
        assert self.refine is not None
        count = len(lifted)
        focal, centre = _pinhole(sequence)
        camera = Intrinsics(
            torch.from_numpy(np.tile(2 * focal / sequence.camera.size_px[0], (count, 1))),
            torch.from_numpy(np.tile(image_plane(centre, sequence.camera.size_px), (count, 1))),
        )
        with torch.no_grad():
            result: F32 = refined(
                self.refine,
                torch.from_numpy(lifted),
                torch.from_numpy(image_plane(sequence.xy_px, sequence.camera.size_px)),
                torch.from_numpy(sequence.truth_m[:, 0, 2].copy()),
                camera,
            ).numpy()
        return result


def _pinhole(sequence: CameraSequence) -> tuple[F32, F32]:
    """Focal length and principal point in pixels, each (x, y); assumed where the lens is not published."""
    lens, (width, height) = sequence.camera.lens, sequence.camera.size_px
    if lens is None:
        return np.full(2, assumed_focal_px(width, height), np.float32), np.array([width / 2, height / 2], np.float32)
    return np.array(lens.focal_px, np.float32), np.array(lens.centre_px, np.float32)
