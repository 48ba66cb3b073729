"""Step: positive scalar scales and offsets move behind a max-pool, where finn can absorb them."""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.base import Transformation
from qonnx.util.basic import get_by_name

from flows.compile.scalar_nodes import scalar_node, swap


class MoveAffinePastMaxPool(Transformation):
    """`pool(a * x + b) == a * pool(x) + b` for scalars with a > 0. Finn moves the product but not the sum."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for pool in model.graph.node:
            if pool.op_type not in ("MaxPool", "MaxPoolNHWC"):
                continue
            found = scalar_node(model, pool.input[0], "Mul", "Add")
            if not found:
                continue
            before, value = found
            if before.op_type == "Mul" and value <= 0:
                continue
            if before.op_type == "Add" and _starts_below_zero(model, before.input[0]):
                continue  # finn makes it the lowest code of the quantizer, which then is the pool's own input
            swap(model, before, pool)
            return model, True
        return model, False


def _starts_below_zero(model: ModelWrapper, tensor: str) -> bool:
    """Whether a quantizer with signed codes gives this tensor."""
    quantizer = model.find_producer(tensor)
    if quantizer is None or quantizer.op_type != "MultiThreshold":
        return False
    return get_by_name(quantizer.attribute, "out_dtype").s.startswith(b"INT")
