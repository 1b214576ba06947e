"""Export a trained lifter to ONNX with its card, after numerical parity with PyTorch.

    python -m models.exchange.export_onnx RUN/checkpoint.pt NAME --data DIR [--weights weights]

The export counts only if ONNX Runtime gives the same poses as PyTorch on real windows at batch 1 and more: exporters
have produced silently wrong graphs.

Matrices are rounded to float16 first and stored so (not the embedding, which the exporter folds its batch norm into),
which halves the file; ONNX Runtime casts them to float32 once, when it loads the file. The card's figures are those of
the rounded network.
"""

from __future__ import annotations

import argparse
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from models.data.batches import Batch
from models.data.mocap import STATURE_M, Mocap, load_mocap
from models.network.strided_transformer import Architecture, StridedTransformer
from models.training.validation import validate, validation_windows
from models.training.warm_start import stage_of
from pipeline.errors import ConfigError, ModelError
from pipeline.runtime.cards import WEIGHTS_DIR, file_sha256, read_card
from pipeline.skeletons import H36M_17

OPSET = 18
PARITY_LIMIT_M = 1e-4
_HALF_FROM_VALUES = 1024  # what is smaller is not worth a node


def load_trained(checkpoint: Path) -> tuple[StridedTransformer, dict[str, Any]]:
    """The averaged network of a training checkpoint, in eval mode, and the checkpoint's own data.

    Raises:
        ConfigError: no checkpoint of ours.
    """
    try:
        state = torch.load(checkpoint, weights_only=True, map_location="cpu")
        network = StridedTransformer(Architecture.from_dict(state["architecture"]))
        network.load_state_dict(state["average"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{checkpoint} is not a checkpoint of models.training.train: {error}") from error
    return network.eval(), state


def export(network: StridedTransformer, path: Path) -> None:
    """Write the network as ONNX: input ``keypoints`` [B, T, J, C], outputs ``frame`` and ``sequence``."""
    arch = network.arch
    write_onnx(
        network, torch.zeros(2, arch.window, arch.joints, arch.channels), path, "keypoints", ["frame", "sequence"]
    )


def write_onnx(module: nn.Module, example: Tensor, path: Path, takes: str, gives: list[str]) -> None:
    """Write a module of one input whose first axis, of any length, is the batch.

    Args:
        module: in eval mode; its matrices rounded by ``round_matrices`` if they are to be stored in half the size.
        example: an input; its batch is longer than 1.
        path: the file.
        takes, gives: names of the input and the outputs.
    """
    program = torch.onnx.export(
        module,
        (example,),
        dynamo=True,
        input_names=[takes],
        output_names=gives,
        dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
        opset_version=OPSET,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    _store_halved(model)
    _strip_origin(model)
    onnx.save(model, str(path))


@torch.no_grad()
def round_matrices(network: nn.Module) -> None:
    """Round every weight with two axes or more to the nearest float16, in place."""
    for weight in network.parameters():
        if weight.ndim > 1:
            weight.copy_(weight.half().float())


def _store_halved(model: onnx.ModelProto) -> None:
    """Store as float16, with a cast, every large constant that loses nothing by it; its name stays the cast one's."""
    graph, casts = model.graph, []
    for index, entry in enumerate(graph.initializer):
        values = numpy_helper.to_array(entry)
        if values.dtype != np.float32 or values.size < _HALF_FROM_VALUES:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if np.array_equal(half.astype(np.float32), values):
            stored = f"{entry.name}.float16"
            casts.append(onnx.helper.make_node("Cast", [stored], [entry.name], to=onnx.TensorProto.FLOAT))
            graph.initializer[index].CopyFrom(numpy_helper.from_array(half, stored))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _strip_origin(model: onnx.ModelProto) -> None:
    """Take out what the exporter notes of the machine: for each node the stack of Python files that it came from."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")


def parity(network: StridedTransformer, path: Path, keypoints: NDArray[np.float32]) -> dict[str, float]:
    """Largest difference between ONNX Runtime and PyTorch in metres, at batch 1 and at the batch given.

    Raises:
        ModelError: it is larger than ``PARITY_LIMIT_M``.
    """
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result = {}
    for batch in (1, len(keypoints)):
        part = keypoints[:batch]
        with torch.no_grad():
            expected = network(torch.from_numpy(part))
        got = session.run(None, {"keypoints": part})
        result[f"max_abs_m_batch_{batch}"] = max(
            float(np.abs(a.numpy() - b).max()) for a, b in zip(expected, got, strict=True)
        )
    worst = max(result.values())
    if not worst <= PARITY_LIMIT_M:
        raise ModelError(f"the export of {path.name} differs from PyTorch by {worst:.2e} m; it was not kept")
    return result


def export_checked(network: StridedTransformer, path: Path, keypoints: NDArray[np.float32]) -> dict[str, float]:
    """Export to ``path`` and keep the file only if it has parity on these windows; returns what ``parity`` measured.

    Raises:
        ModelError: it has none; a file that was there before stays.
    """
    temporary = path.with_suffix(".part")
    try:
        export(network, temporary)
        measured = parity(network, temporary, keypoints)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return measured


def make_card(
    name: str,
    path: Path,
    network: StridedTransformer,
    state: dict[str, Any],
    train: Mocap,
    windows: Batch,
    measured: dict[str, float],
) -> dict[str, Any]:
    """The card of an exported lifter; its metrics are measured here, on the held-out people."""
    arch, target = network.arch, state["recipe"]["target"]
    metrics = validate(network, windows, target)
    return {
        "name": name,
        "kind": "lifter",
        "file": path.name,
        "sha256": file_sha256(path),
        "opset": OPSET,
        "description": f"Strided Transformer, {arch.window} frames, look-ahead {arch.window - 1 - target}",
        "licence": "Apache-2.0",
        "source": "trained by this project (python -m models.training.train)",
        "architecture": arch.to_dict(),
        "window": arch.window,
        "lookahead": arch.window - 1 - target,
        "joints_in": f"{H36M_17.name} from coco17 keypoints, (x, y, confidence)",
        "joints_out": f"{H36M_17.name}, metres, root-relative, view axes, body of {STATURE_M:.2f} m",
        "normalisation": "person-view",
        "input_rates_hz": [15, 60],
        "training": {**stage_of(state), "stages_before": state.get("stages_before", [])},
        "training_data": sources(train),
        "metrics": {"held-out people of the motion capture, detector-like 2D, random cameras": metrics},
        "parity": measured,
    }


def sources(mocap: Mocap) -> list[dict[str, Any]]:
    """What cards say of the motion capture that was trained on, by licence."""
    minutes = np.diff(mocap.starts) / mocap.fps / 60
    return [
        {
            "licence": str(licence),
            "clips": int((mocap.licence == licence).sum()),
            "minutes": round(float(minutes[mocap.licence == licence].sum()), 1),
            "people": len(np.unique(mocap.subjects[mocap.licence == licence])),
        }
        for licence in np.unique(mocap.licence)
    ]


def main(arguments: list[str] | None = None) -> None:
    """Entry of ``python -m models.exchange.export_onnx``."""
    parser = argparse.ArgumentParser(prog="export_onnx", description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("name", help="name of the model, as in lift-27")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.npz and val.npz")
    parser.add_argument("--weights", type=Path, default=WEIGHTS_DIR, help="folder to write to")
    options = parser.parse_args(arguments)
    network, state = load_trained(options.checkpoint)
    round_matrices(network)
    train, val = load_mocap(options.data / "train.npz"), load_mocap(options.data / "val.npz")
    windows = validation_windows(val, network.arch.window, state["recipe"]["target"])
    path = options.weights / f"{options.name}.onnx"
    measured = export_checked(network, path, windows.keypoints[:32])
    card = path.with_suffix(".json")
    card.write_text(
        json.dumps(make_card(options.name, path, network, state, train, windows, measured), indent=2) + "\n"
    )
    read_card(card)
    print(json.dumps({"card": str(card), "parity": measured}))


if __name__ == "__main__":
    main()
