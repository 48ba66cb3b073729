"""Two neighbours in a chain of finn's graph change places."""

from __future__ import annotations

from onnx.onnx_ml_pb2 import NodeProto
from qonnx.core.modelwrapper import ModelWrapper


def swap(model: ModelWrapper, before: NodeProto, node: NodeProto) -> None:
    """`node` takes what `before` took, and `before`, which changes no shape, what `node` gives."""
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
