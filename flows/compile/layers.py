"""Reads a QONNX chain into exact integer layers: weights, the affine of their inputs, the staircase behind them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from qonnx.custom_op.general.quant import max_int, min_int, quant

from flows.compile import shapes
from flows.compile.refuse import MAX_BITS, finite, positive, refuse, whole_bits
from flows.compile.staircase import CountThresholds, Offset, Quantize, Relu, Scale, Staircase, Step, exact
from flows.errors import FlowError
from hw.inttype import IntType


@dataclass(frozen=True, slots=True)
class CodeAffine:
    """`value = step * code + lowest` for a tensor of integer codes of `dtype`."""

    dtype: IntType
    step: Fraction
    lowest: Fraction


@dataclass(frozen=True)
class Layer:
    """One convolution or matrix product of the exported network.

    `weights`: int64 (M, C, kh, kw) or (M, K), real weight = `scale` * integer. `codes`: of its input. `stairs`: exact
    map from the integer accumulator sum(w * code) to the next code, None for the last layer, whose logit is
    `(accumulator * scale * codes.step + scale * codes.lowest * sum(w)) * gain + shift[c]`. `tensor`: of the graph, that
    holds `after.step * code + after.lowest`.
    """

    name: str
    weights: np.ndarray
    weight_type: IntType
    scale: Fraction
    codes: CodeAffine
    stairs: Staircase | None
    gain: Fraction = Fraction(1)
    shift: tuple[Fraction, ...] = ()
    after: CodeAffine | None = None
    tensor: str = ""

    @property
    def rows(self) -> np.ndarray:
        """int64 (M, K) in the order that the stream delivers: kh, kw, C for a convolution."""
        if self.weights.ndim == 4:
            return self.weights.transpose(0, 2, 3, 1).reshape(len(self.weights), -1)
        return self.weights


@dataclass
class _Reader:
    graph: onnx.GraphProto

    def __post_init__(self) -> None:
        self.constants = {t.name: numpy_helper.to_array(t) for t in self.graph.initializer}
        self.producer = {name: node for node in self.graph.node for name in node.output}
        self.consumers: dict[str, list[onnx.NodeProto]] = {}
        for node in self.graph.node:
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)

    def attributes(self, node: onnx.NodeProto) -> dict[str, object]:
        return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}

    def constant(self, node: onnx.NodeProto, index: int, what: str) -> np.ndarray:
        name = node.input[index] if index < len(node.input) else ""
        if name not in self.constants:
            raise refuse(node, f"its {what} is not a constant", "export the network in evaluation mode")
        return finite(node, self.constants[name], what)

    def weight(self, node: onnx.NodeProto) -> tuple[np.ndarray, IntType, Fraction]:
        """Integers, their type and the scale of the weight that feeds `node`."""
        quantizer = self.producer.get(node.input[1])
        if quantizer is None or quantizer.op_type not in ("Quant", "BipolarQuant"):
            raise refuse(node, "its weight has no quantizer", "train it with a Brevitas weight quantizer")
        values = self.constant(quantizer, 0, "weight")
        scale = self.constant(quantizer, 1, "weight scale")
        if scale.size != 1:
            raise refuse(quantizer, f"it has {scale.size} scales", "use one scale for the whole tensor")
        positive(quantizer, scale)
        if quantizer.op_type == "BipolarQuant":
            return np.where(values >= 0, 1, -1).astype(np.int64), IntType.parse("BIPOLAR"), exact(scale)[0]
        zero, bits = self.constant(quantizer, 2, "zero point"), self.constant(quantizer, 3, "bit width")
        width = whole_bits(quantizer, bits)
        if np.any(zero != 0):
            raise refuse(quantizer, "it has a zero point", "use a symmetric weight quantizer")
        options = self.attributes(quantizer)
        signed, narrow = bool(options.get("signed", 1)), bool(options.get("narrow", 0))
        mode = options.get("rounding_mode", b"ROUND")
        real = quant(values, scale, zero, bits, signed, narrow, mode.decode() if isinstance(mode, bytes) else mode)
        integers = np.rint(real.astype(np.float64) / float(scale.reshape(-1)[0])).astype(np.int64)
        return integers, IntType(width, signed), exact(scale)[0]

    def quantize(self, node: onnx.NodeProto) -> tuple[Quantize, CodeAffine]:
        scale, zero = self.constant(node, 1, "scale"), self.constant(node, 2, "zero point")
        bits = whole_bits(node, self.constant(node, 3, "bit width"))
        if scale.size != 1 or zero.size != 1:
            raise refuse(node, f"{scale.size} scales, {zero.size} zero points", "use one scale for the whole tensor")
        positive(node, scale)
        options = self.attributes(node)
        mode = options.get("rounding_mode", b"ROUND")
        if mode not in (b"ROUND", "ROUND"):
            raise refuse(node, f"rounding mode {mode!r}", "use ROUND (half to even)")
        signed, narrow = bool(options.get("signed", 1)), bool(options.get("narrow", 0))
        low, high = int(min_int(signed, narrow, bits)), int(max_int(signed, narrow, bits))
        s, z = exact(scale)[0], exact(zero)[0]
        return Quantize(s, z, low, high), CodeAffine(IntType(bits, signed), s, -s * z)


SHAPE_ONLY = ("Flatten", "Reshape", "Identity")
LINEAR = ("Conv", "MatMul", "Gemm")
SUPPORTED = (
    *LINEAR,
    "Mul",
    "Add",
    "Sub",
    "Div",
    "Relu",
    "Quant",
    "BipolarQuant",
    "MultiThreshold",
    "MaxPool",
    *SHAPE_ONLY,
)


def read_layers(path: Path, input_type: IntType) -> list[Layer]:
    """The layers of a chain-shaped QONNX file, in order. Raises FlowError for what the circuit does not support."""
    graph = onnx.load(path).graph
    reader = _Reader(graph)
    layers: list[Layer] = []
    codes = CodeAffine(input_type, Fraction(1), Fraction(0))
    pending: Layer | None = None
    steps: list[Step] = []
    tensor = graph.input[0].name
    shape = tuple(d.dim_value for d in graph.input[0].type.tensor_type.shape.dim)[1:]
    while tensor != graph.output[0].name:
        nodes = reader.consumers.get(tensor, [])
        if len(nodes) != 1:
            raise FlowError(f"tensor {tensor!r}: expected one consumer, got {len(nodes)}; only chains are supported")
        node = nodes[0]
        kind = node.op_type
        if kind not in SUPPORTED:
            raise refuse(node, "the circuit has no operator for it", f"use only {', '.join(SUPPORTED)}")
        if kind in LINEAR:
            if pending is not None:
                raise refuse(node, "its input is not quantized", "put an activation quantizer in front of it")
            pending, steps = _layer(reader, node, codes), []
            shape = _shape_after(reader, node, shape, pending.weights)
        elif kind in ("Mul", "Add", "Sub", "Div"):
            step = _affine(reader, node, tensor, shape)
            if pending is None:
                codes = _code_affine(node, codes, step)
            else:
                steps.append(step)
        elif kind == "Relu":
            if pending is None:
                raise refuse(node, "it stands before the first layer", "remove it")
            steps.append(Relu())
        elif kind == "Quant":
            step, after = reader.quantize(node)
            if pending is None:
                raise refuse(node, "an input quantizer or one behind another", "declare the input's codes instead")
            layers.append(_close(pending, steps, step, after, node))
            codes, pending = after, None
        elif kind == "MultiThreshold":
            if pending is None:
                raise refuse(node, "it stands before the first layer", "declare the input's codes instead")
            table = reader.constant(node, 1, "thresholds")
            count, after = _count(reader, node, table, shape)
            layers.append(_close(pending, steps, count, after, node))
            codes, pending = after, None
        elif kind == "BipolarQuant":
            raise refuse(node, "bipolar activations", "use a 1-bit DQA activation")
        else:
            after = _shape_after(reader, node, shape, None)
            if pending is not None and after != shape:
                raise refuse(node, "it stands between a layer and its activation", "put it behind the activation")
            shape = after
        tensor = node.output[0]
    if not layers and pending is None:
        raise FlowError(f"{path}: expected a network, got no layer; export one that ends with a linear layer")
    if pending is None:
        raise refuse(node, "an activation quantizer behind the last layer", "remove it: that layer gives the logits")
    shapes.check_scores(node, shape)
    layers.append(_last(pending, steps))
    return layers


def _shape_after(
    reader: _Reader, node: onnx.NodeProto, shape: shapes.Shape, weights: np.ndarray | None
) -> shapes.Shape:
    """`weights`: integers (M, C, kh, kw) or (M, K) of a layer."""
    options = reader.attributes(node)
    if node.op_type == "Conv":
        return shapes.after_convolution(node, options, shape, weights)
    if weights is not None:
        return shapes.after_product(node, shape, weights)
    if node.op_type == "MaxPool":
        return shapes.after_pool(node, options, shape)
    if node.op_type == "Identity":
        return shape
    target = reader.constant(node, 1, "shape") if node.op_type == "Reshape" else None
    return shapes.after_flatten(node, options, shape, target)


def _layer(reader: _Reader, node: onnx.NodeProto, codes: CodeAffine) -> Layer:
    weights, dtype, scale = reader.weight(node)
    options = reader.attributes(node)
    if node.op_type == "Conv":
        pads = options.get("pads", [0, 0, 0, 0])
        if options.get("group", 1) != 1 or any(d != 1 for d in options.get("dilations", [1])):
            raise refuse(node, "groups or dilation", "use a plain convolution")
        if any(pads) and codes.lowest != 0:
            raise refuse(node, "padding with a value that is no level of its input", "pad only the network's input")
    else:
        if node.op_type == "MatMul" or not options.get("transB", 0):
            weights = weights.T
        if options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0 or options.get("transA", 0):
            raise refuse(node, "Gemm with alpha, beta or transA", "export a plain linear layer")
    if len(node.input) > 2 and node.input[2] and np.any(reader.constant(node, 2, "bias")):
        raise refuse(node, "a bias inside the layer", "use bias=False; batch norm carries the bias")
    name = f"{'conv' if node.op_type == 'Conv' else 'fc'}"
    return Layer(name, weights, dtype, scale, codes, None)


def _affine(reader: _Reader, node: onnx.NodeProto, tensor: str, shape: shapes.Shape) -> Scale | Offset:
    index = 1 if node.input[0] == tensor else 0
    if index == 0 and node.op_type in ("Sub", "Div"):
        raise refuse(node, "a constant minus or divided by a tensor", "rewrite it as a product or sum")
    constant = reader.constant(node, index, "operand")
    shapes.check_constant(node, shape, constant)
    values = exact(constant)
    if node.op_type == "Mul":
        return Scale(values)
    if node.op_type == "Div":
        if 0 in values:
            raise refuse(node, "division by zero", "check the exported scale")
        return Scale([1 / v for v in values])
    return Offset(values if node.op_type == "Add" else [-v for v in values])


def _code_affine(node: onnx.NodeProto, codes: CodeAffine, step: Scale | Offset) -> CodeAffine:
    values = step.factors if isinstance(step, Scale) else step.terms
    if len(set(values)) != 1:
        raise refuse(node, "a constant per channel in front of a layer", "use one scalar, or a batch norm behind it")
    if isinstance(step, Offset):
        return replace(codes, lowest=codes.lowest + values[0])
    if values[0] <= 0:
        raise refuse(node, f"factor {float(values[0])}", "scales must be positive")
    return replace(codes, step=codes.step * values[0], lowest=codes.lowest * values[0])


def _count(
    reader: _Reader, node: onnx.NodeProto, table: np.ndarray, shape: shapes.Shape
) -> tuple[CountThresholds, CodeAffine]:
    options = reader.attributes(node)
    if table.ndim != 2 or len(table) not in (1, shape[0]) or not 1 <= table.shape[1] < 2**MAX_BITS:
        raise refuse(
            node, f"thresholds {table.shape} for {shape[0]} channels",
            f"use 1 to {2**MAX_BITS - 1} thresholds, for all channels or for each",
        )  # fmt: skip
    rows = [exact(row) for row in table]
    if any(row != sorted(row) for row in rows):
        raise refuse(node, "its thresholds are not ascending", "sort them")
    name = options.get("out_dtype", b"").decode()
    if not re.fullmatch(r"BINARY|U?INT[1-8]", name):
        raise refuse(node, f"the type {name or 'none'}", "use integers of at most 8 bits")
    gain, bias = exact(options.get("out_scale", 1.0))[0], exact(options.get("out_bias", 0.0))[0]
    codes = CodeAffine(IntType.holding(0, table.shape[1]), gain, bias)
    if gain <= 0:
        raise refuse(node, f"scale {float(gain)}", "scales must be positive")
    return CountThresholds(rows), codes


def _first_step(layer: Layer) -> tuple[Step, ...]:
    """Accumulator of codes to the real pre-activation: scale * (step * acc + lowest * sum(w))."""
    offsets = [layer.scale * layer.codes.lowest * int(total) for total in layer.rows.sum(axis=1)]
    return Scale([layer.scale * layer.codes.step]), Offset(offsets)


def _close(
    layer: Layer, steps: list[Step], last: Quantize | CountThresholds, after: CodeAffine, node: onnx.NodeProto
) -> Layer:
    stairs = Staircase((*_first_step(layer), *steps, last), last.low, last.high)
    return replace(layer, stairs=stairs, after=after, tensor=node.output[0])


def _last(layer: Layer, steps: list[Step]) -> Layer:
    gain, shift = Fraction(1), [Fraction(0)] * len(layer.weights)
    for step in steps:
        if isinstance(step, Scale) and len(set(step.factors)) == 1 and step.factors[0] > 0:
            gain, shift = gain * step.factors[0], [s * step.factors[0] for s in shift]
        elif isinstance(step, Offset):
            terms = step.terms * len(shift) if len(step.terms) == 1 else step.terms
            shift = [s + t for s, t in zip(shift, terms, strict=True)]
        else:
            raise FlowError(
                f"last layer: expected only a positive scale and a bias behind it, got {type(step).__name__.lower()}; "
                "use batch norm and activations behind hidden layers only"
            )
    return replace(layer, gain=gain, shift=tuple(shift))
