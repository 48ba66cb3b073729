"""Products and sums with one constant in finn's graph, which the steps move about: found, made, exchanged."""

from __future__ import annotations

import numpy as np
from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper


def scalar_node(model: ModelWrapper, tensor: str, *kinds: str) -> tuple[NodeProto, float] | None:
    """The node of one of `kinds` (`Mul`, `Add`) that gives this tensor with a scalar, for nobody else; the scalar."""
    node = model.find_producer(tensor)
    if node is None or node.op_type not in kinds or len(model.find_consumers(tensor)) != 1:
        return None
    value = model.get_initializer(node.input[1])
    return (node, value.item()) if value is not None and value.size == 1 else None


def constant(model: ModelWrapper, value: float) -> str:
    """A new float32 scalar of the graph."""
    name = model.make_new_valueinfo_name()
    model.set_initializer(name, np.array(value, dtype=np.float32))
    return name


def swap(model: ModelWrapper, before: NodeProto, node: NodeProto) -> None:
    """They change places: `node` takes what `before`, which changes no shape, took, and `before` what `node` gives."""
    source, middle, result = before.input[0], before.output[0], node.output[0]
    before_shape, changed = model.get_tensor_shape(source), model.get_tensor_shape(result)
    node.input[0], node.output[0] = source, middle
    before.input[0], before.output[0] = middle, result
    model.set_tensor_shape(source, before_shape)
    model.set_tensor_shape(middle, changed)
    model.set_tensor_datatype(middle, model.get_tensor_datatype(source))
    nodes = model.graph.node
    kept = before
    nodes.remove(before)
    nodes.insert(list(nodes).index(node) + 1, kept)
