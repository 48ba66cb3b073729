"""Step: negative factors behind a layer move into its weights; zero factors become positive ones that act alike.

Finn does the first only where the negated weights still fit their type, and multiplies weights by a zero factor,
which leaves the type as well (0 is no bipolar weight).
"""

from __future__ import annotations

import numpy as np
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation

from hw.inttype import IntType

# So small that no accumulator brings a threshold across: what finn makes of it is replaced by exact thresholds anyway.
VANISHING = np.float32(2.0**-60)


class MakeFactorsPositive(Transformation):
    """`f * (W x)` with f < 0 is `-f * (-W x)`, row by row; the constants of `Add` in between change sign too."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            factor = model.get_initializer(node.input[1]) if node.op_type == "Mul" else None
            if factor is None or np.all(factor > 0):
                continue
            layer, between = self._layer(model, node)
            if layer is None:
                continue
            weight = model.get_initializer(layer.input[1])
            rows = len(weight) if layer.op_type == "Conv" else weight.shape[1]
            if factor.size not in (1, rows):
                continue
            for add in between:
                term = model.get_initializer(add.input[1])
                sign = np.where(factor < 0, -1, 1)
                if term.ndim > 1:
                    sign = sign.reshape((1, -1) + (1,) * (term.ndim - 2))
                model.set_initializer(add.input[1], (term * sign).astype(np.float32))
            sign = np.broadcast_to(np.where(factor < 0, -1, 1).reshape(-1), (rows,))
            weight = weight * (sign.reshape(-1, 1, 1, 1) if layer.op_type == "Conv" else sign)
            model.set_initializer(layer.input[1], weight.astype(np.float32))
            self._widen(model, layer.input[1], weight)
            positive = np.where(factor == 0, VANISHING, np.abs(factor)).astype(np.float32)
            model.set_initializer(node.input[1], positive)
            return model, True
        return model, False

    @staticmethod
    def _layer(model: ModelWrapper, node) -> tuple[object | None, list]:
        """The layer that feeds `node` through scales and offsets alone, and the offsets."""
        between = []
        before = model.find_producer(node.input[0])
        while before is not None and before.op_type in ("Mul", "Add"):
            if model.get_initializer(before.input[1]) is None:
                return None, []
            if before.op_type == "Add":
                between.append(before)
            before = model.find_producer(before.input[0])
        linear = before is not None and before.op_type in ("Conv", "MatMul")
        return (before, between) if linear and model.get_initializer(before.input[1]) is not None else (None, [])

    @staticmethod
    def _widen(model: ModelWrapper, tensor: str, weight: np.ndarray) -> None:
        dtype = model.get_tensor_datatype(tensor)
        if weight.max() > dtype.max():
            held = IntType.holding(min(-1, int(weight.min())), int(weight.max()))
            model.set_tensor_datatype(tensor, DataType[held.name])
