"""The published layout of the Strided Transformer's state dictionaries, and the way of their numbers into our modules.

The published code (github.com/Vegetebird/StridedTransformer-Pose3D, MIT) stores two kinds of files, both plain state
dictionaries: ``no_refine_*.pth``, the network (keys ``encoder.*``, ``Transformer.*``, ``Transformer_reduce.*``,
``fcn.*``, ``fcn_1.*``), and ``refine_*.pth``, the refine module (``post_refine.*``). Everything keeps its shape but:

- query, key and value projections are joined into one;
- a strided layer's position embedding is cut to the positions that the layer has (the rest is never read);
- the last norm of either encoder is dropped (the published code never calls it).

Strides and the number of heads leave no trace in the shapes: the strides are the published ones of the window length,
the heads are 8 as in the published code.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.network.refine import Refine
from models.network.strided_transformer import STRIDES, Architecture, StridedTransformer
from models.training.checkpoint import describe
from pipeline.errors import ModelError

HEADS = 8
"""Attention heads of every published network."""

_VANILLA, _STRIDED = "Transformer.model.layers.", "Transformer_reduce.model.layers."
_POSITION = "Transformer.pos_embedding"
_STRIDED_POSITION = "Transformer_reduce.model.pos_embedding_"
_MOST_STRIDED_LAYERS = 3  # the published encoder has three position embeddings, used by its first three layers

# our name of a part of a layer <- the published name
_LAYER = {
    "attention_norm.weight": "sublayer.0.norm.a_2",
    "attention_norm.bias": "sublayer.0.norm.b_2",
    "attention.out.weight": "self_attn.linears.3.weight",
    "attention.out.bias": "self_attn.linears.3.bias",
    "forward_norm.weight": "sublayer.1.norm.a_2",
    "forward_norm.bias": "sublayer.1.norm.b_2",
    "expand.weight": "feed_forward.w_1.weight",
    "expand.bias": "feed_forward.w_1.bias",
    "reduce.weight": "feed_forward.w_2.weight",
    "reduce.bias": "feed_forward.w_2.bias",
}
_QKV = ("self_attn.linears.0", "self_attn.linears.1", "self_attn.linears.2")
_OUTER = {"encoder.": "embed.", "fcn.": "frame_head.", "fcn_1.": "sequence_head."}
_UNUSED = ("Transformer.model.norm.", "Transformer_reduce.model.norm.")


def official_kind(state: dict[str, Tensor]) -> str:
    """'network' (``no_refine_*``) or 'refine' (``refine_*``).

    Raises:
        ModelError: neither; the message names what was found.
    """
    if "encoder.0.weight" in state and _POSITION in state:
        return "network"
    if "post_refine.0.weight" in state:
        return "refine"
    raise ModelError(
        f"not a published Strided Transformer: expected the keys encoder.*, Transformer.*, Transformer_reduce.*, "
        f"fcn.*, fcn_1.* (no_refine_*.pth) or post_refine.* (refine_*.pth), found {describe(state)}"
    )


def official_architecture(state: dict[str, Tensor]) -> Architecture:
    """Read the options of the network from the shapes of its tensors.

    Raises:
        ModelError: a tensor is missing or has an impossible shape, or the window has no published strides.
    """
    d_model, inputs, _ = _shape(state, "encoder.0.weight", 3)
    outputs, _, _ = _shape(state, "fcn.1.weight", 3)
    _, window, _ = _shape(state, _POSITION, 3)
    d_hidden, _ = _shape(state, f"{_VANILLA}0.feed_forward.w_1.weight", 2)
    joints, channels = outputs // 3, 2
    if inputs != joints * channels:
        raise ModelError(
            f"the checkpoint's network has {inputs} inputs for {joints} joints; published ones have (x, y) per joint"
        )
    strides, layers = STRIDES.get(window), _count(state, _STRIDED)
    if strides is None or layers != len(strides) or layers > _MOST_STRIDED_LAYERS:
        known = ", ".join(f"{length} = {' * '.join(map(str, parts))}" for length, parts in STRIDES.items())
        raise ModelError(
            f"the checkpoint has a window of {window} frames and {layers} strided layers; strides are known for {known}"
        )
    return Architecture(
        window=window,
        joints=joints,
        channels=channels,
        d_model=d_model,
        d_hidden=d_hidden,
        heads=HEADS,
        vanilla_layers=_count(state, _VANILLA),
        strides=strides,
        official_layer_norm=True,
    )


def network_from_official(state: dict[str, Tensor]) -> StridedTransformer:
    """Our network with the published numbers, in eval mode.

    Raises:
        ModelError: a tensor is missing, has another shape than the rest implies, or is not known.
    """
    arch = official_architecture(state)
    ours: dict[str, Tensor] = {}
    rest = {name: value for name, value in state.items() if not name.startswith(_UNUSED)}

    def take(name: str) -> Tensor:
        if name not in rest:
            raise ModelError(f"the checkpoint lacks {name}; it has {describe(state)}")
        return rest.pop(name)

    ours["position"] = take(_POSITION)
    length = arch.window
    for number, stride in enumerate(arch.strides):
        ours[f"strided.{number}.position"] = take(f"{_STRIDED_POSITION}{number + 1}")[:, :length]
        length //= stride
    for number in range(len(arch.strides), _MOST_STRIDED_LAYERS):
        take(f"{_STRIDED_POSITION}{number + 1}")
    for mine, theirs, count in (
        ("vanilla", _VANILLA, arch.vanilla_layers),
        ("strided", _STRIDED, len(arch.strides)),
    ):
        for number in range(count):
            for name, published in _LAYER.items():
                ours[f"{mine}.{number}.{name}"] = take(f"{theirs}{number}.{published}")
            for end in ("weight", "bias"):
                parts = [take(f"{theirs}{number}.{part}.{end}") for part in _QKV]
                ours[f"{mine}.{number}.attention.qkv.{end}"] = torch.cat(parts)
    for theirs, mine in _OUTER.items():
        for name in [name for name in rest if name.startswith(theirs)]:
            ours[mine + name.removeprefix(theirs)] = rest.pop(name)
    if rest:
        raise ModelError(f"the checkpoint has tensors that no published network has: {describe(rest)}")
    network = StridedTransformer(arch)
    _load_strictly(network, ours)
    return network


def refine_from_official(state: dict[str, Tensor]) -> Refine:
    """Our refine module with the published numbers, in eval mode.

    Raises:
        ModelError: the tensors do not fit.
    """
    hidden, inputs = _shape(state, "post_refine.0.weight", 2)
    refine = Refine(joints=inputs // 6, hidden=hidden)
    _load_strictly(refine, {name.replace("post_refine.", "blend.", 1): value for name, value in state.items()})
    return refine


def _load_strictly(module: torch.nn.Module, tensors: dict[str, Tensor]) -> None:
    """Load all tensors, strictly, and switch to eval mode."""
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"the checkpoint's tensors do not fit together: {reason}") from error
    module.eval()


def _shape(state: dict[str, Tensor], name: str, dimensions: int) -> tuple[int, ...]:
    if name not in state or state[name].ndim != dimensions:
        found = f"shape {list(state[name].shape)}" if name in state else "nothing"
        raise ModelError(f"the checkpoint's {name} should have {dimensions} dimensions, found {found}")
    return tuple(state[name].shape)


def _count(state: dict[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})
