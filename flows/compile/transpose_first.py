"""Step: thresholds on the pixels themselves come behind the change to NHWC, like every other layer of the circuit."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation
from qonnx.transformation.general import SortGraph
from qonnx.util.basic import get_by_name

TO_NHWC = [0, 2, 3, 1]


class TransposeFirst(Transformation):
    """Swaps a `MultiThreshold` at the graph's input and the `Transpose` to NHWC behind it.

    finn moves a transpose only past thresholds that come after it; what is left in front of it has no circuit.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type != "MultiThreshold" or model.find_producer(node.input[0]) is not None:
                continue
            followers = model.find_direct_successors(node) or []
            if len(followers) != 1 or followers[0].op_type != "Transpose":
                continue
            turn = followers[0]
            if list(get_by_name(turn.attribute, "perm").ints) != TO_NHWC:
                continue
            pixels, levels, turned = node.input[0], node.output[0], turn.output[0]
            shape = [model.get_tensor_shape(pixels)[axis] for axis in TO_NHWC]
            for follower in model.find_direct_successors(turn) or []:
                follower.input[:] = [levels if name == turned else name for name in follower.input]
            turn.input[0], turn.output[0], node.input[0] = pixels, turned, turned
            model.set_tensor_shape(levels, shape)
            model.set_tensor_datatype(turned, model.get_tensor_datatype(pixels))
            getCustomOp(node).set_nodeattr("data_layout", "NHWC")
            return model.transform(SortGraph()), False
        return model, False
