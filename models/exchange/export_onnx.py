"""The export of networks and refine modules to ONNX files, kept only with numerical parity.

An export counts only if ONNX Runtime gives the same poses as PyTorch at batch 1 and more: exporters have produced
silently wrong graphs.

Matrices are rounded to float16 first and stored so (not the embedding, which the exporter folds its batch norm into),
which halves the file; ONNX Runtime casts them to float32 once, when it loads the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from models.network.refine import Refine
from models.network.strided_transformer import StridedTransformer
from models.training.checkpoint import LifterState, architecture_in, read_lifter
from pipeline.errors import DataError, ModelError

OPSET = 18
PARITY_LIMIT_M = 1e-4
_HALF_FROM_VALUES = 1024  # smaller constants are not worth a cast node

Parity = dict[str, float]
"""'max_abs_m_batch_N' -> largest difference between ONNX Runtime and PyTorch in metres."""


def load_trained(checkpoint: Path) -> tuple[StridedTransformer, LifterState]:
    """The averaged network of a training checkpoint, in eval mode, and the checkpoint.

    Raises:
        DataError: the file is not a checkpoint of ours.
    """
    state = read_lifter(checkpoint)
    network = StridedTransformer(architecture_in(state, checkpoint))
    try:
        network.load_state_dict(state["average"])
    except RuntimeError as error:
        raise DataError(f"{checkpoint} is not a checkpoint of 'app.py train': {error}") from error
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
    """Store every large constant that loses nothing by it as float16, with a cast, whose output keeps the name."""
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
    """Remove traces of the machine: for each node, the exporter stores the stack of Python files that it came from."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")


def parity(network: StridedTransformer, path: Path, keypoints: NDArray[np.float32]) -> Parity:
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
    return _accepted_parity(result, path)


def export_checked(network: StridedTransformer, path: Path, keypoints: NDArray[np.float32]) -> Parity:
    """Export to ``path`` and keep the file only if it has parity on these windows; returns what ``parity`` measured.

    Raises:
        ModelError: it has no parity; a file that was there before stays.
    """

    def write(temporary: Path) -> Parity:
        export(network, temporary)
        return parity(network, temporary, keypoints)

    return _keep_if_right(write, path)


class _Joined(nn.Module):
    """A refine module that takes both poses as one input [N, J, 6]."""

    def __init__(self, refine: Refine) -> None:
        super().__init__()
        self.refine = refine

    def forward(self, poses: Tensor) -> Tensor:
        refined: Tensor = self.refine(poses[..., :3], poses[..., 3:])
        return refined


def export_refine(refine: Refine, path: Path) -> Parity:
    """Write a refine module as ONNX (input ``poses`` [N, J, 6]: lifted, on rays; output ``refined`` [N, J, 3]).

    Its matrices are rounded to float16 first.

    Raises:
        ModelError: ONNX Runtime gives other poses; a file that was there before stays.
    """
    round_matrices(refine)
    joined = _Joined(refine).eval()
    poses = torch.from_numpy(np.random.default_rng(0).normal(0, 0.4, (32, refine.joints, 6)).astype(np.float32))

    def write(temporary: Path) -> Parity:
        write_onnx(joined, poses[:2], temporary, "poses", ["refined"])
        session = ort.InferenceSession(str(temporary), providers=["CPUExecutionProvider"])
        result = {}
        for part in (poses[:1], poses):
            with torch.no_grad():
                expected = joined(part).numpy()
            got = session.run(None, {"poses": part.numpy()})[0]
            result[f"max_abs_m_batch_{len(part)}"] = float(np.abs(got - expected).max())
        return _accepted_parity(result, temporary)

    return _keep_if_right(write, path)


def _keep_if_right(write: Callable[[Path], Parity], path: Path) -> Parity:
    """Let ``write`` make and compare a file; it takes the place of ``path`` only if that raises nothing."""
    temporary = path.with_suffix(".part")
    try:
        measured = write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return measured


def _accepted_parity(measured: Parity, path: Path) -> Parity:
    worst = max(measured.values())
    if not worst <= PARITY_LIMIT_M:
        raise ModelError(f"the export of {path.stem} differs from PyTorch by {worst:.2e} m; it was not kept")
    return measured
