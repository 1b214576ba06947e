"""The export of a trained lifter or refine module to ``NAME.onnx`` with its card.

The card's figures are those of the exported weights, measured on the held-out people of the motion capture; a refine
module's are those of its training.
"""

from __future__ import annotations

from pathlib import Path

from models.data.mocap import Mocap, load_mocap
from models.exchange.cards import NewModel, new_model, trained_lifter_card, trained_refine_card, write_card
from models.exchange.export_onnx import Parity, export_checked, export_refine, load_trained, round_matrices
from models.network.refine import Refine
from models.training.checkpoint import is_lifter, read_refine, read_state
from models.training.validation import validate, validation_windows
from pipeline.errors import DataError
from pipeline.runtime.cards import WEIGHTS_DIR
from pipeline.skeletons import H36M_17

_PARITY_WINDOWS = 32


def export_trained(
    checkpoint: Path, name: str, data: Path, weights: Path = WEIGHTS_DIR, overwrite: bool = False
) -> tuple[NewModel, Parity]:
    """Export the checkpoint of a lifter or of a refine module; its keys show which one it is.

    Args:
        checkpoint: ``RUN/checkpoint.pt`` or ``RUN/refine.pt``.
        name: name of the model, as in 'lift-27'.
        data: folder with train.npz and val.npz, which the card describes.
        weights: folder to write to.
        overwrite: whether a model of this name is replaced.

    Raises:
        ConfigError: the name or the folder can't be used.
        DataError: the data can't be read, or the file is not a checkpoint of ours.
        ModelError: the export has no parity; files that were there before stay.
    """
    model = new_model(name, weights, overwrite)
    state = read_state(checkpoint)
    train = load_mocap(data / "train.npz")
    if is_lifter(state):
        return model, _export_lifter(model, checkpoint, train, data)
    return model, _export_refine(model, checkpoint, train)


def _export_lifter(model: NewModel, checkpoint: Path, train: Mocap, data: Path) -> Parity:
    network, state = load_trained(checkpoint)
    round_matrices(network)
    target = state["recipe"]["target"]
    windows = validation_windows(load_mocap(data / "val.npz"), network.arch.window, target)
    parity = export_checked(network, model.path, windows.keypoints[:_PARITY_WINDOWS])
    errors = validate(network, windows, target)
    write_card(model, trained_lifter_card(model, state, train, errors, parity))
    return parity


def _export_refine(model: NewModel, checkpoint: Path, train: Mocap) -> Parity:
    state = read_refine(checkpoint)
    refine = Refine(len(H36M_17), state["recipe"]["hidden"])
    try:
        refine.load_state_dict(state["state"])
    except RuntimeError as error:
        raise DataError(f"{checkpoint} is not a refine module of 'app.py train': {error}") from error
    parity = export_refine(refine, model.path)
    write_card(model, trained_refine_card(model, state, train, parity))
    return parity
