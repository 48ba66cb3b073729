"""Quantizers, of weights and of activations: a staircase closes the chain that stands in front of it."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from math import gcd, lcm

import numpy as np
import onnx
from qonnx.custom_op.general.quant import max_int, min_int, quant

from flows.compile.network import INPUT, Activation, Noise, Product, Range, Sum
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes, Constant, QuantizedConstant, Value
from flows.compile.refuse import MAX_BITS, Unsupported, finite, no_zero, positive, refuse, whole_bits
from flows.compile.staircase import (
    ROUNDING,
    Affine,
    CountThresholds,
    Mirror,
    OnGrid,
    Quantize,
    Sign,
    Staircase,
    Step,
    chained,
    exact,
    spread,
)
from hw.inttype import IntType

MAX_THRESHOLDS = 255
MAX_WIDE_BITS = 32
"""Of quantizers whose codes are not all reached, and of bias quantizers."""
LISTED = 1 << 10
"""Up to so many integers, a staircase is tried on all of them."""


def close(
    reader: Reader,
    node: onnx.NodeProto,
    codes: Codes,
    last: Step,
    step: tuple[Fraction, ...],
    lowest: tuple[Fraction, ...],
    bipolar: bool = False,
    tensor: str = "",
    noise: Noise | None = None,
) -> tuple[Codes, str]:
    """An activation behind `codes`: value = step * code + lowest. None is made behind quantized integers where its
    codes are those integers, up to one offset for all.

    A channel whose codes fall with its integers gets negated weights; where no weights of its own stand behind it, its
    codes are mirrored, so that they rise, and its step is negative instead.
    """
    steps = codes.steps or (Affine((Fraction(1),)),)
    stairs = Staircase((*steps, last), last.low, last.high, last.step)
    where = reader.range(codes.source)
    quantized = not isinstance(reader.nodes.get(codes.source), Product | Sum)
    shift = _identity(stairs, where, reader.dtype(codes.source)) if quantized else None
    if shift is not None and not any(sign < 0 for sign in reader.signs.get(codes.source, ())):
        kept = Affine(step, tuple(low + shift * s for low, s in _pairs(lowest, step)))
        role = "its codes are the integers that come in" if codes.source != INPUT else "its codes are the pixels"
        return replace(codes, steps=(kept,)), role
    graph_signs = directions(stairs.steps, where, reader.signs.get(codes.source, (1,) * len(where.low)))
    try:
        reader.negate(node, codes.source, graph_signs)
    except Unsupported:
        if noise is not None:  # it is drawn for rising codes
            raise
        settled = reader.signs.setdefault(codes.source, (1,) * len(graph_signs))
        stairs, step, lowest = _mirrored(stairs, step, lowest, graph_signs, settled)
        graph_signs = settled
    name = f"act_{codes.source}"
    if name in reader.nodes:
        name = reader.number(f"{name}_")
    after, reached = reader.range(codes.source), []
    if noise is not None:
        after = noisy_range(after, noise)
    for channel, (low, high, sign) in enumerate(zip(after.low, after.high, graph_signs, strict=True)):
        reached.append((stairs(sign * low, channel), stairs(sign * high, channel)))
    codes_range = Range(tuple(low for low, _ in reached), tuple(high for _, high in reached))
    bottom, top = min(codes_range.low), max(codes_range.high)
    if (top - bottom) // stairs.step > MAX_THRESHOLDS:
        raise refuse(
            node, f"{(top - bottom) // stairs.step} steps", f"quantize to at most {MAX_BITS} bits in front of a layer"
        )
    dtype = IntType.parse("BIPOLAR") if bipolar else IntType.holding(min(0, bottom), max(0, top))
    layout = codes.layout
    reader.nodes[name] = Activation(
        name, (codes.source,), layout.shape, codes_range, dtype, tensor or node.output[0],
        stairs, graph_signs, after, step, lowest, layout.labels, noise,
    )  # fmt: skip
    return Codes(name, layout, (Affine(step, lowest),)), f"{'stochastic ' if noise else ''}threshold {name}"


def noisy_range(where: Range, noise: Noise) -> Range:
    """Least and greatest sum of integer and noise, per channel."""
    low = tuple(low - spread // 2 for low, spread in zip(where.low, noise.spread, strict=True))
    high = tuple(high + spread - 1 - spread // 2 for high, spread in zip(where.high, noise.spread, strict=True))
    return Range(low, high)


def _noise(reader: Reader, node: onnx.NodeProto, codes: Codes) -> Noise | None:
    """What the attributes `noise_*` of this project's export say (brevitas_models/export_handlers.py)."""
    options, channels = reader.attributes(node), codes.channels
    if "noise_spread" not in options:
        return None
    spread, gains = tuple(options["noise_spread"]), exact(np.float32(options.get("noise_gain", ())))
    affine = codes.affine()
    if affine is None or not isinstance(reader.nodes.get(codes.source), Product) or codes.source in _taken(reader):
        raise refuse(node, "noise on other values than a layer's sums", "export it from this project's own networks")
    if len(spread) != channels or len(gains) != channels or min(spread) < 1:
        raise refuse(node, f"noise of {len(spread)} channels on {channels}", "give each channel a spread and a gain")
    if any(abs(factor) != gain for factor, gain in _pairs(affine.factors, gains)):
        raise refuse(node, "noise in other units than the layer's sums", "export the network again")
    return Noise(spread, int(options.get("noise_bits", 0)), int(options.get("noise_seed", 0)))


