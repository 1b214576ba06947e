"""The feed of batches: made ahead of the training, by a worker process on the CPU or on the GPU itself."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from models.data.arrays import Random
from models.data.batches import KNOWN_FOCAL, Batch, make_batch
from models.data.keypoint_noise import TRAINING, NoiseRecipe
from models.data.mocap import WindowSampler, every_nth_frame, load_mocap
from models.data.torch_random import TorchRandom

Tensors = tuple[Tensor, ...]
"""A batch: keypoints, truth, and further tensors of a stage; the first axis is the batch."""

# Drop-outs are counted in frames: where frames are far apart, they would last for whole windows.
SPARSE_NOISE = replace(TRAINING, joint_dropout=0.15, frame_dropout=0.02, sparse=0.0)
# Whole frames without a person teach nothing where frames are lifted one by one.
_FRAME_NOISE = replace(TRAINING, frame_dropout=0.0, sparse=0.0)

_FRAMES_AT_ONCE = 131072  # on a GPU: thousands of small operations, which take as long for few frames as for many
_AHEAD = 8  # batches that wait for the training
_POLL_S = 0.2


class Batches(IterableDataset[Tensors]):
    """Endless training batches (keypoints [B, T, J, C], truth [B, T, J, 3] in metres).

    Each is made from its own number, so that resuming repeats nothing.

    Args:
        data: folder with train.npz.
        batch, window, target, every: windows per batch, frames per window, target frame, every n-th frame.
        seed: of all choices.
        first: number of the first batch.
        part: the part of every batch to yield; whole batches are made, so that the data do not depend on the parts.
        as_captured: share of windows whose motion is not changed.
        lower_body: share of windows without legs.
        known: share of the cameras whose focal length is known within a few percent.
        device: a GPU that makes several batches at once; None: NumPy. The two give different numbers.
    """

    def __init__(
        self,
        data: Path,
        batch: int,
        window: int,
        target: int,
        every: int = 1,
        seed: int = 0,
        first: int = 0,
        part: slice = slice(None),
        as_captured: float = 0.4,
        lower_body: float = TRAINING.lower_body,
        known: float = KNOWN_FOCAL,
        device: torch.device | None = None,
    ) -> None:
        self.data, self.batch, self.window, self.target, self.every = data, batch, window, target, every
        self.seed, self.first, self.part, self.device = seed, first, part, device
        self.as_captured, self.lower_body, self.known = as_captured, lower_body, known
        self.at_once = 1 if device is None else max(1, _FRAMES_AT_ONCE // (batch * window))

    def sampler(self) -> WindowSampler:
        """The sampler of the windows."""
        mocap = load_mocap(self.data / "train.npz")
        return every_nth_frame(mocap, self.window, self.target, self.every, self.device)

    @property
    def noise(self) -> NoiseRecipe:
        """The recipe of the keypoint noise."""
        return replace(TRAINING if self.every == 1 else SPARSE_NOISE, lower_body=self.lower_body)

    def tensors(self, batch: Batch) -> Tensors:
        """Input and output of the network."""
        return torch.as_tensor(batch.keypoints), torch.as_tensor(batch.truth_m)

    def __iter__(self) -> Iterator[Tensors]:
        sampler, noise = self.sampler(), self.noise
        group, skip = divmod(self.first, self.at_once)
        while True:
            windows = self.batch * self.at_once
            made = self.tensors(make_batch(sampler, self._random(group), windows, noise, self.as_captured, self.known))
            size = len(made[0]) // self.at_once
            for number in range(skip, self.at_once):
                own = slice(number * size, (number + 1) * size)
                yield tuple(tensor[own][self.part] for tensor in made)
            group, skip = group + 1, 0

    def _random(self, group: int) -> Random:
        seed = (self.seed, group)
        return np.random.default_rng(seed) if self.device is None else TorchRandom(seed, self.device)


class Frames(Batches):
    """Endless batches of single frames: keypoints [N, J, C] and truth [N, J, 3] in metres.

    They come in threes from 0.2 to 0.7 s of one motion, seen by one camera and normalised together.
    """

    TOGETHER = 3
    _RATES_HZ = (1.5, 5.0)

    def __init__(
        self,
        data: Path,
        frames: int,
        seed: int,
        first: int,
        as_captured: float,
        lower_body: float = TRAINING.lower_body,
        device: torch.device | None = None,
    ) -> None:
        size = self.TOGETHER
        super().__init__(
            data,
            frames // size,
            size,
            target=size // 2,
            seed=seed,
            first=first,
            as_captured=as_captured,
            lower_body=lower_body,
            device=device,
        )

    def sampler(self) -> WindowSampler:
        """The sampler of the frames."""
        mocap = load_mocap(self.data / "train.npz")
        return WindowSampler(mocap, self.window, self.target, self._RATES_HZ, self._RATES_HZ, self.device)

    @property
    def noise(self) -> NoiseRecipe:
        """The recipe of the keypoint noise."""
        return replace(_FRAME_NOISE, lower_body=self.lower_body)

    def tensors(self, batch: Batch) -> Tensors:
        """Keypoints and truth of single frames."""
        return tuple(tensor.flatten(0, 1) for tensor in super().tensors(batch))


class RefineBatches(Batches):
    """Endless batches whose third tensor [B] is each window's factor from keypoints to rays, see ``Batch.scale``."""

    def tensors(self, batch: Batch) -> Tensors:
        """Input and output of the network, and the factors to rays."""
        return *super().tensors(batch), torch.as_tensor(batch.scale)


def feed(batches: Batches) -> Iterator[Tensors]:
    """The batches, made while the training works on the ones before."""
    if batches.device is None:
        # A generator of its own: the training's random numbers do not depend on how often it was resumed.
        return iter(DataLoader(batches, batch_size=None, num_workers=1, generator=torch.Generator()))
    return _made_on_gpu(batches, batches.device) if batches.device.type == "cuda" else iter(batches)


def _made_on_gpu(batches: Batches, device: torch.device) -> Iterator[Tensors]:
    """Batches from a thread with a stream of its own, so that neither waits for the other's work."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]  # PyTorch does not annotate it
    ready: queue.Queue[tuple[Tensors, torch.cuda.Event] | BaseException] = queue.Queue(_AHEAD)
    ended = threading.Event()

    def put(item: tuple[Tensors, torch.cuda.Event] | BaseException) -> None:
        while not ended.is_set():
            try:
                return ready.put(item, timeout=_POLL_S)
            except queue.Full:
                continue

    def make() -> None:
        try:
            with torch.cuda.device(device), torch.cuda.stream(stream), torch.no_grad():
                for batch in batches:
                    if ended.is_set():
                        return
                    put((batch, stream.record_event()))
        except BaseException as error:  # raised again where the batches are used
            put(error)

    thread = threading.Thread(target=make, name="batches", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, BaseException):
                raise item
            batch, made = item
            current = torch.cuda.current_stream(device)
            current.wait_event(made)
            for tensor in batch:
                tensor.record_stream(current)  # keeps its memory until the training has used it
            yield batch
    finally:
        ended.set()
        thread.join()
