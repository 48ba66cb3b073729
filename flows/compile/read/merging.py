"""Where branches meet: sums of two tensors on one exact integer grid, and concatenated channels."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import onnx

from flows.compile.network import Concatenation, Range, Sum
from flows.compile.read.activations import rational_gcd, requantize
from flows.compile.read.arithmetic import shift
from flows.compile.read.products import one_scale
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes, Value
from flows.compile.refuse import refuse
from flows.compile.staircase import Affine
from hw.inttype import IntType

MAX_SUM_BITS = 40


def add(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`Add` and `Sub`: of a constant (a step), or of two tensors (an operator)."""
    values = [reader.value(node, 0), reader.value(node, 1)]
    if not all(isinstance(value, Codes) for value in values):
        return shift(reader, node)
    if values[0].layout.tensor_shape != values[1].layout.tensor_shape:
        raise refuse(
            node, f"a sum of tensors {values[0].layout.tensor_shape} and {values[1].layout.tensor_shape}",
            "add tensors of one shape",
        )  # fmt: skip
    a, b = (_summand(reader, node, value) for value in values)
    if a.layout != b.layout:
        raise refuse(node, f"a sum of tensors that lie as {a.layout.groups} and {b.layout.groups}", "transpose neither")
    (first, second), sign = (codes.affine().factors[0] for codes in (a, b)), -1 if node.op_type == "Sub" else 1
    terms = [Affine((Fraction(1),), codes.affine().terms) for codes in (a, b)]
    unit = rational_gcd([first, second]) or Fraction(1)
    gains = int(first / unit), sign * int(second / unit)
    where = _sum_range(gains, reader.range(a.source), reader.range(b.source))
    whole = [Range((dtype.min,), (dtype.max,)) for dtype in (reader.dtype(a.source), reader.dtype(b.source))]
    low, high = (side[0] for side in dataclasses.astuple(_sum_range(gains, *whole)))
    bits = max(abs(low), abs(high)).bit_length() + 1
    if bits > MAX_SUM_BITS:
        raise refuse(
            node, f"scales {float(first):g} and {float(second):g}, whose common grid needs {bits} bits",
            "use one quantizer for both branches",
        )  # fmt: skip
    name = reader.number("add")
    reader.nodes[name] = Sum(
        name, (a.source, b.source), a.layout.shape, where, IntType.holding(low, high), node.output[0], gains
    )
    offset = (
        Affine((Fraction(1),))
        .then((Fraction(1),), terms[0].terms)
        .then((Fraction(1),), tuple(sign * term for term in terms[1].terms))
    )
    return Codes(name, a.layout, (Affine((unit,), offset.terms),)), f"sum {name}"


def _operand(reader: Reader, node: onnx.NodeProto, codes: Codes) -> Codes:
    return reader.plain(node, requantize(reader, node, codes))


def _summand(reader: Reader, node: onnx.NodeProto, codes: Codes) -> Codes:
    """With one scale for all channels, of either sign."""
    codes = _operand(reader, node, codes)
    return codes if len(set(codes.affine().factors)) == 1 else one_scale(reader, node, codes)


def _sum_range(gains: tuple[int, int], a: Range, b: Range) -> Range:
    low, high = [], []
    for row in zip(a.low, a.high, b.low, b.high, strict=True):
        ends = [gains[0] * x + gains[1] * y for x in row[:2] for y in row[2:]]
        low.append(min(ends))
        high.append(max(ends))
    return Range(tuple(low), tuple(high))


def concat(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """Along the channels; a scale that differs from branch to branch goes into the weights behind it."""
    values = [reader.value(node, index) for index in range(len(node.input))]
    if not all(isinstance(value, Codes) for value in values):
        raise refuse(node, "one of its parts is a constant", "concatenate tensors that depend on the input")
    parts = [_operand(reader, node, value) for value in values]
    layout = parts[0].layout
    axis = int(reader.attributes(node)["axis"]) % (len(layout.groups) + 1)
    same = all(part.layout.groups == layout.groups and part.layout.shape[:-1] == layout.shape[:-1] for part in parts)
    if not same or layout.axis_of_channels() != axis - 1:
        raise refuse(node, f"it joins along axis {axis}", "concatenate channels of images of one size")
    if len(parts) == 1:
        return parts[0], "nothing to compute"
    low = sum((reader.range(part.source).low for part in parts), ())
    high = sum((reader.range(part.source).high for part in parts), ())
    where, name = Range(low, high), reader.number("concat")
    types = {reader.dtype(part.source) for part in parts}
    dtype = types.pop() if len(types) == 1 else _holding_all(reader, node, parts)
    shape = (*layout.shape[:-1], len(low))
    reader.nodes[name] = Concatenation(
        name,
        tuple(part.source for part in parts),
        shape,
        where,
        dtype,
        node.output[0],
        tuple(part.channels for part in parts),
    )
    joined = Affine(_joined(parts, "factors"), _joined(parts, "terms"))
    return Codes(name, type(layout)(shape, layout.groups), (joined,)), f"concatenation {name}"


def _holding_all(reader: Reader, node: onnx.NodeProto, parts: list[Codes]) -> IntType:
    types = [reader.dtype(part.source) for part in parts]
    return IntType.holding(min(t.min for t in types), max(t.max for t in types))


def _joined(parts: list[Codes], column: str) -> tuple[Fraction, ...]:
    found: list[Fraction] = []
    for part in parts:
        values = getattr(part.affine(), column)
        found += values * part.channels if len(values) == 1 else values
    return tuple(found[:1]) if len(set(found)) == 1 else tuple(found)
