"""Store the float32 weights of an ONNX model as float16, each followed by a Cast back to float32.

The file halves; the arithmetic stays float32. ONNX Runtime folds the Casts when it loads the model, so that
speed and results are those of the float32 file. A weight that float16 can't hold exactly stays float32: the
published weights of our detectors are float16 already, so nothing is lost at all.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Below this the Cast node costs about as many bytes as it saves.
_SMALLEST_VALUES = 64


def store_as_half(model: onnx.ModelProto) -> int:
    """Change the model in place.

    Returns:
        How many float32 weights of at least 64 values had to stay float32 because float16 would alter them.
    """
    graph = model.graph
    casts, inexact = [], 0
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        if values.size < _SMALLEST_VALUES:
            continue
        with np.errstate(over="ignore"):
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            inexact += 1
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}/half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}/cast", to=TensorProto.FLOAT))
    nodes = casts + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    return inexact
