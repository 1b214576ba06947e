"""The Strided Transformer: a window of 2D keypoints to the 3D pose of its target frame.

Li et al., "Exploiting Temporal Contexts with Strided Transformer for 3D Human Pose Estimation", IEEE
Transactions on Multimedia 25 (2022), figure 2, with strided attention as an option:

    keypoints [B, T, J, C] -> pose embedding -> N1 vanilla encoder layers --> full-sequence head  [B, T, J, 3]
                                                        |
                                                N2 strided encoder layers --> single-frame head   [B, 1, J, 3]

A strided layer's feed-forward part ends in a convolution of kernel 3 and stride s, its residual is subsampled
alike, so T shrinks by s per layer (27 = 3 * 3 * 3) until one token is left. That token descends from frame 0 and
meets all others by attention and convolution: the training decides which frame it describes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TypedDict, cast

import torch
from torch import Tensor, nn

from models.network.attention import SelfAttention

STRIDES: dict[int, tuple[int, ...]] = {27: (3, 3, 3), 81: (3, 3, 9), 243: (3, 9, 9), 351: (3, 9, 13)}
"""Published strides per window length."""


class ArchitectureFields(TypedDict, total=False):
    """``Architecture`` as it is stored in checkpoints and cards; the first ones had fewer fields."""

    window: int
    joints: int
    channels: int
    d_model: int
    d_hidden: int
    heads: int
    vanilla_layers: int
    strides: list[int]
    vanilla_attention: str
    strided_attention: str
    official_layer_norm: bool


@dataclass(frozen=True)
class Architecture:
    """Options of the network; stored in checkpoints and cards.

    Attributes:
        window: T.
        joints, channels: J, C; C = 2 (x, y) or 3 (x, y, confidence).
        d_model, d_hidden, heads: width, width of the feed-forward part, attention heads.
        vanilla_layers: N1; the strided encoder has one layer per stride.
        strides: their product is T.
        vanilla_attention, strided_attention: 'full' or 'strided', for the two encoders.
        official_layer_norm: as in the published code: unbiased standard deviation, eps added to it.
    """

    window: int = 27
    joints: int = 17
    channels: int = 3
    d_model: int = 256
    d_hidden: int = 512
    heads: int = 8
    vanilla_layers: int = 3
    strides: tuple[int, ...] = field(default=())
    vanilla_attention: str = "full"
    strided_attention: str = "full"
    official_layer_norm: bool = False

    def __post_init__(self) -> None:
        if not self.strides:
            if self.window not in STRIDES:
                raise ValueError(f"window {self.window}: give strides, or one of {', '.join(map(str, STRIDES))}")
            object.__setattr__(self, "strides", STRIDES[self.window])
        object.__setattr__(self, "strides", tuple(self.strides))
        product = 1
        for stride in self.strides:
            product *= stride
        if product != self.window:
            raise ValueError(f"strides {self.strides} multiply to {product}, not to the window {self.window}")
        halves = 2 if "strided" in (self.vanilla_attention, self.strided_attention) else 1
        if self.heads < 1 or self.d_model % self.heads or self.heads % halves:
            raise ValueError(f"{self.heads} heads do not divide {self.d_model} channels (strided: two equal groups)")

    def to_dict(self) -> ArchitectureFields:
        """The options as JSON values."""
        return cast(ArchitectureFields, {**asdict(self), "strides": list(self.strides)})

    @staticmethod
    def from_dict(fields: ArchitectureFields) -> Architecture:
        """The inverse of ``to_dict``; missing fields get their defaults.

        Raises:
            TypeError, ValueError: no network has these options.
        """
        return Architecture(**{**fields, "strides": tuple(fields.get("strides", ()))})  # type: ignore[arg-type]  # mypy joins the values


class OfficialLayerNorm(nn.Module):
    """Layer norm as the published code computes it: (x - mean) / (unbiased std + eps)."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        # std() spelt out: its ONNX form differs between exporter versions
        variance = (centred * centred).sum(-1, keepdim=True) / (x.shape[-1] - 1)
        return self.weight * centred / (variance.sqrt() + self.eps) + self.bias


