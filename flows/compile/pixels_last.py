"""Step: thresholds on the pixels themselves count them in the order of the stream, channels last."""

from __future__ import annotations

from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation


class ThresholdPixelsChannelsLast(Transformation):
    """`MultiThreshold` of an NCHW input: `Transpose`, the same in NHWC, `Transpose`. Finn builds only the second."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for place, node in enumerate(model.graph.node):
            shape = model.get_tensor_shape(node.input[0])
            if node.op_type != "MultiThreshold" or node.input[0] != model.graph.input[0].name or len(shape) != 4:
                continue
            threshold = getCustomOp(node)
            if threshold.get_nodeattr("data_layout") == "NHWC":
                continue
            source, result = node.input[0], node.output[0]
            pixels, codes = model.make_new_valueinfo_name(), model.make_new_valueinfo_name()
            last = [shape[0], *shape[2:], shape[1]]
            for tensor, like in ((pixels, source), (codes, result)):
                model.set_tensor_shape(tensor, last)
                model.set_tensor_datatype(tensor, model.get_tensor_datatype(like))
            node.input[0], node.output[0] = pixels, codes
            threshold.set_nodeattr("data_layout", "NHWC")
            before = helper.make_node("Transpose", [source], [pixels], perm=[0, 2, 3, 1])
            behind = helper.make_node("Transpose", [codes], [result], perm=[0, 3, 1, 2])
            model.graph.node.insert(place + 1, behind)
            model.graph.node.insert(place, before)
            return model, True
        return model, False
