"""Multiply-adds of the network for one window, layer by layer, by formula.

Counted are the products of matrices and convolutions; a multiply-add is two of the FLOPs that
``torch.utils.flop_counter`` counts (its total is exactly twice ours). Left out, there as here: softmax, norms, ReLU,
biases, residual sums, copies. These grow like T D (softmax like the attention's scores) and cost time, not many FLOPs.
"""

from __future__ import annotations

from models.network.attention import block_length
from models.network.strided_transformer import Architecture


def attention_products(length: int, width: int, kind: str) -> int:
    """Multiply-adds of query . key and weights . value for T = ``length`` positions of D = ``width`` channels.

    Full: each of T queries meets T keys in D channels, twice. Strided, block length l: in half of the channels l keys,
    in the other half T / l.
    """
    block = block_length(length) if kind == "strided" else length
    if not 1 < block < length:  # no useful divisor: attended to in full
        return 2 * length * length * width
    return length * (block + length // block) * width


def multiply_adds(arch: Architecture) -> dict[str, int]:
    """Multiply-adds per window of every part, in the order of the forward pass; their sum is the network's.

    Names: ``embed``, ``sequence_head``, ``frame_head``, and per layer n of an encoder ``vanilla.n.projections``
    (query, key, value, output), ``vanilla.n.attention`` (see ``attention_products``), ``vanilla.n.feed_forward``; the
    same with ``strided``.
    """
    length, width, hidden = arch.window, arch.d_model, arch.d_hidden
    out = arch.joints * 3
    parts = {"embed": length * arch.joints * arch.channels * width}
    for n in range(arch.vanilla_layers):
        parts[f"vanilla.{n}.projections"] = 4 * length * width * width
        parts[f"vanilla.{n}.attention"] = attention_products(length, width, arch.vanilla_attention)
        parts[f"vanilla.{n}.feed_forward"] = 2 * length * width * hidden
    parts["sequence_head"] = length * width * out
    for n, stride in enumerate(arch.strides):
        parts[f"strided.{n}.projections"] = 4 * length * width * width
        parts[f"strided.{n}.attention"] = attention_products(length, width, arch.strided_attention)
        # a 1x1 convolution at every position, a kernel of 3 at every stride-th
        parts[f"strided.{n}.feed_forward"] = length * width * hidden + length // stride * 3 * hidden * width
        length //= stride
    parts["frame_head"] = width * out
    return parts