class VanillaLayer(nn.Module):
    """Pre-norm encoder layer; [B, T, D] to [B, T, D]."""

    def __init__(self, arch: Architecture, dropout: float) -> None:
        super().__init__()
        self.attention_norm = _layer_norm(arch)
        self.attention = SelfAttention(arch.d_model, arch.heads, arch.window, arch.vanilla_attention, dropout)
        self.forward_norm = _layer_norm(arch)
        self.expand = nn.Linear(arch.d_model, arch.d_hidden)
        self.reduce = nn.Linear(arch.d_hidden, arch.d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.feed_forward(x + self.dropout(self.attention(self.attention_norm(x))))

    def feed_forward(self, x: Tensor) -> Tensor:
        """The second half of the layer, which works on each frame [..., D] alone."""
        hidden = torch.relu(self.expand(self.forward_norm(x)))
        out: Tensor = x + self.dropout(self.reduce(self.dropout(hidden)))
        return out


class StridedLayer(nn.Module):
    """Pre-norm encoder layer with a convolutional feed-forward part; [B, L, D] to [B, L / stride, D].

    Equations 5 and 6 of the paper: the residual is max-pooled with kernel 1 and the same stride, which takes
    every stride-th position.
    """

    def __init__(self, arch: Architecture, length: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.stride = stride
        # Learned for the whole window, used up to this layer's length: the published layout.
        self.position = nn.Parameter(torch.randn(1, length, arch.d_model) * 0.02)
        self.attention_norm = _layer_norm(arch)
        self.attention = SelfAttention(arch.d_model, arch.heads, length, arch.strided_attention, dropout)
        self.forward_norm = _layer_norm(arch)
        self.expand = nn.Conv1d(arch.d_model, arch.d_hidden, 1)
        self.reduce = nn.Conv1d(arch.d_hidden, arch.d_model, 3, stride=stride, padding=1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.position
        x = x + self.dropout(self.attention(self.attention_norm(x)))
        hidden = torch.relu(self.expand(self.forward_norm(x).transpose(1, 2)))
        out = self.reduce(self.dropout(hidden)).transpose(1, 2)
        reduced: Tensor = x[:, :: self.stride] + self.dropout(out)
        return reduced


class StridedTransformer(nn.Module):
    """The network.

    Args:
        arch: its options.
        dropout: in the encoders; the pose embedding uses ``embedding_dropout`` (0.25 in the published code).
    """

    def __init__(self, arch: Architecture, dropout: float = 0.1, embedding_dropout: float = 0.25) -> None:
        super().__init__()
        self.arch = arch
        self.embed = nn.Sequential(
            nn.Conv1d(arch.joints * arch.channels, arch.d_model, 1),
            nn.BatchNorm1d(arch.d_model),
            nn.ReLU(),
            nn.Dropout(embedding_dropout),
        )
        self.position = nn.Parameter(torch.randn(1, arch.window, arch.d_model) * 0.02)
        self.vanilla = nn.ModuleList(VanillaLayer(arch, dropout) for _ in range(arch.vanilla_layers))
        self.strided = nn.ModuleList()
        length = arch.window
        for stride in arch.strides:
            self.strided.append(StridedLayer(arch, length, stride, dropout))
            length //= stride
        self.sequence_head = _head(arch)
        self.frame_head = _head(arch)

    def forward(self, keypoints: Tensor) -> tuple[Tensor, Tensor]:
        """Lift.

        Args:
            keypoints: [B, T, J, C].

        Returns:
            frame [B, J, 3] of the target frame and sequence [B, T, J, 3], metres.
        """
        batch, length, joints, _ = keypoints.shape
        x = self.embed(keypoints.flatten(2).transpose(1, 2)).transpose(1, 2) + self.position
        for layer in self.vanilla:
            x = layer(x)
        sequence = self.sequence_head(x.transpose(1, 2)).transpose(1, 2).reshape(batch, length, joints, 3)
        for layer in self.strided:
            x = layer(x)
        frame = self.frame_head(x.transpose(1, 2)).reshape(batch, joints, 3)
        return frame, sequence


def _layer_norm(arch: Architecture) -> nn.Module:
    return OfficialLayerNorm(arch.d_model) if arch.official_layer_norm else nn.LayerNorm(arch.d_model, eps=1e-6)


def _head(arch: Architecture) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm1d(arch.d_model), nn.Conv1d(arch.d_model, arch.joints * 3, 1))
