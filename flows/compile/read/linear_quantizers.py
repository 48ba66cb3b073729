"""ONNX's own quantizers (QuantizeLinear, Clip, DequantizeLinear: QCDQ) and QONNX `Trunc`."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
from qonnx.custom_op.general.quant import max_int, min_int

from flows.compile.read.activations import close, per_channel
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes, Constant, QuantizedConstant, Value
from flows.compile.refuse import finite, positive, refuse, whole_bits
from flows.compile.staircase import ROUNDING, Quantize, chained, exact
from hw.inttype import IntType

_TYPES = {np.dtype(np.int8): (-128, 127), np.dtype(np.uint8): (0, 255)}


def quantize_linear(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """clip(round(x / scale) + zero_point) as integers; a `Clip` of them right behind is read with it."""
    scale, zero = _scale_and_zero(reader, node)
    if zero.dtype not in _TYPES:
        raise refuse(node, f"integers of {zero.dtype}", "quantize to int8 or uint8")
    low, high = _TYPES[zero.dtype]
    value, tensor = reader.value(node, 0), node.output[0]
    follower = reader.consumer(tensor)
    clipped = follower is not None and follower.op_type == "Clip"
    if clipped:
        bounds = [reader.constant(follower, k, "bound").reshape(-1)[0] for k in (1, 2)]
        low, high = max(low, int(bounds[0])), min(high, int(bounds[1]))
    if isinstance(value, Codes):
        if not np.all(zero == zero.reshape(-1)[0]):
            raise refuse(node, "a zero point per channel", "use one zero point for the whole tensor")
        axis = _aligned(reader, node, scale, len(value.layout.groups) + 1)
        scales = per_channel(node, value, axis, "scales")
        offset = int(zero.reshape(-1)[0])  # added behind the rounding, which therefore knows nothing of it
        last = Quantize(scales, Fraction(0), low - offset, high - offset)
        tensor = follower.output[0] if clipped else tensor
        result, role = close(reader, node, value, last, (Fraction(1),), (Fraction(offset),), tensor=tensor)
    else:
        if isinstance(value, QuantizedConstant):
            raise refuse(node, "a constant that is quantized twice", "fold it when exporting")
        reals = finite(node, value.array, "weight")
        scale, offset = (_aligned(reader, node, part, reals.ndim) for part in (scale, zero))
        integers = np.clip(np.rint(reals / scale) + offset, low, high).astype(zero.dtype)
        result, role = Constant(integers), "constant"
    if clipped:
        reader.values[follower.output[0]] = result
    return result, role


def dequantize_linear(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """(x - zero_point) * scale."""
    scale, zero = _scale_and_zero(reader, node)
    value = reader.value(node, 0)
    if isinstance(value, Codes):
        if not np.all(zero == zero.reshape(-1)[0]):
            raise refuse(node, "a zero point per channel", "use one zero point for the whole tensor")
        aligned = _aligned(reader, node, scale, len(value.layout.groups) + 1)
        factors, offset = per_channel(node, value, aligned, "scales"), Fraction(int(zero.reshape(-1)[0]))
        scaled = value.scaled((Fraction(1),), (-offset,)).scaled(factors)
        return scaled, "exact step of the codes"
    if not isinstance(value, Constant) or value.array.dtype.kind not in "iu":
        raise refuse(node, "its input are no integers", "export integers in front of DequantizeLinear")
    integers = value.array.astype(np.int64)
    scale, zero = (_aligned(reader, node, part, integers.ndim) for part in (scale, zero))
    bottom, top = int(integers.min(initial=0)), int(integers.max(initial=0))
    dtype = IntType.holding(bottom, top) if value.array.dtype.kind == "u" else IntType.holding(min(bottom, -1), top)
    return QuantizedConstant(integers, dtype, scale, zero.astype(np.float64), node.name), f"constant of {dtype.name}"


def _scale_and_zero(reader: Reader, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
    scale = reader.constant(node, 1, "scale")
    positive(node, scale)
    given = len(node.input) > 2 and node.input[2]
    return scale, reader.constant(node, 2, "zero point") if given else np.zeros(scale.shape, dtype=np.uint8)


def _aligned(reader: Reader, node: onnx.NodeProto, values: np.ndarray, rank: int) -> np.ndarray:
    """A scale per index of `axis`, in the rank of the tensor."""
    if values.size == 1:
        return values.reshape(-1)[:1]
    axis = int(reader.attributes(node).get("axis", 1)) % rank
    if values.ndim != 1:
        raise refuse(node, f"scales of shape {values.shape}", "use one scale, or one per channel")
    return values.reshape([-1 if index == axis else 1 for index in range(rank)])


def trunc_node(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """QONNX `Trunc` (x, scale, zero, bits, bits out), since version 2 (x, scale, zero, bits, scale out, bits out)."""
    codes, options = reader.codes(node), reader.attributes(node)
    first = reader.qonnx_opset < 2
    if len(node.input) != (5 if first else 6):
        raise refuse(node, f"{len(node.input)} inputs", "Trunc has 5 in version 1 of QONNX's operators, 6 in version 2")
    scale, zero = reader.constant(node, 1, "scale"), reader.constant(node, 2, "zero point")
    positive(node, scale)
    if scale.size != 1 or zero.size != 1:
        raise refuse(node, f"{scale.size} scales, {zero.size} zero points", "use one scale for the whole tensor")
    bits_in = whole_bits(node, reader.constant(node, 3, "bit width"), 32)
    bits_out = whole_bits(node, reader.constant(node, 4 if first else 5, "bit width"), 32)
    mode = str(options.get("rounding_mode", "FLOOR")).upper()
    if mode not in ROUNDING:
        raise refuse(node, f"rounding mode {mode!r}", f"use one of {', '.join(ROUNDING)}")
    signed, narrow = bool(options.get("signed", 1)), bool(options.get("narrow", 0))
    s, z = exact(scale)[0], exact(zero)[0]
    if first:
        factor, step, lowest = Fraction(2) ** (bits_in - bits_out), s, -s * z
        where = reader.range(codes.source)
        ends = _ends(codes, where, s, z)
        low, high = (ROUNDING[mode](end / factor) for end in ends)
    else:
        out = exact(reader.constant(node, 4, "output scale"))[0]
        factor = Fraction(2) ** int(np.round(np.log2(float(out / s))))
        step, lowest = out, -out * (z / factor)
        low, high = int(min_int(signed, narrow, bits_out)), int(max_int(signed, narrow, bits_out))
    whole = Quantize((s,), z, *(int(end) for end in _whole(codes, reader.range(codes.source), s, z)))
    codes = codes.stepped(whole)
    return close(reader, node, codes, Quantize((factor,), Fraction(0), low, high, mode), (step,), (lowest,))


def _ends(codes: Codes, where, scale: Fraction, zero: Fraction) -> tuple[Fraction, Fraction]:
    """Least and greatest of round(x / scale + zero)."""
    low, high = _whole(codes, where, scale, zero)
    return Fraction(low), Fraction(high)


def _whole(codes: Codes, where, scale: Fraction, zero: Fraction) -> tuple[int, int]:
    found = []
    for channel, ends in enumerate(zip(where.low, where.high, strict=True)):
        for integer in ends:
            found.append(round(chained(codes.steps, integer, channel) / scale + zero))
    return min(found), max(found)
