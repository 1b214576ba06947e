"""TF.js graph model (model.json and its .bin) -> a frozen TensorFlow GraphDef.

The JSON holds a GraphDef whose constants live in the .bin file, quantised to float16, and whose convolutions
were fused for the browser. Here the constants are put back as float32 and the fused nodes are taken apart into
the plain ones that tf2onnx knows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from numpy.typing import NDArray

# Fused node -> the plain node it starts with; the rest (bias, activation) is listed in its 'fused_ops'.
_FUSED = {"_FusedConv2D": "Conv2D", "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative"}
_CONVOLUTION_ATTRIBUTES = ("T", "strides", "padding", "data_format", "dilations", "explicit_paddings")
_ACTIVATIONS = ("Relu", "Relu6", "Elu", "Sigmoid", "Tanh")


@dataclass(frozen=True)
class FrozenGraph:
    """A GraphDef with the names of its input and output tensors, and the input's shape."""

    graph_def: Any
    input_name: str
    output_name: str
    input_shape: tuple[int, ...]


def read_graph_model(path: Path, input_size: int | None = None) -> FrozenGraph:
    """Read ``model.json`` and the weight files beside it.

    Args:
        path: the JSON file.
        input_size: side of the square input in pixels, where it differs from the one in the file.

    Raises:
        ValueError: the model has other than one input and one output, or a fused part that is not known here.
    """
    model = json.loads(path.read_text(encoding="utf-8"))
    signature = model["signature"]
    if len(signature["inputs"]) != 1 or len(signature["outputs"]) != 1:
        raise ValueError(f"{path}: expected one input and one output")
    (input_spec,), (output_spec,) = signature["inputs"].values(), signature["outputs"].values()
    shape = [int(dim["size"]) for dim in input_spec["tensorShape"]["dim"]]
    if input_size is not None:
        shape[1:3] = [input_size, input_size]

    topology = model["modelTopology"]
    fused = tf.compat.v1.GraphDef()
    plain_json = json.dumps({key: topology[key] for key in ("node", "library", "versions") if key in topology})
    json_format.Parse(plain_json, fused, ignore_unknown_fields=True)
    constants = _read_constants(path.parent, model["weightsManifest"])
    graph_def = _take_apart(fused, constants)
    for node in graph_def.node:
        if node.op == "Placeholder":
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(shape).as_proto())
    return FrozenGraph(graph_def, input_spec["name"], output_spec["name"], tuple(shape))


def _read_constants(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """All constants by node name; float16-quantised ones as float32."""
    constants: dict[str, NDArray[Any]] = {}
    for group in manifest:
        content = b"".join((folder / name).read_bytes() for name in group["paths"])
        offset = 0
        for spec in group["weights"]:
            quantised = spec.get("quantization")
            if quantised and quantised["dtype"] != "float16":
                raise ValueError(f"{spec['name']}: quantisation to {quantised['dtype']} is not known here")
            stored = np.dtype("float16" if quantised else spec["dtype"])
            count = int(np.prod(spec["shape"], dtype=np.int64))
            values = np.frombuffer(content, stored, count, offset)
            offset += values.nbytes
            constants[spec["name"]] = values.reshape(spec["shape"]).astype(spec["dtype"])
        if offset != len(content):
            raise ValueError(f"{folder}: {len(content) - offset} bytes of weights are left over")
    return constants


def _take_apart(fused: Any, constants: dict[str, NDArray[Any]]) -> Any:
    plain = tf.compat.v1.GraphDef()
    plain.versions.CopyFrom(fused.versions)
    # TF.js leaves the producer version out; TensorFlow would then apply rules for graphs of 2015.
    plain.versions.producer = tf.version.GRAPH_DEF_VERSION
    for node in fused.node:
        if node.op == "Const":
            values = constants[node.name]
            copy = plain.node.add()
            copy.CopyFrom(node)
            copy.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
            copy.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
        elif node.op in _FUSED:
            _take_node_apart(plain, node)
        else:
            plain.node.add().CopyFrom(node)
    return plain


def _take_node_apart(plain: Any, node: Any) -> None:
    """Add convolution, bias and activation in place of one fused node; the last one keeps its name."""
    parts = [part.decode() for part in node.attr["fused_ops"].list.s]
    convolution = plain.node.add(op=_FUSED[node.op], name=f"{node.name}/plain", input=node.input[:2])
    for key in _CONVOLUTION_ATTRIBUTES:
        if key in node.attr:
            convolution.attr[key].CopyFrom(node.attr[key])
    biases = list(node.input[2:])
    previous = convolution.name
    for number, part in enumerate(parts):
        name = node.name if number == len(parts) - 1 else f"{node.name}/{number}"
        if part == "BiasAdd":
            added = plain.node.add(op=part, name=name, input=[previous, biases.pop(0)])
        elif part in _ACTIVATIONS:
            added = plain.node.add(op=part, name=name, input=[previous])
        else:
            raise ValueError(f"{node.name}: fused part {part} is not known here")
        added.attr["T"].type = tf.float32.as_datatype_enum
        previous = name
    if biases or not parts:
        raise ValueError(f"{node.name}: its fused parts {parts} do not use all of its inputs")
