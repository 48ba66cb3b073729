"""From torch's exported graph to the contract's: named tensors, `Flatten`, `MatMul`, unique parameters."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model
from torch import Tensor, nn

from brevitas_models.errors import ModelError
from brevitas_models.export_handlers import ExportManager
from brevitas_models.networks.ensemble import Ensemble
from brevitas_models.networks.frozen import frozen
from brevitas_models.networks.network import Network
from brevitas_models.quantizers.input_grid import UNIT

INPUT, OUTPUT = "codes", "logits"


class _FromCodes(nn.Module):
    """The deployed network from pixel codes (float32 holding 0..255) on."""

    def __init__(self, network: Network | Ensemble) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor) -> Tensor:
        return self.network.logits(codes * UNIT)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """torch's exporter warns of every optional package that is absent."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _flatten_not_reshape(graph: onnx.GraphProto) -> None:
    """A `Reshape` to (batch, everything else) becomes `Flatten`: the only reshape these networks have."""
    for node in graph.node:
        if node.op_type == "Reshape":
            node.CopyFrom(helper.make_node("Flatten", node.input[:1], node.output, name=node.name, axis=1))


def _matmul_not_gemm(graph: onnx.GraphProto) -> None:
    """`Gemm(x, quantizer(W), transB)` becomes `MatMul(x, quantizer(W transposed))`; per-tensor scales allow it."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    producers = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type != "Gemm":
            continue
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        quantizer = producers.get(node.input[1])
        plain = len(node.input) == 2 and attributes.get("alpha", 1.0) == 1.0 and not attributes.get("transA", 0)
        if not plain or attributes.get("transB") != 1 or quantizer is None or quantizer.input[0] not in tensors:
            raise ModelError(f"export: expected a bias-free Gemm of a quantized weight, got {node.name} {attributes}")
        weight = tensors[quantizer.input[0]]
        transposed = np.ascontiguousarray(numpy_helper.to_array(weight).T)
        weight.CopyFrom(numpy_helper.from_array(transposed, weight.name))
        node.CopyFrom(helper.make_node("MatMul", node.input[:2], node.output, name=node.name))
    del graph.value_info[:]


def qonnx_model(network: Network | Ensemble) -> ModelWrapper:
    """The QONNX graph of a deployed network: float32 `codes` (1, C, H, W) -> float32 `logits` (1, classes)."""
    before = [layer.pool_first for layer in network.layers]
    for layer in network.layers:
        layer.pool_first = False
    try:
        with frozen(network.linears, enabled=False), _quiet("torch.onnx"):
            proto = ExportManager.export(
                _FromCodes(network).eval(),
                args=torch.zeros(1, *network.input_shape),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamo=True,
                optimize=True,
                verbose=False,
            )
    finally:
        for layer, first in zip(network.layers, before, strict=True):
            layer.pool_first = first
    _flatten_not_reshape(proto.graph)
    _matmul_not_gemm(proto.graph)
    # torch notes in every node where in its own sources it came from; paths have no place in a shipped file.
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for tensor in [*proto.graph.initializer, *proto.graph.input, *proto.graph.output]:
        del tensor.metadata_props[:]
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    model = cleanup_model(ModelWrapper(proto))
    model.rename_tensor(model.graph.input[0].name, INPUT)
    model.rename_tensor(model.graph.output[0].name, OUTPUT)
    return model.transform(InferShapes())
