"""Export a refine module to ONNX with its card, after numerical parity with PyTorch.

    python -m models.exchange.export_refine RUN/refine.pt refine-27 --data DIR         # of models.training.train_refine
    python -m models.exchange.export_refine refine_4_4369.pth official-351-refine      # published

``python app.py run SOURCE --focal-px F --refine NAME`` then uses it.
"""

from __future__ import annotations

import argparse
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from torch import Tensor, nn

from models.data.mocap import load_mocap
from models.exchange.checkpoints import load_official_refine
from models.exchange.export_onnx import OPSET, PARITY_LIMIT_M, round_matrices, sources, write_onnx
from models.network.refine import Refine
from pipeline.errors import ConfigError, ModelError, PoseStrideError
from pipeline.lift.refine import KIND
from pipeline.runtime.cards import WEIGHTS_DIR, file_sha256, read_card
from pipeline.skeletons import H36M_17


class _Joined(nn.Module):
    """The module with both poses in one input [N, J, 6]."""

    def __init__(self, refine: Refine) -> None:
        super().__init__()
        self.refine = refine

    def forward(self, poses: Tensor) -> Tensor:
        return self.refine(poses[..., :3], poses[..., 3:])


def export_refine(refine: Refine, path: Path) -> dict[str, float]:
    """Write the module as ONNX (input ``poses`` [N, J, 6]: lifted, on rays; output ``refined`` [N, J, 3]).

    Its matrices are rounded to float16 first and stored so, as in ``models.exchange.export_onnx``.

    Returns:
        The largest difference between ONNX Runtime and PyTorch in metres.

    Raises:
        ModelError: it is too large; a file that was there before stays.
    """
    round_matrices(refine)
    joined = _Joined(refine.eval())
    poses = torch.from_numpy(np.random.default_rng(0).normal(0, 0.4, (32, refine.joints, 6)).astype(np.float32))
    temporary = path.with_suffix(".part")
    try:
        write_onnx(joined, poses[:2], temporary, "poses", ["refined"])
        session = ort.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        with torch.no_grad():
            expected = joined(poses).numpy()
        worst = float(np.abs(session.run(None, {"poses": poses.numpy()})[0] - expected).max())
        if not worst <= PARITY_LIMIT_M:
            raise ModelError(f"the export of {path.name} differs from PyTorch by {worst:.2e} m; it was not kept")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return {"max_abs_m_batch_32": worst}


def load_refine(checkpoint: Path, data: Path | None) -> tuple[Refine, dict[str, Any]]:
    """A refine module and what its card says of it.

    Args:
        checkpoint: ``refine.pt`` of ``models.training.train_refine``, or a published ``refine_*.pth``.
        data: folder with train.npz, for the former: the card names what it was trained on.

    Raises:
        ConfigError, ModelError: it can't be read, or is something else; or ``data`` is missing.
    """
    if checkpoint.suffix == ".pth":
        return load_official_refine(checkpoint), {
            "licence": "code MIT (W. Li et al.); the weights were trained on Human3.6M, whose licence is for research "
            "only",
            "source": f"github.com/Vegetebird/StridedTransformer-Pose3D, file {checkpoint.name}, "
            f"SHA-256 {file_sha256(checkpoint)}, converted by models.exchange.export_refine",
            "training_data": [{"name": "Human3.6M", "licence": "research only; needs a registration"}],
            "metrics": {},
        }
    if data is None:
        raise ConfigError("--data is needed: the card names the motion capture that the module was trained on")
    try:
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        refine = Refine(len(H36M_17), state["recipe"]["hidden"])
        refine.load_state_dict(state["state"])
    except (OSError, RuntimeError, KeyError, TypeError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{checkpoint} is not a refine module of models.training.train_refine: {error}") from error
    return refine, {
        "licence": "Apache-2.0",
        "source": "trained by this project (python -m models.training.train_refine)",
        "training": state["recipe"],
        "trained_with": state["lifter"],
        "training_data": sources(load_mocap(data / "train.npz")),
        "metrics": {"held-out people of the motion capture, random cameras of known focal length": state["metrics"]},
    }


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.exchange.export_refine``."""
    parser = argparse.ArgumentParser(prog="export_refine", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("checkpoint", type=Path, help="RUN/refine.pt, or a published refine_*.pth")
    parser.add_argument("name", help="name of the module, as in refine-27")
    parser.add_argument("--data", type=Path, help="folder with train.npz, for a module of ours")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR, help="folder to write to")
    options = parser.parse_args(arguments)
    try:
        refine, about = load_refine(options.checkpoint, options.data)
        if refine.joints != len(H36M_17):
            raise ModelError(f"{options.checkpoint} refines {refine.joints} joints; lifters here have {len(H36M_17)}")
        path, card = options.weights / f"{options.name}.onnx", options.weights / f"{options.name}.json"
        measured = export_refine(refine, path)
    except PoseStrideError as error:
        parser.exit(1, f"error: {error}\n")
    data = {
        "name": options.name,
        "kind": KIND,
        "file": path.name,
        "sha256": file_sha256(path),
        "opset": OPSET,
        "description": "refine module for cameras of known focal length",
        "joints": H36M_17.name,
        **about,
        "parity": measured,
    }
    card.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    read_card(card)
    print(json.dumps({"card": str(card), "parity": measured}))


if __name__ == "__main__":
    main()
