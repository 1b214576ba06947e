"""Import of the published checkpoints of the Strided Transformer, and their export to ONNX with a card.

    python -m models.exchange.checkpoints no_refine_4_4369.pth NAME [--weights weights] [--overwrite]

``models/exchange/official_layout.py`` says what the files hold. NAME then runs as any other model:
``python app.py run SOURCE --model NAME``; its card asks for normalisation by the image.
"""

from __future__ import annotations

import argparse
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.exchange.export_onnx import OPSET, export_checked
from models.exchange.official_layout import describe, network_from_official, official_kind, refine_from_official
from models.network.refine import Refine
from models.network.strided_transformer import StridedTransformer
from pipeline.errors import ConfigError, ModelError, PoseStrideError
from pipeline.runtime.cards import WEIGHTS_DIR, file_sha256, read_card
from pipeline.skeletons import H36M_17


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary: names to tensors on the CPU, without the ``module.`` of DataParallel.

    Only tensors are loaded (``weights_only``): a checkpoint can't run code.

    Raises:
        ConfigError: the file can't be read.
        ModelError: it holds something else.
    """
    try:
        state: Any = torch.load(path, weights_only=True, map_location="cpu")
    except OSError as error:
        raise ConfigError(f"checkpoint {path} can't be read: {error.strerror or error}") from error
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, AttributeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"{path} is no checkpoint of tensors that PyTorch can load safely: {reason}") from error
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise ModelError(f"{path}: expected a state dictionary (names to tensors), found {describe(state)}")
    return {str(name).removeprefix("module."): value for name, value in state.items()}


def load_official(path: Path) -> StridedTransformer:
    """The network of a ``no_refine_*.pth``.

    Raises:
        ConfigError, ModelError: it can't be read, or is something else.
    """
    state = read_state(path)
    if official_kind(state) == "refine":
        raise ModelError(
            f"{path} holds the refine module (post_refine.*), which corrects the output of a network; "
            "give the no_refine_*.pth that was stored with it (models.exchange.export_refine exports the module)"
        )
    return network_from_official(state)


def load_official_refine(path: Path) -> Refine:
    """The refine module of a ``refine_*.pth``.

    Raises:
        ConfigError, ModelError: it can't be read, or is something else.
    """
    state = read_state(path)
    if official_kind(state) != "refine":
        raise ModelError(f"{path} holds a network, not the refine module; give the refine_*.pth stored with it")
    return refine_from_official(state)


def export_official(checkpoint: Path, name: str, weights: Path = WEIGHTS_DIR, overwrite: bool = False) -> Path:
    """Export a ``no_refine_*.pth`` to ``weights/NAME.onnx`` with its card; returns the card's path.

    Raises:
        ConfigError: NAME is no file name or exists already, the folder does not, or the checkpoint can't be read.
        ModelError: the checkpoint is something else, or the export has no parity.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name):
        raise ConfigError(f"model name {name!r} is not valid; use letters, digits, dots and dashes, as in official-351")
    if not weights.is_dir():
        raise ConfigError(f"--weights {weights} is not a folder")
    present = [path for path in (weights / f"{name}.onnx", weights / f"{name}.json") if path.exists()]
    if present and not overwrite:
        raise ConfigError(f"{present[0]} exists already; choose another name, or replace it with --overwrite")
    network = load_official(checkpoint)
    arch = network.arch
    if arch.joints != len(H36M_17):
        raise ModelError(f"{checkpoint} lifts {arch.joints} joints; this program runs lifters of {len(H36M_17)}")
    path, card = weights / f"{name}.onnx", weights / f"{name}.json"
    example = np.random.default_rng(0).uniform(-1, 1, (32, arch.window, arch.joints, arch.channels))
    measured = export_checked(network, path, example.astype(np.float32))
    card.write_text(json.dumps(_card(name, path, checkpoint, network, measured), indent=2) + "\n", encoding="utf-8")
    read_card(card)
    return card


def _card(
    name: str, path: Path, checkpoint: Path, network: StridedTransformer, measured: dict[str, float]
) -> dict[str, Any]:
    arch = network.arch
    lookahead = (arch.window - 1) // 2
    return {
        "name": name,
        "kind": "lifter",
        "file": path.name,
        "sha256": file_sha256(path),
        "opset": OPSET,
        "description": f"Strided Transformer, {arch.window} frames, look-ahead {lookahead}, published checkpoint",
        "licence": "code MIT (W. Li et al.); the weights were trained on Human3.6M, whose licence is for research only",
        "source": f"github.com/Vegetebird/StridedTransformer-Pose3D, file {checkpoint.name}, "
        f"SHA-256 {file_sha256(checkpoint)}, converted by models.exchange.checkpoints",
        "architecture": arch.to_dict(),
        "window": arch.window,
        "lookahead": lookahead,
        "joints_in": f"{H36M_17.name} (x, y) from coco17 keypoints by the published demo's rules",
        "joints_out": f"{H36M_17.name}, metres, root-relative, camera axes, bodies of the size of Human3.6M's people",
        "normalisation": "image",
        "normalisation_detail": "x to [-1, 1] by the picture's width, y by the same factor, centred on the picture",
        "input_rates_hz": [50, 50],
        "training_data": [{"name": "Human3.6M", "licence": "research only; needs a registration"}],
        "metrics": {},
        "parity": measured,
    }


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.exchange.checkpoints``."""
    parser = argparse.ArgumentParser(prog="checkpoints", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="a published no_refine_*.pth")
    parser.add_argument("name", help="name of the model, as in official-351")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR, help="folder to write to")
    parser.add_argument("--overwrite", action="store_true", help="replace a model of this name")
    options = parser.parse_args(arguments)
    try:
        card = export_official(options.checkpoint, options.name, options.weights, options.overwrite)
    except PoseStrideError as error:
        parser.exit(1, f"error: {error}\n")
    measured = ", ".join(f"{name} {value:.1e}" for name, value in read_card(card).parity.items())
    print(f"wrote {card} ({measured}); run it with: python app.py run SOURCE --model {options.name}")


if __name__ == "__main__":
    main()
