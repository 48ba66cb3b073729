"""Max-pools, and sums and averages over pixels: an average's division goes into the next threshold."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import prod

import numpy as np
import onnx

from flows.compile.network import MaxPool, Range, SumPool
from flows.compile.read.activations import directions, requantize
from flows.compile.read.products import one_scale, output_sides
from flows.compile.read.products import window as sizes
from flows.compile.read.reader import Reader
from flows.compile.read.values import Codes, Layout, Value
from flows.compile.refuse import Unsupported, refuse
from flows.compile.staircase import Affine
from hw.inttype import IntType

FLATTEN = "a reshape: nothing to compute"


def window(reader: Reader, node: onnx.NodeProto, codes: Codes) -> tuple[tuple[int, int], tuple[int, int]]:
    """Kernel and sides of the result. Raises Unsupported for windows that overlap, leave gaps or reach outside."""
    options = reader.attributes(node)
    kernel = list(options.get("kernel_shape", []))
    strides = list(options.get("strides", [1] * len(kernel)))
    image = codes.layout.sizes["H"], codes.layout.sizes["W"]
    sized = codes.layout.is_image() and len(kernel) == len(strides) == len(codes.layout.groups) - 1
    if not sized or not all(map(_apart, image[-len(kernel) :], kernel, strides)):
        raise refuse(node, f"a pool {kernel} with strides {strides}", "use a pool of an image with equal stride")
    if options.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID") or any(codes.pads):
        raise refuse(node, f"a pool with auto_pad {options.get('auto_pad')!r}", "export explicit pads")
    if any(options.get("pads", [])) or options.get("ceil_mode", 0) or any(d != 1 for d in options.get("dilations", [])):
        raise refuse(node, "a pool with padding, dilation or ceil_mode", "use a plain pool, which drops the rest")
    kernel = [1, *kernel] if len(kernel) == 1 else kernel
    if any(k > n for k, n in zip(kernel, image, strict=True)):
        raise refuse(node, f"a pool {kernel} on {image[0]} x {image[1]} pixels", "use a pool within the image")
    return tuple(kernel), tuple(n // k for n, k in zip(image, kernel, strict=True))


def _apart(size: int, kernel: int, stride: int) -> bool:
    """Whether windows along a side lie one behind the other; where only one fits, any stride says so."""
    return stride == kernel or size // kernel == 1 and size - kernel < stride


def max_pool(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """Any windows. What pads them is the least integer there is, which never wins: every window has a pixel."""
    codes = reader.codes(node)
    kernel, stride, pads, sides = _max_window(reader, node, codes)
    if kernel == stride == (1, 1):
        return codes, "nothing to compute"
    codes = _rising(reader, node, codes)
    name, layout = reader.number("pool"), replace(codes.layout, shape=(*sides, codes.channels))
    where, dtype = reader.range(codes.source), reader.dtype(codes.source)
    reader.signs[name] = reader.signs[codes.source]
    reader.nodes[name] = MaxPool(
        name, (codes.source,), layout.shape, where, dtype, node.output[0], kernel, stride, pads, codes.layout.shape
    )
    return replace(codes, source=name, layout=layout), f"max-pool {name}"


def _rising(reader: Reader, node: onnx.NodeProto, codes: Codes) -> Codes:
    """The same values as steps that rise with the integers in front, whose signs are settled: weights are negated for
    it, or a depthwise product turns them."""
    ones = (1,) * codes.channels
    wanted = directions(codes.steps, reader.range(codes.source), reader.signs.get(codes.source, ones))
    try:
        reader.negate(node, codes.source, wanted)
    except Unsupported:
        codes = one_scale(reader, node, reader.plain(node, requantize(reader, node, codes)))
        reader.negate(node, codes.source, ones)
    return codes


def _max_window(reader: Reader, node: onnx.NodeProto, codes: Codes) -> tuple:
    """Kernel, stride, pads (top, left, bottom, right) and sides of the result."""
    options, groups = reader.attributes(node), codes.layout.groups
    kernel, image = list(options.get("kernel_shape", [])), (codes.layout.sizes["H"], codes.layout.sizes["W"])
    if not codes.layout.is_image() or len(kernel) != len(groups) - 1 or any(codes.pads):
        raise refuse(node, f"a pool {kernel} on a tensor {codes.layout.tensor_shape}", "use a pool of an image")
    flat = len(kernel) == 1
    kernel, stride, dilation, pads = sizes(node, options, [1, *kernel] if flat else kernel, image, flat)
    if dilation != (1, 1) or any(p >= k for p, k in zip(pads, kernel * 2, strict=True)):
        raise refuse(node, f"dilations {dilation} or pads {pads}", "pool neighbours, and pad less than the kernel")
    pads = list(pads)
    for axis in (0, 1) if options.get("ceil_mode", 0) else ():
        begin, side = pads[axis], image[axis]
        steps = -(-(begin + side + pads[axis + 2] - kernel[axis]) // stride[axis])
        steps -= steps * stride[axis] >= begin + side  # the last window begins within the image or in front of it
        pads[axis + 2] = max(pads[axis + 2], steps * stride[axis] + kernel[axis] - begin - side)
    return kernel, stride, tuple(pads), output_sides(node, image, kernel, stride, dilation, tuple(pads))


def average_pool(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`AveragePool`; `GlobalAveragePool`, `ReduceMean` and `ReduceSum` over all pixels."""
    codes = reader.codes(node)
    groups = codes.layout.groups
    if node.op_type == "AveragePool":
        kernel, sides = window(reader, node, codes)
    else:
        kernel, sides = (codes.layout.sizes["H"], codes.layout.sizes["W"]), (1, 1)
        if not codes.layout.is_image() or any(codes.pads):
            raise refuse(node, f"a sum over a tensor {codes.layout.tensor_shape}", "use it on an image")
        if node.op_type in ("ReduceMean", "ReduceSum"):
            groups = _reduced(reader, node, codes)
    codes = reader.plain(node, requantize(reader, node, codes))
    layout = Layout((*sides, codes.channels), groups)
    if kernel == (1, 1):
        return replace(codes, layout=layout), "nothing to compute"
    name, count, where = reader.number("avgpool"), prod(kernel), reader.range(codes.source)
    total = Range(tuple(count * v for v in where.low), tuple(count * v for v in where.high))
    affine, dtype = codes.affine(), reader.dtype(codes.source)
    sums = IntType.holding(count * dtype.min, count * dtype.max)
    reader.nodes[name] = SumPool(
        name, (codes.source,), layout.shape, total, sums, node.output[0], kernel, codes.layout.shape
    )
    if node.op_type == "ReduceSum":
        value = Affine(affine.factors, tuple(count * term for term in affine.terms))
        return Codes(name, layout, (value,)), f"sum {name}"
    mean = Affine(tuple(factor / count for factor in affine.factors), affine.terms)
    return Codes(name, layout, (mean,)), f"sum {name}, its division is an exact step of the next threshold"


