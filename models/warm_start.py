"""Begin a training with what another network has learned.

Also across window lengths: everything but the position embeddings has the same shape there, and these are interpolated
over the window, as is usual for transformers at another resolution (Dosovitskiy et al., ICLR 2021, section 3.2).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from models.strided_transformer import Architecture, StridedTransformer
from pipeline.errors import ConfigError


def start_from(network: StridedTransformer, checkpoint: Path) -> list[str]:
    """Take over the averaged weights of a checkpoint of ``models.train`` or ``models.pretrain``.

    Args:
        network: gets the weights that it has at the same place in the same shape, position embeddings resampled.
        checkpoint: of the same widths; window, strides and attention may differ.

    Returns:
        Names of what the checkpoint does not have: it keeps its initial values.

    Raises:
        ConfigError: no checkpoint of ours, or of other widths.
    """
    try:
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        theirs, stored = Architecture.from_dict(state["architecture"]), state["average"]
    except (OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"--start-from {checkpoint} is not a checkpoint of models.train: {error}") from error
    ours = network.arch
    for name in ("joints", "channels", "d_model", "d_hidden", "heads"):
        if getattr(ours, name) != getattr(theirs, name):
            raise ConfigError(
                f"--start-from {checkpoint} has {name} {getattr(theirs, name)}, this network {getattr(ours, name)}; "
                "they must agree"
            )
    own = network.state_dict()
    taken = {name: _fitted(stored[name], value) for name, value in own.items() if name in stored}
    network.load_state_dict({**own, **taken})
    return sorted(own.keys() - taken.keys())


def _fitted(stored: Tensor, value: Tensor) -> Tensor:
    """A stored tensor in the shape of ours; only position embeddings [1, T, D] differ."""
    if stored.shape == value.shape:
        return stored
    resampled = nn.functional.interpolate(stored.transpose(1, 2), value.shape[1], mode="linear", align_corners=True)
    return resampled.transpose(1, 2)
