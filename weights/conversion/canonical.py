"""Order and name the parts of an ONNX graph by its shape alone.

tf2onnx numbers its nodes differently in every run. With names and order that follow from the graph, the same
network always gives the same bytes, so that anybody can rebuild a shipped file and compare its SHA-256.
"""

from __future__ import annotations

from typing import Any

import onnx


def make_canonical(model: onnx.ModelProto) -> None:
    """Change the model in place: nodes in depth-first order from the outputs, named by kind and number.

    Inputs and outputs keep their names. Nodes and weights that no output needs are dropped.

    Raises:
        ValueError: a node holds a subgraph (an If or a Loop).
    """
    graph = model.graph
    maker = {name: node for node in graph.node for name in node.output}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    fixed = {value.name for value in (*graph.input, *graph.output)}

    nodes, used = _in_order(graph, maker, weights)
    names = {name: name if name in fixed else f"weight_{number}" for number, name in enumerate(used)}
    for number, node in enumerate(nodes):
        node.name = f"{node.op_type}_{number}"
        for place, name in enumerate(node.output):
            names[name] = name if name in fixed or not name else f"{node.name}_{place}"
    for node in nodes:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    tensors = []
    for name in used:
        weights[name].name = names[name]
        tensors.append(weights[name])
    _replace(graph.initializer, tensors)
    _replace(graph.node, nodes)
    del graph.value_info[:]


def _in_order(
    graph: onnx.GraphProto, maker: dict[str, onnx.NodeProto], weights: dict[str, onnx.TensorProto]
) -> tuple[list[onnx.NodeProto], list[str]]:
    """Copies of the nodes, each after those that it needs, and the weights' names in order of first use."""
    done: set[str] = set()
    nodes: list[onnx.NodeProto] = []
    used: list[str] = []
    waiting = [output.name for output in reversed(graph.output)]
    while waiting:
        name = waiting[-1]
        node = maker.get(name)
        needed = [part for part in node.input if part and part not in done] if node and name not in done else []
        if needed:
            waiting.extend(reversed(needed))
            continue
        waiting.pop()
        if name in done:
            continue
        done.add(name)
        if name in weights:
            used.append(name)
        if node is not None:
            if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
                raise ValueError(f"node {node.name} holds a subgraph; it can't be put in order here")
            done.update(node.output)
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            nodes.append(copy)
    return nodes, used


def _replace(field: Any, content: list[Any]) -> None:
    """Put other messages into a repeated field; copies, since clearing the field frees its own."""
    copies = []
    for item in content:
        copy = type(item)()
        copy.CopyFrom(item)
        copies.append(copy)
    del field[:]
    field.extend(copies)
