"""Training data are the same whether NumPy or PyTorch makes them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.data.arrays import float32, like, namespace
from models.data.batches import make_batch
from models.data.keypoint_noise import CLEAN, TRAINING, NoiseRecipe
from models.data.mocap import WindowSampler, load_mocap
from models.data.torch_random import TorchRandom
from tests.helpers.mocap import write_mocap

CPU = torch.device("cpu")


class SameNumbers:
    """Numbers of NumPy's generator as tensors, float32 as those of ``TorchRandom``."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def __getattr__(self, name: str) -> Any:
        def draw(*arguments: Any, **options: Any) -> torch.Tensor:
            numbers = torch.from_numpy(getattr(self.generator, name)(*arguments, **options))
            return numbers.float() if numbers.is_floating_point() else numbers

        return draw


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    return write_mocap(tmp_path_factory.mktemp("mocap") / "train.npz", clips=6, frames=90)


@pytest.mark.parametrize("recipe", [TRAINING, CLEAN, replace(TRAINING, section=9, random_frames=0.2)])
def test_both_kinds_of_arrays_give_the_same_batch(file: Path, recipe: NoiseRecipe) -> None:
    mocap = load_mocap(file)
    numpy = make_batch(WindowSampler(mocap, 27, 13), np.random.default_rng(4), 96, recipe)
    tensors = make_batch(WindowSampler(mocap, 27, 13, device=CPU), SameNumbers(4), 96, recipe)
    for name in ("keypoints", "truth_m", "rotation"):
        tensor = getattr(tensors, name)
        assert isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float32
        np.testing.assert_allclose(tensor.numpy(), getattr(numpy, name), atol=2e-4, err_msg=name)


def test_random_numbers_of_both_kinds_are_alike() -> None:
    numpy, tensors = np.random.default_rng(1), TorchRandom((1,), CPU)
    for name, arguments in (
        ("random", ((20000,),)),
        ("uniform", (-2, 5, 20000)),
        ("normal", (3, 0.5, (200, 100))),
        ("integers", (-2, 4, 20000)),
    ):
        a, b = getattr(numpy, name)(*arguments), getattr(tensors, name)(*arguments)
        assert a.shape == tuple(b.shape) and a.dtype.kind == b.numpy().dtype.kind
        assert float(b.float().mean()) == pytest.approx(a.mean(), abs=0.05)
        assert float(b.float().std()) == pytest.approx(a.std(), rel=0.03)
    assert set(tensors.integers(1, 3, 100, endpoint=True).tolist()) == {1, 2, 3}


def test_a_seed_of_several_numbers_decides_the_sequence() -> None:
    first, again, other = (TorchRandom(seed, CPU).random(8) for seed in ((0, 7), (0, 7), (7, 0)))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_constants_follow_the_array() -> None:
    assert namespace(np.zeros(1)) is np and isinstance(like(np.zeros(1), (1, 2)), np.ndarray)
    tensor = like(torch.zeros(1), (1, 2), "float32")
    assert tensor.dtype == torch.float32 and float32(torch.zeros(1, dtype=torch.float64)).dtype == torch.float32
    assert float32(np.zeros(1)).dtype == np.float32
