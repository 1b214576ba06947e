"""The network of an exported lifter, to go on training it: a shipped model also serves as a checkpoint.

The exporter keeps the names of most weights. Three things differ from the network: matrices of linear layers are
transposed and have made-up names, in the order of their use; the batch norm of the embedding is folded into its
convolution; dropout is gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from models.network.strided_transformer import Architecture, ArchitectureFields, StridedTransformer
from pipeline.errors import DataError
from pipeline.runtime.cards import LifterCard, read_card


def network_of(path: Path, keypoints: Tensor) -> StridedTransformer:
    """The network of ``NAME.onnx`` with its card beside it.

    Args:
        path: written by ``models.exchange.export_onnx``.
        keypoints: [B, T, J, C] windows of the data that it was trained on. The statistics of the folded batch norm are
            measured on them, so that the network gives the same poses in training mode as in use.

    Raises:
        DataError: the file is no export of ours.
        ModelError: it has no valid card.
    """
    card = read_card(path.with_suffix(".json"))
    if not isinstance(card, LifterCard):
        raise DataError(f"{path} is a {card.kind}; only a lifter can be trained on")
    network = StridedTransformer(Architecture.from_dict(cast(ArchitectureFields, card.architecture)))
    graph = onnx.load(str(path)).graph
    stored = {entry.name: torch.from_numpy(numpy_helper.to_array(entry).copy()) for entry in graph.initializer}
    casts = {node.output[0]: node.input[0] for node in graph.node if node.op_type == "Cast"}
    stored |= {name: stored[half].float() for name, half in casts.items() if half in stored}
    own = network.state_dict()
    found = {name: stored[name] for name in own if name in stored}
    used = [stored[node.input[1]] for node in graph.node if node.op_type == "MatMul" and node.input[1] in stored]
    matrices = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if len(used) != len(matrices):
        raise DataError(f"{path} has {len(used)} matrices, its card's architecture has {len(matrices)}")
    found |= {f"{name}.weight": matrix.T.contiguous() for name, matrix in zip(matrices, used, strict=True)}
    folded = ("embed.1.", "sequence_head.0.num_batches", "frame_head.0.num_batches")
    missing = [name for name in own if name not in found and not name.startswith(folded)]
    wrong = [name for name in found if found[name].shape != own[name].shape]
    if missing or wrong:
        raise DataError(f"{path} does not fit its card's architecture: {', '.join((missing + wrong)[:5])}")
    network.load_state_dict({**own, **found})
    _unfold(network, keypoints)
    return network


@torch.no_grad()
def _unfold(network: StridedTransformer, keypoints: Tensor) -> None:
    """Give the embedding a batch norm that changes nothing: it restores the mean and variance that it removes."""
    convolution, norm = network.embed[0], network.embed[1]
    assert isinstance(norm, nn.BatchNorm1d) and norm.running_mean is not None and norm.running_var is not None
    features = convolution(keypoints.flatten(2).transpose(1, 2))
    mean, variance = features.mean((0, 2)), features.var((0, 2))
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.bias.copy_(mean)
    norm.weight.copy_((variance + norm.eps).sqrt())
