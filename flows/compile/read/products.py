"""Convolutions and matrix products: integer weights, the affine of their sums, their geometry."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
import onnx

from flows.compile.network import Geometry, Product, Range, sum_type
from flows.compile.read.activations import rational_gcd, requantize
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes, Constant, Layout, QuantizedConstant, Value
from flows.compile.refuse import MAX_BITS, finite, refuse
from flows.compile.staircase import Affine, exact, spread
from hw.inttype import IntType


def weights_of(reader: Reader, node: onnx.NodeProto, index: int = 1) -> QuantizedConstant:
    value = reader.value(node, index)
    if isinstance(value, Codes):
        raise refuse(node, "both of its operands depend on the input", "only products with constants have an operator")
    if not isinstance(value, QuantizedConstant):
        raise refuse(node, "its weight has no quantizer", "train it with a Brevitas weight quantizer")
    if not np.all(np.isfinite(value.scales)):
        raise refuse(node, "a weight scale that is not finite", "train again")
    if np.any(value.zeros != np.rint(value.zeros)):
        raise refuse(node, "its weight has a zero point that is no integer", "use a symmetric weight quantizer")
    if np.any(value.zeros != 0):
        integers = value.integers - np.rint(value.zeros).astype(np.int64)
        dtype = IntType.holding(min(-1, int(integers.min())), int(integers.max()))
        value = replace(value, integers=integers, dtype=dtype, zeros=np.zeros(1))
    if value.dtype.bits > MAX_BITS:
        raise refuse(node, f"weights of {value.dtype.bits} bits", f"use at most {MAX_BITS} bits")
    return value


def row_scales(node: onnx.NodeProto, weights: QuantizedConstant, axis: int) -> tuple[Fraction, ...]:
    """One scale per output channel (or one for all), which lie along `axis` of the weight."""
    if weights.scales.size == 1:
        return tuple(exact(weights.scales))
    full = np.broadcast_to(weights.scales, weights.integers.shape)
    rows = np.moveaxis(full, axis, 0).reshape(full.shape[axis], -1)
    if np.any(rows != rows[:, :1]):
        raise refuse(node, f"weight scales of shape {weights.scales.shape}", "use one scale, or one per output channel")
    return tuple(exact(rows[:, 0]))


def input_scales(
    node: onnx.NodeProto, codes: Codes, integers: np.ndarray, dtype: IntType
) -> tuple[np.ndarray, IntType, Fraction, tuple[Fraction, ...]]:
    """The affine of the input brought into the weights: per input channel a whole multiple of one common step.

    `integers`: (M, C, positions). Returns weights, their type, the common step, and the offset per input channel.
    """
    affine = codes.affine()
    if len(set(affine.factors)) == 1 and affine.factors[0] > 0:
        return integers, dtype, affine.factors[0], affine.terms
    step = rational_gcd(list(affine.factors)) or Fraction(1)
    multiples = np.array([int(factor / step) for factor in affine.factors])
    weights = integers * multiples.reshape(1, -1, 1)
    held = IntType.holding(min(0, int(weights.min())), max(0, int(weights.max())))
    if held.bits > MAX_BITS:
        raise refuse(
            node, f"its input has a scale per channel, which needs weights of {held.bits} bits",
            "use one scalar in front of it, or a batch norm behind it",
        )  # fmt: skip
    return weights, held, step, affine.terms


def one_scale(reader: Reader, node: onnx.NodeProto, codes: Codes) -> Codes:
    """`codes`, whose steps are an affine, with one positive factor for all channels: where they have others, through a
    depthwise product of one pixel by their whole multiples of a common step."""
    affine, shape = codes.affine(), codes.layout.shape
    if len(set(affine.factors)) == 1 and affine.factors[0] > 0:
        return codes
    step = rational_gcd(list(affine.factors)) or Fraction(1)
    rows = np.array([[int(factor / step)] for factor in _spread(affine.factors, codes.channels)], dtype=np.int64)
    dtype, input_type = IntType.holding(min(-1, int(rows.min())), int(rows.max())), reader.narrow(node, codes.source)
    if dtype.bits > MAX_BITS or len(shape) != 3:
        raise refuse(
            node, f"a scale per channel, whose multiples need {dtype.bits} bits, or of a vector",
            f"quantize it with one scale per tensor; an image's scales may be multiples of at most {MAX_BITS} bits",
        )  # fmt: skip
    geometry, name = Geometry((1, 1), depthwise=True), reader.number("dwconv")
    where = Range(*_reach(reader.range(codes.source), rows[:, :, None], True, geometry))
    reader.nodes[name] = Product(
        name, (codes.source,), shape, where, sum_type(rows, input_type), node.output[0], rows, dtype,
        shape, input_type, geometry, np.zeros(len(rows), dtype=np.int64),
    )  # fmt: skip
    return Codes(name, codes.layout, (Affine((step,), affine.terms),))


def add_product(
    reader: Reader,
    node: onnx.NodeProto,
    codes: Codes,
    kind: str,
    cells: np.ndarray,
    dtype: IntType,
    scales: tuple[Fraction, ...],
    geometry: Geometry | None,
    layout: Layout,
    bias: tuple[Fraction, ...],
) -> tuple[Codes, str]:
    """`cells`: int64 (M, C, positions), for a depthwise product (C, 1, positions). Appends the integer node; the value
    is scale * sum + what the input's offset and the bias add."""
    depthwise = geometry is not None and geometry.depthwise
    input_type, totals = reader.narrow(node, codes.source), cells.sum(axis=2)  # (M, C), of the graph's own weights
    if depthwise:  # every channel has sums of its own: a scale per channel goes behind them
        step, terms = codes.affine().factors, codes.affine().terms
    else:
        cells, dtype, factor, terms = input_scales(node, codes, cells, dtype)
        step = (factor,)
    if depthwise:
        sums = tuple(t * int(n) for t, n in zip(_spread(terms, len(cells)), totals[:, 0], strict=True))
    elif len(set(terms)) == 1:
        sums = tuple(terms[0] * int(n) for n in totals.sum(axis=1))
    else:
        sums = tuple(sum((t * int(n) for t, n in zip(terms, row, strict=True)), Fraction(0)) for row in totals)
    rows = cells.transpose(0, 2, 1).reshape(len(cells), -1)
    low, high = _reach(reader.range(codes.source), cells, depthwise, geometry)
    name, where = reader.number(kind), Range(low, high)
    reader.nodes[name] = Product(
        name, (codes.source,), layout.shape, where, sum_type(rows, input_type), node.output[0], rows, dtype,
        codes.layout.shape, input_type, geometry, np.zeros(len(rows), dtype=np.int64),
    )  # fmt: skip
    factors = spread(lambda a, b: a * b, scales, step)
    terms = spread(lambda s, w, b: s * w + b, scales, sums, bias)
    return Codes(name, layout, (Affine(factors, terms),)), f"product {name}"


