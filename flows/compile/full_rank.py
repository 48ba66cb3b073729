"""Step: per-channel constants get the rank of the tensor they meet, the only form that finn absorbs."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation


class GiveConstantsFullRank(Transformation):
    """A `Mul` or `Add` operand of shape (C, 1, 1) becomes (1, C, 1, 1); scalars stay scalars."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type not in ("Mul", "Add", "Sub", "Div"):
                continue
            constant = model.get_initializer(node.input[1])
            rank = len(model.get_tensor_shape(node.input[0]))
            if constant is not None and 0 < constant.ndim < rank and constant.size > 1:
                shape = (1,) * (rank - constant.ndim) + constant.shape
                model.set_initializer(node.input[1], constant.reshape(shape))
        return model, False
