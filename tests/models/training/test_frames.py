"""The stage of single frames: the network without its attention."""

from __future__ import annotations

import torch

from models.network.strided_transformer import Architecture
from models.training.frames import SingleFrames, lift_frames
from models.training.recipe import LifterRecipe

TINY = Architecture(window=9, strides=(3, 3), d_model=16, d_hidden=32, heads=2, vanilla_layers=2)


def test_without_attention_every_frame_is_lifted_alone() -> None:
    torch.manual_seed(0)
    network = SingleFrames(TINY, LifterRecipe(target=4)).lifter.eval()
    windows = torch.randn(5, 9, 17, 3)
    with torch.no_grad():
        network.position.zero_()
        _, sequence = network(windows)
        frames = lift_frames(network, windows.flatten(0, 1)).reshape(5, 9, 17, 3)
    assert torch.allclose(sequence, frames, atol=1e-6)


def test_what_frames_do_not_use_is_not_trained() -> None:
    torch.manual_seed(0)
    stage = SingleFrames(TINY, LifterRecipe(target=4))
    stage.loss(stage.lifter, (torch.randn(6, 17, 3), torch.randn(6, 17, 3))).backward()
    trained = {name.split(".")[0] for name, value in stage.lifter.named_parameters() if value.grad is not None}
    assert trained == {"embed", "vanilla", "sequence_head"}
    assert stage.lifter.get_parameter("vanilla.0.attention.qkv.weight").grad is None
