from __future__ import annotations

import pytest
import torch

from models.network.attention import SelfAttention, block_length


@pytest.mark.parametrize(
    ("length", "block"), [(27, 9), (81, 9), (243, 27), (351, 27), (9, 3), (39, 13), (1, 1), (3, 3), (13, 13)]
)
def test_block_lengths(length: int, block: int) -> None:
    assert length % block_length(length) == 0
    assert block_length(length) == block


def masked_reference(layer: SelfAttention, x: torch.Tensor, block: int) -> torch.Tensor:
    """The same attention with a T x T mask, the way the pattern is defined."""
    batch, length, width = x.shape
    query, key, value = layer.qkv(x).reshape(batch, length, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
    position = torch.arange(length)
    local = position[:, None] // block == position[None] // block
    apart = position[:, None] % block == position[None] % block
    half = layer.heads // 2
    mask = torch.stack([local] * half + [apart] * half)
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5
    mixed = torch.softmax(scores.masked_fill(~mask, float("-inf")), -1) @ value
    return layer.out(mixed.transpose(1, 2).reshape(batch, length, width))


@pytest.mark.parametrize("length", [9, 27, 81, 39])
def test_strided_attention_equals_its_mask(length: int) -> None:
    torch.manual_seed(0)
    layer = SelfAttention(32, 4, length, "strided", dropout=0).eval()
    x = torch.randn(3, length, 32)
    expected = masked_reference(layer, x, block_length(length))
    if layer.strided:
        assert torch.allclose(layer(x), expected, atol=1e-6)
    else:
        assert length in (3, 13)


def test_full_attention_equals_the_one_of_torch() -> None:
    torch.manual_seed(0)
    layer = SelfAttention(32, 4, 27, "full", dropout=0).eval()
    x = torch.randn(3, 27, 32)
    query, key, value = layer.qkv(x).unflatten(-1, (3, 4, 8)).permute(2, 0, 3, 1, 4)
    mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value)
    assert torch.allclose(layer(x), layer.out(mixed.transpose(1, 2).flatten(2)), atol=1e-6)


def test_two_strided_layers_reach_every_pair() -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(*(SelfAttention(16, 4, 27, "strided", dropout=0) for _ in range(2))).eval()
    x = torch.randn(1, 27, 16, requires_grad=True)
    for target in (0, 13, 26):
        gradient = torch.autograd.grad(layers(x)[0, target].sum(), x)[0]
        assert (gradient[0].abs().sum(-1) > 0).all()


def test_wrong_options() -> None:
    with pytest.raises(ValueError, match="attention 'sparse'"):
        SelfAttention(32, 4, 27, "sparse")
    with pytest.raises(ValueError, match="3 heads"):
        SelfAttention(33, 3, 27, "strided")
