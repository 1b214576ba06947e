"""Published checkpoints of the Strided Transformer, read, and imported as models with a card.

``models/exchange/official_layout.py`` says what the files hold. A network then runs as any other lifter
(``app.py run SOURCE --model NAME``; its card asks for normalisation by the image), a refine module with
``--focal-px F --refine NAME``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from models.exchange.cards import NewModel, new_model, published_lifter_card, published_refine_card, write_card
from models.exchange.export_onnx import Parity, export_checked, export_refine
from models.exchange.official_layout import network_from_official, official_kind, refine_from_official
from models.network.refine import Refine
from models.network.strided_transformer import StridedTransformer
from models.training.checkpoint import describe, load_safely
from pipeline.errors import ModelError
from pipeline.runtime.cards import WEIGHTS_DIR
from pipeline.skeletons import H36M_17


def read_published(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary: names to tensors on the CPU, without the ``module.`` of DataParallel.

    Raises:
        DataError: the file can't be read.
        ModelError: it holds something else.
    """
    state = load_safely(path)
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: expected a state dictionary (names to tensors), found {describe(state)}")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def load_official(path: Path) -> StridedTransformer:
    """The network of a ``no_refine_*.pth``.

    Raises:
        DataError, ModelError: the file can't be read, or is something else.
    """
    state = read_published(path)
    if official_kind(state) == "refine":
        raise ModelError(
            f"{path} holds the refine module (post_refine.*), which corrects the output of a network; "
            "give the no_refine_*.pth that was stored with it"
        )
    return network_from_official(state)


def load_official_refine(path: Path) -> Refine:
    """The refine module of a ``refine_*.pth``.

    Raises:
        DataError, ModelError: the file can't be read, or is something else.
    """
    state = read_published(path)
    if official_kind(state) != "refine":
        raise ModelError(f"{path} holds a network, not the refine module; give the refine_*.pth stored with it")
    return refine_from_official(state)


def import_published(
    checkpoint: Path, name: str, weights: Path = WEIGHTS_DIR, overwrite: bool = False
) -> tuple[NewModel, Parity]:
    """Export a published ``no_refine_*.pth`` or ``refine_*.pth`` to ``NAME.onnx`` with its card.

    Args:
        checkpoint: the file; its keys show which of the two it is.
        name: name of the model, as in 'official-351'.
        weights: folder to write to.
        overwrite: whether a model of this name is replaced.

    Raises:
        ConfigError: the name or the folder can't be used.
        DataError: the checkpoint can't be read.
        ModelError: the checkpoint is something else, or the export has no parity; files that were there before stay.
    """
    model = new_model(name, weights, overwrite)
    if official_kind(read_published(checkpoint)) == "refine":
        refine = load_official_refine(checkpoint)
        _check_joints(refine.joints, checkpoint)
        parity = export_refine(refine, model.path)
        write_card(model, published_refine_card(model, checkpoint, parity))
        return model, parity
    network = load_official(checkpoint)
    arch = network.arch
    _check_joints(arch.joints, checkpoint)
    example = np.random.default_rng(0).uniform(-1, 1, (32, arch.window, arch.joints, arch.channels))
    parity = export_checked(network, model.path, example.astype(np.float32))
    write_card(model, published_lifter_card(model, checkpoint, arch, parity))
    return model, parity


def _check_joints(joints: int, checkpoint: Path) -> None:
    if joints != len(H36M_17):
        raise ModelError(f"{checkpoint} is for {joints} joints; this program runs lifters of {len(H36M_17)}")
