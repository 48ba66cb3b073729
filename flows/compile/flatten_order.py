"""Step: a flatten of a transposed image becomes a flatten of the stream, with the next weights permuted to match."""

from __future__ import annotations

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name


class AbsorbTransposeIntoWeights(Transformation):
    """`Transpose(NHWC -> NCHW)`, `Flatten`, `MatMul`: circuits stream NHWC, so the rows of the weight are reordered
    instead of the pixels."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for transpose in model.graph.node:
            if transpose.op_type != "Transpose":
                continue
            if list(get_by_name(transpose.attribute, "perm").ints) != [0, 3, 1, 2]:
                continue
            flatten = model.find_consumer(transpose.output[0])
            if flatten is None or flatten.op_type not in ("Flatten", "Reshape"):
                continue
            product = model.find_consumer(flatten.output[0])
            if product is None or product.op_type != "MatMul":
                continue
            weight = model.get_initializer(product.input[1])
            _, channels, height, width = model.get_tensor_shape(transpose.output[0])
            if weight is None or len(weight) != channels * height * width:
                continue
            order = np.arange(len(weight)).reshape(channels, height, width).transpose(1, 2, 0).reshape(-1)
            model.set_initializer(product.input[1], weight[order])
            flatten.input[0] = transpose.input[0]
            model.graph.node.remove(transpose)
            return model, True
        return model, False
