"""Multi-head self-attention, full or strided.

Strided attention is the factorised sparse attention of Child et al., "Generating Long Sequences with Sparse
Transformers" (2019), section 4.3, without the causal mask, since a window is seen whole. With a block length l,
half of the heads attend inside blocks of the l nearest positions, the other half to every l-th position:

    T = 9, l = 3, what position 4 attends to (x):

    local heads      . . .|x x x|. . .      its block
    stride heads     . x . . x . . x .      same place in each block

Two layers reach every pair of positions. Each query meets l or T / l
keys instead of T. The sequence is reshaped to [T / l, l] and both patterns become small dense products over one of
the two axes; no T x T matrix is built. l is the divisor of T nearest to sqrt(T), so nothing is padded.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

KINDS = ("full", "strided")


def block_length(length: int) -> int:
    """The divisor of ``length`` nearest to its square root by ratio; the larger one of two equally near."""
    divisors = [n for n in range(1, length + 1) if length % n == 0]
    return min(divisors, key=lambda n: (round(abs(math.log(n / math.sqrt(length))), 9), -n))


class SelfAttention(nn.Module):
    """Multi-head self-attention over [B, T, D].

    Args:
        d_model: D.
        heads: number of heads; divides D, even for strided attention.
        length: T; strided attention takes its block length from it.
        kind: 'full' or 'strided'. A length without a useful divisor (1, 3, primes) is attended to in full.
        dropout: on the attention weights.
    """

    def __init__(self, d_model: int, heads: int, length: int, kind: str = "full", dropout: float = 0.1) -> None:
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"attention {kind!r} is not one of {', '.join(KINDS)}")
        if d_model % heads or (kind == "strided" and heads % 2):
            raise ValueError(f"{heads} heads do not divide {d_model} channels (strided: two equal groups)")
        self.heads = heads
        self.block = block_length(length) if kind == "strided" else length
        self.strided = kind == "strided" and 1 < self.block < length
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        # [3, B, heads, T, D / heads]
        qkv = self.qkv(x).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mixed = self._strided(qkv) if self.strided else self._attend(qkv)
        out: Tensor = self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return out

    def _strided(self, qkv: Tensor) -> Tensor:
        blocks = torch.unflatten(qkv, 3, (qkv.shape[3] // self.block, self.block))  # [3, B, heads, T / l, l, d]
        near, far = blocks.chunk(2, 2)
        local = self._attend(near)
        apart = self._attend(far.transpose(3, 4)).transpose(2, 3)
        return torch.cat([local, apart], 1).flatten(2, 3)

    def _attend(self, qkv: Tensor) -> Tensor:
        """Dense attention over the last but one axis of [3, ..., n, d]."""
        # Views by unbind and chunk, since the gradient of an index fills a whole tensor with zeros; and the query is
        # scaled, not the scores, which are more numbers.
        query, key, value = qkv.unbind(0)
        weights = torch.softmax(query / math.sqrt(query.shape[-1]) @ key.transpose(-2, -1), -1)
        mixed: Tensor = self.dropout(weights) @ value
        return mixed