def _reduced(reader: Reader, node: onnx.NodeProto, codes: Codes) -> tuple[str, ...]:
    options = reader.attributes(node)
    axes = options.get("axes")
    if len(node.input) > 1 and node.input[1]:
        axes = [int(a) for a in reader.constant(node, 1, "axes")]
    rank = len(codes.layout.groups) + 1
    if axes is None or sorted(int(a) % rank for a in axes) != list(range(2, rank)):
        raise refuse(node, f"a sum over the axes {axes}", "sum or average over all pixels and nothing else")
    return codes.layout.groups if options.get("keepdims", 1) else (codes.layout.labels,)


def reshape(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """`Flatten`, `Reshape`, `Squeeze`, `Unsqueeze`: the elements keep their order."""
    value = reader.value(node, 0)
    shape = value.layout.tensor_shape if isinstance(value, Codes) else value.integers.shape
    if isinstance(value, Codes):
        target = reshape_target(reader, node, (1, *shape))
        layout = value.layout.regrouped(target[1:]) if target and target[0] == 1 else None
        if layout is None or any(value.pads):
            raise refuse(node, f"it reshapes {shape} to {target}", "flatten from axis 1, and reshape nothing else")
        return replace(value, layout=layout), FLATTEN
    return value.reshaped(reshape_target(reader, node, shape)), FLATTEN


def reshape_target(reader: Reader, node: onnx.NodeProto, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape behind the node, the batch axis (1) included."""
    options, rank = reader.attributes(node), len(shape)
    if node.op_type == "Flatten":
        axis = int(options.get("axis", 1)) % (rank + 1)
        return prod(shape[:axis]), prod(shape[axis:])
    if node.op_type == "Reshape":
        wanted = [int(v) for v in reader.constant(node, 1, "shape").reshape(-1)]
        wanted = [shape[i] if v == 0 and i < rank else v for i, v in enumerate(wanted)]
        known = prod(v for v in wanted if v != -1)
        if wanted.count(-1) > 1 or known <= 0 or prod(shape) % known:
            raise refuse(node, f"a shape {wanted}", "flatten from axis 1, and reshape nothing else")
        return tuple(prod(shape) // known if v == -1 else v for v in wanted)
    axes = options.get("axes")
    if len(node.input) > 1 and node.input[1]:
        axes = [int(a) for a in reader.constant(node, 1, "axes").reshape(-1)]
    if node.op_type == "Squeeze":
        gone = [i for i, v in enumerate(shape) if v == 1] if axes is None else [int(a) % rank for a in axes]
        return tuple(v for i, v in enumerate(shape) if i not in gone)
    result = list(shape)
    for axis in sorted(int(a) % (rank + len(axes)) for a in axes):
        result.insert(axis, 1)
    return tuple(result)


def transpose(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """Of the axes behind the batch: the stream stays as it is, the layout says how the graph sees it."""
    value = reader.value(node, 0)
    rank = (len(value.layout.groups) + 1) if isinstance(value, Codes) else value.integers.ndim
    perm = list(reader.attributes(node).get("perm", range(rank)[::-1]))
    if not isinstance(value, Codes):
        return value.transposed(perm), "constant"
    if perm[0] != 0 or any(value.pads):
        raise refuse(node, f"it moves the batch axis: {perm}", "transpose the other axes only")
    groups = tuple(value.layout.groups[axis - 1] for axis in perm[1:])
    return replace(value, layout=replace(value.layout, groups=groups)), "an order of axes: nothing to compute"


def pad(reader: Reader, node: onnx.NodeProto) -> tuple[Value, str]:
    """One value around an image, which the convolution behind it adds: a level of what it takes."""
    codes, options = reader.codes(node), reader.attributes(node)
    pads = options.get("pads") or [int(v) for v in reader.constant(node, 1, "pads")]
    fill = float(options.get("value", 0.0))
    if len(node.input) > 2 and node.input[2]:
        fill = float(reader.constant(node, 2, "value").reshape(-1)[0])
    axes = codes.layout.groups
    begin, end = [int(v) for v in pads[: len(axes) + 1]], [int(v) for v in pads[len(axes) + 1 :]]
    plain = options.get("mode", "constant") == "constant" and np.isfinite(fill) and len(node.input) < 4
    if not codes.layout.is_image() or not plain or any((*begin[:2], *end[:2])) or min(*begin, *end) < 0:
        raise refuse(node, f"pads {list(pads)} with {fill:g}", "pad the sides of an image with one number")
    if len(axes) == 2:
        added = (0, begin[2], 0, end[2])
    else:
        added = (begin[2], begin[3], end[2], end[3])
    if not any(added):
        return codes, "nothing to compute"
    follower = reader.consumer(node.output[0])
    if follower is None or follower.op_type != "Conv":
        raise refuse(node, "a padded image that no convolution takes", "pad in front of convolutions only")
    if any(codes.pads) and codes.fill != Fraction(fill):
        raise refuse(node, f"pads with {fill:g} around pads with {float(codes.fill):g}", "pad once, with one value")
    wider = tuple(np.add(codes.pads, added).tolist())
    return replace(codes, pads=wider, fill=Fraction(fill)), "border of the next convolution"
