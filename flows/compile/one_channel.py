"""Step: a convolution from one channel to one channel is an ordinary one, not a depthwise one as qonnx takes it."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name


class ForgetDepthwise(Transformation):
    """Removes the depthwise marks, behind which finn builds no matrix unit.

    The reader has refused grouped convolutions: only 1 x 1 channels carry marks, where both readings are the same sum.
    """

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type == "MatMul" and model.get_tensor_sparsity(node.input[1]) is not None:
                model.set_tensor_sparsity(node.input[1], None)
            mark = get_by_name(node.attribute, "depthwise") if node.op_type == "Im2Col" else None
            if mark is not None:
                mark.i = 0
        return model, False
