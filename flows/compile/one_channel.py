"""Step: a convolution from one channel to one channel is an ordinary one, not a depthwise one as qonnx takes it."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name


class ForgetDepthwise(Transformation):
    """Removes the depthwise marks, for which finn would build a vector unit instead of a matrix unit."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type != "MatMul" or model.get_tensor_sparsity(node.input[1]) is None:
                continue
            if model.get_tensor_shape(node.input[1])[1] > 1:
                continue
            model.set_tensor_sparsity(node.input[1], None)
            window = model.find_producer(node.input[0])
            mark = get_by_name(window.attribute, "depthwise") if window and window.op_type == "Im2Col" else None
            if mark is not None:
                mark.i = 0
        return model, False