def _spread(column: tuple, length: int) -> tuple:
    return column * length if len(column) == 1 else column


def _reach(where: Range, cells: np.ndarray, depthwise: bool, geometry: Geometry | None) -> tuple[tuple, tuple]:
    """Least and greatest sum of every row, given the least and greatest integer of every input channel."""
    lows, highs = np.array(where.low, dtype=np.int64), np.array(where.high, dtype=np.int64)
    if geometry is not None and any(geometry.pads):
        lows, highs = np.minimum(lows, geometry.pad_code), np.maximum(highs, geometry.pad_code)
    shape = (-1, 1, 1) if depthwise else (1, -1, 1)
    ends = np.stack([cells * lows.reshape(shape), cells * highs.reshape(shape)])
    low, high = ends.min(axis=0).sum(axis=(1, 2)), ends.max(axis=0).sum(axis=(1, 2))
    return tuple(int(v) for v in low), tuple(int(v) for v in high)


def bias_of(reader: Reader, node: onnx.NodeProto, index: int, rows: int) -> tuple[Fraction, ...]:
    value = reader.value(node, index)
    if value is None:
        return (Fraction(0),)
    if isinstance(value, Codes):
        raise refuse(node, "its bias depends on the input", "export the network in evaluation mode")
    if isinstance(value, Constant):
        found = tuple(exact(finite(node, value.array, "bias")))
    else:
        found = tuple(value.reals().reshape(-1))
    if len(found) not in (1, rows):
        raise refuse(node, f"a bias of {len(found)} numbers for {rows} channels", "export one number per channel")
    return found