def _taken(reader: Reader) -> set[str]:
    return {source for other in reader.nodes.values() for source in other.inputs}


def _pairs(*columns: tuple) -> zip:
    length = max(map(len, columns))
    return zip(*(c * length if len(c) == 1 else c for c in columns), strict=True)


def _identity(stairs: Staircase, where: Range, dtype: IntType) -> int | None:
    """`code - integer` where that is one number for every channel and integer."""
    if max(where.high) - min(where.low) > LISTED:
        return None
    shift = stairs(where.low[0], 0) - where.low[0]
    seen: set[tuple[int, int]] = set()
    for channel, (low, high) in enumerate(zip(where.low, where.high, strict=True)):
        if (low, high) in seen and not stairs.per_channel:
            continue
        seen.add((low, high))
        if any(stairs(v, channel) - v != shift for v in (high, *range(low, high, 2 if dtype.bipolar else 1))):
            return None
    return shift


def _mirrored(
    stairs: Staircase, step: tuple, lowest: tuple, wanted: tuple[int, ...], settled: tuple[int, ...]
) -> tuple[Staircase, tuple, tuple]:
    """The same values with codes `low + high - code` in the channels whose `settled` sign is not the `wanted` one."""
    flags, total = tuple(a != b for a, b in zip(wanted, settled, strict=True)), stairs.low + stairs.high
    flags = flags[:1] if len(set(flags)) == 1 else flags
    lowest = spread(lambda flag, s, low: low + total * s if flag else low, flags, step, lowest)
    step = spread(lambda flag, s: -s if flag else s, flags, step)
    return replace(stairs, steps=(*stairs.steps, Mirror(flags, total))), step, lowest


def directions(steps: tuple[Step, ...], where: Range, signs: tuple[int, ...]) -> tuple[int, ...]:
    """Per channel -1 where the steps fall with the graph's own integer; `signs`: what holds already, kept where they
    are level."""
    found = []
    for channel, (low, high, sign) in enumerate(zip(where.low, where.high, signs, strict=True)):
        first, last = (chained(steps, sign * end, channel) for end in (low, high))
        found.append(sign if last >= first else -sign)
    return tuple(found)


