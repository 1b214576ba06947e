"""The start of a training from the weights of another network.

Across window lengths everything but the position embeddings has the same shape, and these are interpolated over the
window, as is usual for transformers at another resolution (Dosovitskiy et al., ICLR 2021, section 3.2). A wider hidden
layer keeps the function: its new units do not contribute yet (Chen et al., "Net2Net", ICLR 2016).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from models.exchange.from_onnx import network_of
from models.network.strided_transformer import Architecture, ArchitectureFields, StridedTransformer
from models.training.checkpoint import StageRecord, architecture_in, read_lifter, record_of
from pipeline.errors import ConfigError, DataError
from pipeline.runtime.cards import LifterCard, read_card


def start_from(network: StridedTransformer, checkpoint: Path, windows: Callable[[], Tensor]) -> list[str]:
    """Take over the averaged weights of a checkpoint of training (windows or frames), or of an export.

    Args:
        network: gets the weights of the same names; position embeddings are resampled.
        checkpoint: has the same widths, except that its hidden layers may be narrower; window, strides and attention
            may differ. Or an exported lifter (.onnx).
        windows: makes keypoints [B, T, J, C] of the training data, for exported lifters, see ``exchange.from_onnx``.

    Returns:
        Names of the weights that the checkpoint lacks; they keep their initial values.

    Raises:
        ConfigError: the widths differ.
        DataError: the file is not a checkpoint of ours.
    """
    theirs, stored = _weights(checkpoint, windows)
    ours = network.arch
    for name in ("joints", "channels", "d_model", "d_hidden", "heads"):
        wider = name == "d_hidden" and ours.d_hidden > theirs.d_hidden
        if getattr(ours, name) != getattr(theirs, name) and not wider:
            raise ConfigError(
                "--start-from",
                checkpoint,
                f"has {name} {getattr(theirs, name)}, this network {getattr(ours, name)}; they must agree",
            )
    own = network.state_dict()
    taken = {name: _fitted(name, stored[name], value) for name, value in own.items() if name in stored}
    network.load_state_dict({**own, **taken})
    return sorted(own.keys() - taken.keys())


def _weights(checkpoint: Path, windows: Callable[[], Tensor]) -> tuple[Architecture, dict[str, Tensor]]:
    if checkpoint.suffix == ".onnx":
        exported = network_of(checkpoint, windows())
        return exported.arch, exported.state_dict()
    state = read_lifter(checkpoint)
    return architecture_in(state, checkpoint), state["average"]


def read_architecture(checkpoint: Path) -> tuple[Architecture, int]:
    """The network of a checkpoint or export that ``start_from`` can read, and its target frame.

    Raises:
        DataError: the file is not a checkpoint of ours.
        ModelError: an export has no valid card.
    """
    if checkpoint.suffix == ".onnx":
        card = _lifter_card(checkpoint)
        return Architecture.from_dict(cast(ArchitectureFields, card.architecture)), card.window - 1 - card.lookahead
    state = read_lifter(checkpoint)
    return architecture_in(state, checkpoint), state["recipe"]["target"]


def stages_of(checkpoint: Path) -> list[StageRecord]:
    """The stages, in order, that made the weights of a checkpoint that ``start_from`` can read.

    Raises:
        DataError: the file is not a checkpoint of ours.
    """
    if checkpoint.suffix == ".onnx":
        card = _lifter_card(checkpoint)
        training = dict(card.training)
        return [*training.pop("stages_before", []), {"window": card.window, **training}]
    state = read_lifter(checkpoint)
    return [*state.get("stages_before", []), record_of(state)]


def _lifter_card(export: Path) -> LifterCard:
    card = read_card(export.with_suffix(".json"))
    if not isinstance(card, LifterCard):
        raise DataError(f"{export} is a {card.kind}; only a lifter can be trained on")
    return card


def _fitted(name: str, stored: Tensor, value: Tensor) -> Tensor:
    """A stored tensor, fitted to the shape of ours."""
    if stored.shape == value.shape:
        return stored
    if name.endswith("position"):  # [1, T, D]
        moved = nn.functional.interpolate(stored.transpose(1, 2), value.shape[1], mode="linear", align_corners=True)
        return moved.transpose(1, 2)
    wide = value.clone()
    if ".expand." in name:  # [hidden, D(, 1)] or [hidden]: new units as they were initialised
        wide[: len(stored)] = stored
    else:  # reduce.weight [D, hidden(, 3)]: new units contribute nothing yet
        wide.zero_()
        wide[:, : stored.shape[1]] = stored
    return wide