def pad_code(node: onnx.NodeProto, codes: Codes, dtype: IntType, fill: Fraction) -> int:
    """The integer of `dtype` that stands for `fill` in every channel; `fill` is a level as float32 holds it."""
    affine = codes.affine()
    found = set(spread(lambda a, b: _level(a, b, fill), affine.factors, affine.terms))
    code = found.pop()
    if found or code is None or not dtype.min <= code <= dtype.max or (dtype.bipolar and code == 0):
        what = f"{float(fill):g}" if fill else "zero"
        raise refuse(
            node, f"padding, but no code of its input stands for {what}",
            "pad with a level of the quantizer in front, or pad nothing",
        )  # fmt: skip
    return code


def _level(factor: Fraction, term: Fraction, fill: Fraction) -> int | None:
    """The integer for which `factor * integer + term` is `fill`, None where there is none."""
    if factor == 0:
        return None
    nearest = round((fill - term) / factor)
    level = factor * nearest + term
    return nearest if level == fill or fill and np.float32(float(level)) == np.float32(float(fill)) else None


def convolution(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """1-d (as an image of one row) or 2-d, grouped or not, any stride, dilation and padding."""
    codes, weights = reader.codes(node), weights_of(reader, node)
    options, shape = reader.attributes(node), weights.integers.shape
    groups = int(options.get("group", 1))
    if not codes.layout.is_image() or len(shape) != len(codes.layout.groups) + 1 or len(shape) not in (3, 4):
        raise refuse(node, f"weights {shape} on a tensor {codes.layout.tensor_shape}", "use a convolution of an image")
    if shape[1] * groups != codes.channels or shape[0] % groups:
        raise refuse(
            node, f"weights {shape} in {groups} groups on {codes.channels} channels", "export matching channels"
        )
    outer, fill, codes = codes.pads, codes.fill, replace(codes, pads=(0, 0, 0, 0), fill=Fraction(0))
    codes = reader.plain(node, requantize(reader, node, codes))
    scales = row_scales(node, weights, 0)
    flat = len(shape) == 3
    integers = weights.integers[:, :, None] if flat else weights.integers
    image = codes.layout.sizes["H"], codes.layout.sizes["W"]
    kernel, stride, dilation, pads = window(node, options, integers.shape[2:], image, flat)
    if any(pads) and any(outer) and fill != 0:
        raise refuse(node, f"padding with zero around padding with {float(fill):g}", "pad once, with one value")
    pads = tuple(a + b for a, b in zip(pads, outer, strict=True))
    sides = output_sides(node, image, kernel, stride, dilation, pads)
    depthwise = groups > 1 and groups == codes.channels == shape[0]
    cells, dtype = integers.reshape(*integers.shape[:2], -1), weights.dtype
    if groups > 1 and not depthwise:
        cells, dtype = _as_dense(cells, groups, dtype)
    code = pad_code(node, codes, reader.dtype(codes.source), fill) if any(pads) else 0
    geometry = Geometry(kernel, stride, dilation, pads, code, depthwise)
    layout = Layout((*sides, shape[0]), ("C", "W") if flat else ("C", "H", "W"))
    bias = bias_of(reader, node, 2, shape[0])
    kind = "dwconv" if depthwise else "conv"
    return add_product(reader, node, codes, kind, cells, dtype, scales, geometry, layout, bias)


def _as_dense(cells: np.ndarray, groups: int, dtype: IntType) -> tuple[np.ndarray, IntType]:
    """Groups as one product with zeros between them."""
    rows, inputs, positions = cells.shape
    dense = np.zeros((rows, inputs * groups, positions), dtype=np.int64)
    each = rows // groups
    for group in range(groups):
        part = slice(group * each, (group + 1) * each)
        dense[part, group * inputs : (group + 1) * inputs] = cells[part]
    return dense, IntType(2, True) if dtype.bipolar else dtype


def window(node: onnx.NodeProto, options: dict, kernel: tuple, image: tuple[int, int], flat: bool) -> tuple:
    """Kernel, stride, dilation, pads (top, left, bottom, right), all for two axes."""
    ones, zeros = [1] * (1 if flat else 2), [0] * (2 if flat else 4)
    stride, dilation = list(options.get("strides", ones)), list(options.get("dilations", ones))
    pads = list(options.get("pads", zeros))
    if flat:
        stride, dilation, pads = [1, *stride], [1, *dilation], [0, pads[0], 0, pads[1]]
    auto = options.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        missing = [
            max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
            for n, s, k, d in zip(image, stride, kernel, dilation, strict=True)
        ]
        less, more = [m // 2 for m in missing], [m - m // 2 for m in missing]
        pads = [*less, *more] if auto == "SAME_UPPER" else [*more, *less]
    elif auto not in ("NOTSET", "VALID"):
        raise refuse(node, f"auto_pad {auto!r}", "export explicit pads")
    if min(pads) < 0 or min(stride) < 1 or min(dilation) < 1:
        raise refuse(node, f"pads {pads}, strides {stride}, dilations {dilation}", "export sizes that are possible")
    return tuple(kernel), tuple(stride), tuple(dilation), tuple(pads)


def output_sides(
    node: onnx.NodeProto, image: tuple, kernel: tuple, stride: tuple, dilation: tuple, pads: tuple
) -> tuple:
    padded = image[0] + pads[0] + pads[2], image[1] + pads[1] + pads[3]
    spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(span > side for span, side in zip(spans, padded, strict=True)):
        raise refuse(node, f"a kernel {tuple(spans)} on {padded[0]} x {padded[1]} pixels", "use one within the image")
    return tuple((side - span) // s + 1 for side, span, s in zip(padded, spans, stride, strict=True))


def matrix_product(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`MatMul` and `Gemm` of a vector, or of the channels of every pixel where they are the last axis."""
    codes, weights = reader.codes(node), weights_of(reader, node)
    bias: tuple[Fraction, ...] = (Fraction(0),)
    if node.op_type == "Gemm":
        options = reader.attributes(node)
        if options.get("alpha", 1.0) != 1.0 or options.get("beta", 1.0) != 1.0 or options.get("transA", 0):
            raise refuse(node, "Gemm with alpha, beta or transA", "export a plain linear layer")
        if not options.get("transB", 0):
            weights = weights.transposed([1, 0])
    elif weights.integers.ndim == 2:
        weights = weights.transposed([1, 0])
    shape, tensor = weights.integers.shape, codes.layout.tensor_shape
    if len(shape) != 2 or shape[1] != tensor[-1] or any(codes.pads):
        raise refuse(node, f"weights {shape} on a tensor {tensor}", "flatten the image before a linear layer")
    if node.op_type == "Gemm":
        bias = bias_of(reader, node, 2, shape[0])
    codes = reader.plain(node, requantize(reader, node, codes))
    scales, layout = row_scales(node, weights, 0), codes.layout
    if prod(tensor) == tensor[-1]:
        integers = weights.integers[:, layout.order()]
        groups = tuple("" for _ in tensor[:-1]) + ("C",)
        cells = _by_channel(codes, integers)
        return add_product(
            reader, node, codes, "fc", cells, weights.dtype, scales, None, Layout((shape[0],), groups), bias
        )
    if layout.axis_of_channels() != len(tensor) - 1:
        raise refuse(node, f"weights {shape} on a tensor {tensor}", "flatten the image before a linear layer")
    layout = replace(layout, shape=(*layout.shape[:2], shape[0]))
    return add_product(
        reader, node, codes, "conv", weights.integers[:, :, None], weights.dtype, scales, Geometry((1, 1)), layout, bias
    )


def _by_channel(codes: Codes, integers: np.ndarray) -> np.ndarray:
    """(M, K) in the order of the stream -> (M, C, pixels)."""
    return integers.reshape(len(integers), -1, codes.channels).transpose(0, 2, 1)
