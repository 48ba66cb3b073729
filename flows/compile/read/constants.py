"""Nodes of constants, computed as the reference executor computes them: by onnxruntime, in the graph's own float32."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper

from flows.compile.refuse import refuse

MAX_ELEMENTS = 1 << 26


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    """Names and values; bytes are decoded."""
    values = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {key: value.decode() if isinstance(value, bytes) else value for key, value in values.items()}


def constant_of(node: onnx.NodeProto) -> np.ndarray:
    """The value of a `Constant` node."""
    for name, value in attributes(node).items():
        if name == "value":
            return numpy_helper.to_array(value)
        if name in ("value_float", "value_floats"):
            return np.asarray(value, dtype=np.float32)
        if name in ("value_int", "value_ints"):
            return np.asarray(value, dtype=np.int64)
    raise refuse(node, "a constant that is no number", "export numbers")


def compute(node: onnx.NodeProto, inputs: list[np.ndarray | None], opset: int) -> list[np.ndarray]:
    """The outputs of a standard ONNX node for these inputs (None: left out)."""
    if node.domain not in ("", "ai.onnx"):
        raise refuse(node, "it computes on constants with an operator that is not ONNX's own", "fold it when exporting")
    names = [f"i{k}" if value is not None else "" for k, value in enumerate(inputs)]
    outputs = [f"o{k}" for k in range(len(node.output))]
    alone = helper.make_node(node.op_type, names, outputs, name="n")
    alone.attribute.extend(node.attribute)
    initializers = [numpy_helper.from_array(v, n) for v, n in zip(inputs, names, strict=True) if v is not None]
    results = [helper.make_empty_tensor_value_info(name) for name in outputs]
    graph = helper.make_graph([alone], "constant", [], results, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=9)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        found = session.run(outputs, {})
    except Exception as error:  # onnxruntime raises classes of its own, private to its back end
        reason = " ".join(str(error).split())[:200]
        raise refuse(node, f"onnxruntime cannot compute it: {reason}", "export a valid graph") from error
    if any(value.size > MAX_ELEMENTS for value in found):
        raise refuse(node, f"a constant of more than {MAX_ELEMENTS} elements", "export a smaller network")
    return found