def per_channel(node: onnx.NodeProto, codes: Codes, constant: np.ndarray, what: str) -> tuple[Fraction, ...]:
    """A constant that meets a tensor: one number, or one per channel. Raises Unsupported where it varies otherwise."""
    if constant.size == 1:
        return tuple(exact(constant))
    shape = codes.layout.tensor_shape
    aligned = constant.shape if constant.ndim <= len(shape) else constant.shape[1:]
    refusal = refuse(
        node, f"{what} of shape {constant.shape} on a tensor {shape}", "use one number, or one per channel"
    )
    if constant.ndim > len(shape) + 1 or (constant.ndim == len(shape) + 1 and constant.shape[0] != 1):
        raise refusal
    aligned = (1,) * (len(shape) - len(aligned)) + aligned
    axis = codes.layout.axis_of_channels()
    if axis is None or aligned[axis] != shape[axis] or constant.size != shape[axis]:
        if np.all(constant == constant.reshape(-1)[0]) and all(
            a in (1, b) for a, b in zip(aligned, shape, strict=True)
        ):
            return tuple(exact(constant.reshape(-1)[:1]))
        raise refusal
    return tuple(exact(constant))


def _options(reader: Reader, node: onnx.NodeProto) -> tuple[bool, bool, str]:
    options = reader.attributes(node)
    mode = str(options.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDING:
        raise refuse(node, f"rounding mode {mode!r}", f"use one of {', '.join(ROUNDING)}")
    return bool(options.get("signed", 1)), bool(options.get("narrow", 0)), mode


def quant_node(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """QONNX `Quant`: clip(rounded(x / scale + zero_point)) - zero_point) * scale; one signed bit is -1 or 1."""
    scale, zero = reader.constant(node, 1, "scale"), reader.constant(node, 2, "zero point")
    no_zero(node, scale)
    signed, narrow, mode = _options(reader, node)
    value = reader.value(node, 0)
    if not isinstance(value, Codes):
        return _quantized_constant(reader, node, scale, zero, signed, narrow, mode)
    bits = whole_bits(node, reader.constant(node, 3, "bit width"), MAX_WIDE_BITS)
    if not np.all(zero == zero.reshape(-1)[0]):
        raise refuse(node, "a zero point per channel", "use one zero point for the whole tensor")
    scales, offset = per_channel(node, value, scale, "scales"), exact(zero)[0]
    lowest = tuple(-s * offset for s in scales)
    if bits == 1 and signed:
        positive(node, scale)
        if len(scales) > 1 and offset:
            raise refuse(node, "one bit with a scale per channel and a zero point", "leave one of them out")
        return close(reader, node, value, Sign(-scales[0] * offset), scales, lowest, bipolar=True)
    low, high = int(min_int(signed, narrow, bits)), int(max_int(signed, narrow, bits))
    return close(reader, node, value, Quantize(scales, offset, low, high, mode), scales, lowest)


def _quantized_constant(
    reader: Reader, node: onnx.NodeProto, scale: np.ndarray, zero: np.ndarray, signed: bool, narrow: bool, mode: str
) -> tuple[Value, str]:
    value = reader.value(node, 0)
    reals = finite(node, value.array if isinstance(value, Constant) else np.float32(value.reals()), "weight")
    bits = reader.constant(node, 3, "bit width")
    width = whole_bits(node, bits, MAX_WIDE_BITS)
    try:
        np.broadcast_to(scale, reals.shape), np.broadcast_to(zero, reals.shape)
    except ValueError:
        raise refuse(
            node, f"scales {scale.shape} for a weight {reals.shape}", "use one scale, or one per output channel"
        ) from None
    mode = "DOWN" if mode == "ROUND_TO_ZERO" else mode
    real = quant(reals, scale, zero, np.float32(width), signed, narrow, mode)
    integers = np.rint(real.astype(np.float64) / scale.astype(np.float64) + zero).astype(np.int64)
    dtype = IntType.parse("BIPOLAR") if width == 1 and signed else IntType(width, signed)
    return QuantizedConstant(integers, dtype, scale, zero, node.name), f"constant of {dtype.name}"


def bipolar_node(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """QONNX `BipolarQuant`: scale where x >= 0, else -scale."""
    scale = reader.constant(node, 1, "scale")
    no_zero(node, scale)
    value = reader.value(node, 0)
    if isinstance(value, Codes):
        scales = per_channel(node, value, scale, "scales")
        return close(reader, node, value, Sign(), scales, (Fraction(0),), bipolar=True)
    reals = finite(node, value.array if isinstance(value, Constant) else np.float32(value.reals()), "weight")
    integers = np.where(reals >= 0, 1, -1).astype(np.int64)
    return QuantizedConstant(integers, IntType.parse("BIPOLAR"), scale, np.zeros(1), node.name), "constant of BIPOLAR"


def threshold_node(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """QONNX `MultiThreshold`: out_scale * count + out_bias."""
    codes, table = reader.codes(node), reader.constant(node, 1, "thresholds")
    options = reader.attributes(node)
    if table.ndim != 2 or len(table) not in (1, codes.channels) or not 1 <= table.shape[1] <= MAX_THRESHOLDS:
        raise refuse(
            node, f"thresholds {table.shape} for {codes.channels} channels",
            f"use 1 to {MAX_THRESHOLDS} thresholds, for all channels or for each",
        )  # fmt: skip
    rows = [exact(row) for row in table]
    if any(row != sorted(row) for row in rows):
        raise refuse(node, "its thresholds are not ascending", "sort them")
    name = str(options.get("out_dtype", ""))
    if not re.fullmatch(r"BINARY|BIPOLAR|U?INT[1-8]", name):
        raise refuse(node, f"the type {name or 'none'}", "use integers of at most 8 bits")
    gain, bias = exact(options.get("out_scale", 1.0))[0], exact(options.get("out_bias", 0.0))[0]
    if gain <= 0:
        raise refuse(node, f"scale {float(gain)}", "scales must be positive")
    noise = _noise(reader, node, codes)
    return close(reader, node, codes, CountThresholds(rows), (gain,), (bias,), noise=noise)


def requantize(reader: Reader, node: onnx.NodeProto, codes: Codes) -> Codes:
    """Codes behind a chain that is no affine (a Relu on quantized values, ...), as new codes on one exact grid.

    Raises Unsupported where the values lie on no grid of at most 256 points.
    """
    if codes.affine() is not None:
        return codes
    where = reader.range(codes.source)
    unquantized = refuse(node, "its input is not quantized", "put an activation quantizer in front of it")
    if max(where.high) - min(where.low) > LISTED:
        raise unquantized
    values = {
        chained(codes.steps, integer, channel)
        for channel, (low, high) in enumerate(zip(where.low, where.high, strict=True))
        for integer in range(low, high + 1)
    }
    lowest, highest = min(values), max(values)
    grid = rational_gcd([value - lowest for value in values]) or Fraction(1)
    first = lowest / grid
    start = int(first) if first.denominator == 1 else 0  # codes count from zero where zero is on the grid
    origin = lowest - start * grid
    count = int((highest - lowest) / grid)
    if count > MAX_THRESHOLDS:
        raise unquantized
    last = OnGrid(grid, origin, start, start + count)
    tensor = next((name for name in node.input if _same(reader.values.get(name), codes)), reader.result)
    closed, _ = close(reader, node, codes, last, (grid,), (origin,), tensor=tensor)
    reader.values[tensor] = closed
    return closed


def _same(value: Value | None, codes: Codes) -> bool:
    return isinstance(value, Codes) and value.steps is codes.steps and value.source == codes.source


def rational_gcd(values: list[Fraction]) -> Fraction:
    """The greatest number of which all are whole multiples; 0 for zeros."""
    numerator, denominator = 0, 1
    for value in values:
        denominator = lcm(denominator, value.denominator)
    for value in values:
        numerator = gcd(numerator, int(value * denominator))
    return Fraction(numerator, denominator)
