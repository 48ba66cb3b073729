"""`read_network`: a QONNX file as an integer network; `survey`: the same, node by node, without stopping."""

from __future__ import annotations

from pathlib import Path

from flows.compile.network import Network
from flows.compile.quiet import quiet
from flows.compile.read import activations, arithmetic, linear_quantizers, merging, pooling, products
from flows.compile.read.reader import Finding, Handler, Reader
from flows.compile.read.scores import read_scores
from flows.errors import FlowError
from hw.inttype import IntType

PIXEL = IntType(8, False)

HANDLERS: dict[str, Handler] = {
    "Conv": products.convolution,
    "MatMul": products.matrix_product,
    "Gemm": products.matrix_product,
    "Quant": activations.quant_node,
    "IntQuant": activations.quant_node,
    "BipolarQuant": activations.bipolar_node,
    "MultiThreshold": activations.threshold_node,
    "QuantizeLinear": linear_quantizers.quantize_linear,
    "DequantizeLinear": linear_quantizers.dequantize_linear,
    "Trunc": linear_quantizers.trunc_node,
    "Mul": arithmetic.multiply,
    "Div": arithmetic.divide,
    "Add": merging.add,
    "Sub": merging.add,
    "Neg": arithmetic.negative,
    "BatchNormalization": arithmetic.batch_norm,
    "Relu": arithmetic.relu,
    "LeakyRelu": arithmetic.leaky_relu,
    "PRelu": arithmetic.leaky_relu,
    "Clip": arithmetic.clip,
    "HardSigmoid": arithmetic.hard_sigmoid,
    "Sign": arithmetic.sign,
    "Identity": arithmetic.identity,
    "Dropout": arithmetic.identity,
    "Cast": arithmetic.identity,
    "Softmax": arithmetic.softmax,
    "LogSoftmax": arithmetic.softmax,
    "MaxPool": pooling.max_pool,
    "AveragePool": pooling.average_pool,
    "GlobalAveragePool": pooling.average_pool,
    "ReduceMean": pooling.average_pool,
    "ReduceSum": pooling.average_pool,
    "Flatten": pooling.reshape,
    "Reshape": pooling.reshape,
    "Squeeze": pooling.reshape,
    "Unsqueeze": pooling.reshape,
    "Transpose": pooling.transpose,
    "Pad": pooling.pad,
    "Concat": merging.concat,
}


def read_network(path: Path, input_type: IntType = PIXEL) -> Network:
    """The integer network of a QONNX file whose input (1, C, H, W) are integers of `input_type`.

    Raises Unsupported (a FlowError) for the first node that has no hardware, FlowError for no QONNX at all.
    """
    reader = Reader(path, input_type)
    with quiet():
        reader.walk(HANDLERS, to_the_end=False)
        scores = read_scores(reader)
    used = _used(reader, scores.source)
    return Network(used, reader.input_shape, input_type, scores)


def survey(path: Path, input_type: IntType = PIXEL) -> tuple[list[Finding], str]:
    """What becomes of every node, and in words why the whole is no circuit where that lies in no single node."""
    reader = Reader(path, input_type)
    with quiet():
        findings = reader.walk(HANDLERS, to_the_end=True)
        if any(finding.error for finding in findings):
            return findings, ""
        try:
            read_scores(reader)
        except FlowError as error:
            return findings, str(error)
    return findings, ""


def _used(reader: Reader, source: str) -> tuple:
    """The nodes that the scores depend on, in order."""
    needed, waiting = set(), [source]
    while waiting:
        name = waiting.pop()
        if name in reader.nodes and name not in needed:
            needed.add(name)
            waiting += reader.nodes[name].inputs
    return tuple(node for name, node in reader.nodes.items() if name in needed)
