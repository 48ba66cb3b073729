"""One small network for every kind of node that other exporters write; golden equals the reference executor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper, numpy_helper

from tests.flows.compile.agree import agree
from tests.flows.compile.qonnx_networks import QONNX, NetworkWriter

SHAPE = (2, 4, 5)
Build = Callable[[NetworkWriter], None]


def integers(net: NetworkWriter, values: object, dtype: type) -> str:
    name = f"i{len(net.constants)}"
    net.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
    return name


def constant_node(net: NetworkWriter, kind: str, *inputs: str, domain: str = "", **options: object) -> str:
    name = f"c{len(net.nodes)}"
    net.nodes.append(helper.make_node(kind, list(inputs), [name], name, domain=domain, **options))
    return name


def hidden(net: NetworkWriter, channels: int = 3) -> None:
    net.conv(channels, 2, 0, 3)


def quantizer(scale: object, zero: float, bits: int, **options: object) -> Build:
    def build(net: NetworkWriter) -> None:
        hidden(net)
        net.quant(scale, zero, bits, **options)

    return build


def step(kind: str, *numbers: object, **options: object) -> Build:
    """A node between a layer and its quantizer."""

    def build(net: NetworkWriter) -> None:
        hidden(net)
        net.node(kind, *(net.number(value) for value in numbers), **options)
        net.quant(0.25, 0, 3)

    return build


def bipolar(net: NetworkWriter) -> None:
    hidden(net)
    net.node("BipolarQuant", net.number(0.5), domain=QONNX)


def sign(net: NetworkWriter) -> None:
    hidden(net)
    net.node("Sign")


def input_quantizer(net: NetworkWriter) -> None:
    net.quant(0.25, 0, 3)
    hidden(net)
    net.quant(0.25, 0, 3)


def input_bipolar(net: NetworkWriter) -> None:
    net.node("Sub", net.number(1.0))
    net.node("BipolarQuant", net.number(1.0), domain=QONNX)
    hidden(net)
    net.quant(0.25, 0, 3)


def batch_norm(net: NetworkWriter) -> None:
    hidden(net)
    random = net.random
    values = random.normal(0, 1, 3), random.normal(0, 1, 3), random.normal(0, 1, 3), random.uniform(0.5, 2, 3)
    net.node("BatchNormalization", *(net.number(value) for value in values), epsilon=1e-5)
    net.quant(0.3, 0, 3)


def weight(shape: tuple, scale: object, bits: int, **options: object) -> Callable[[NetworkWriter], str]:
    def build(net: NetworkWriter) -> str:
        lowest = -(2 ** (bits - 1)) if options["signed"] else 0
        values = net.random.integers(lowest, lowest + 2**bits, shape) * np.asarray(scale)
        inputs = [net.number(values), net.number(scale), net.number(0), net.number(bits)]
        return constant_node(net, "Quant", *inputs, domain=QONNX, rounding_mode="ROUND", **options)

    return build


def conv_of(make: Callable[[NetworkWriter], str], *more: Callable[[NetworkWriter], str]) -> Build:
    def build(net: NetworkWriter) -> None:
        operands = [part(net) for part in (make, *more)]
        net.node("Conv", *operands, kernel_shape=[2, 2], pads=[0] * 4, strides=[1, 1])
        net.shape = (3, 3, 4)
        net.quant(0.5, 0, 4)

    return build


PER_CHANNEL = np.reshape([0.25, 0.5, 0.125], (3, 1, 1, 1))


def quantized_bias(net: NetworkWriter) -> str:
    inputs = [net.number([0.5, -0.25, 1.0]), net.number(2.0**-6), net.number(0), net.number(16)]
    return constant_node(net, "Quant", *inputs, domain=QONNX, signed=1, narrow=0, rounding_mode="ROUND")


def qcdq_weight(net: NetworkWriter) -> str:
    values = net.random.integers(-7, 8, (3, 2, 2, 2)) * PER_CHANNEL
    scale, zero = net.number(PER_CHANNEL.reshape(-1)), integers(net, [0, 0, 0], np.int8)
    codes = constant_node(net, "QuantizeLinear", net.number(values), scale, zero, axis=0)
    codes = constant_node(net, "Clip", codes, integers(net, -7, np.int8), integers(net, 7, np.int8))
    return constant_node(net, "DequantizeLinear", codes, scale, zero, axis=0)


def integer_weight(net: NetworkWriter) -> str:
    values = integers(net, net.random.integers(-7, 8, (3, 2, 2, 2)), np.int8)
    return constant_node(net, "DequantizeLinear", values, net.number(0.25), integers(net, 0, np.int8))


def integer_bias(net: NetworkWriter) -> str:
    return constant_node(
        net, "DequantizeLinear", integers(net, [5, -3, 40], np.int32), net.number(2.0**-6), integers(net, 0, np.int32)
    )


def qcdq(signed: bool, zero: int, clip: tuple[int, int] | None) -> Build:
    dtype = np.int8 if signed else np.uint8

    def build(net: NetworkWriter) -> None:
        net.conv(3, 2, 0, 3)
        operands = net.number(0.25), integers(net, zero, dtype)
        net.node("QuantizeLinear", *operands)
        if clip:
            net.node("Clip", integers(net, clip[0], dtype), integers(net, clip[1], dtype))
        net.node("DequantizeLinear", *operands)

    return build


def trunc(version: int, mode: str) -> Build:
    """As Brevitas exports an average pool: the sum as an average times its size, then the upper bits of it."""

    def build(net: NetworkWriter) -> None:
        net.qonnx_opset = version
        hidden(net)
        net.quant(0.5, 0, 3, signed=0)
        net.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
        net.node("Mul", net.number(4.0))
        net.shape = (3, 1, 2)
        numbers = (0.5, 0, 5, 3) if version == 1 else (0.5, 0, 5, 2.0, 3)
        options = {} if version == 1 else {"signed": 0, "narrow": 0}
        net.node("Trunc", *map(net.number, numbers), domain=QONNX, rounding_mode=mode, **options)
        net.node("Div", net.number(4.0))

    return build


def channels_last(net: NetworkWriter) -> None:
    """As Keras models arrive: turned around every convolution, a dense layer on the flattened (H, W, C)."""
    hidden(net)
    net.node("Transpose", perm=[0, 2, 3, 1])
    net.quant(0.25, 0, 3)
    net.node("Transpose", perm=[0, 3, 1, 2])
    net.conv(4, 2, 0, 3)
    net.node("Transpose", perm=[0, 2, 3, 1])
    net.quant(0.5, 0, 3)


def dense_per_pixel(net: NetworkWriter) -> None:
    hidden(net)
    net.quant(0.25, 0, 3)
    net.node("Transpose", perm=[0, 2, 3, 1])
    net.node("MatMul", net.weight((3, 5), 3, 0.25))
    net.shape = (5, 3, 4)
    net.quant(0.5, 0, 3)


def same_padding(net: NetworkWriter) -> None:
    net.node("Conv", net.weight((3, 2, 2, 3), 3, 0.125), kernel_shape=[2, 3], auto_pad="SAME_UPPER", strides=[2, 2])
    net.shape = (3, 2, 3)
    net.quant(0.25, 0, 3)


def pad_node(net: NetworkWriter) -> None:
    net.node("Pad", integers(net, [0, 0, 1, 0, 0, 0, 0, 2], np.int64))
    net.shape = (2, 5, 7)
    hidden(net)
    net.quant(0.25, 0, 3)


def padded_zero_point(net: NetworkWriter) -> None:
    hidden(net)
    net.quant(0.25, 3, 3, signed=0)
    net.conv(3, 3, 1, 3)
    net.quant(0.5, 0, 3)


def reduce_mean(net: NetworkWriter) -> None:
    hidden(net)
    net.quant(0.25, 0, 3)
    net.node("ReduceMean", integers(net, [2, 3], np.int64), keepdims=0)
    net.shape = (3,)
    net.quant(2.0**-5, 0, 6)


def reduce_sum(net: NetworkWriter) -> None:
    """Wider than an activation: up to 12 * 15, and taken by the linear layer as it is."""
    hidden(net)
    net.dqa(4)
    net.node("ReduceSum", integers(net, [-1, 2], np.int64), keepdims=0)
    net.shape = (3,)
    net.node("Mul", net.number(2.0**-4))


def reduce_sum_kept(net: NetworkWriter) -> None:
    """The axes stay, and a 1x1 convolution takes sums of 9 bits."""
    hidden(net)
    net.quant(0.125, 0, 6, signed=0)
    net.node("ReduceSum", integers(net, [2, 3], np.int64), keepdims=1)
    net.shape = (3, 1, 1)
    net.conv(4, 1, 0, 3)
    net.quant(0.5, 0, 4)


def padded_with_the_lowest_level(net: NetworkWriter) -> None:
    hidden(net)
    net.dqa(3)
    net.node("Pad", integers(net, [0, 0, 1, 2, 0, 0, 0, 1], np.int64), net.number(-3.5 / 4))
    net.shape = (3, net.shape[1] + 1, net.shape[2] + 3)
    net.conv(4, 3, 0, 3)
    net.quant(0.5, 0, 3)


def padded_with_a_level_between(net: NetworkWriter) -> None:
    """Around a depthwise convolution, and with a step that float32 rounds."""
    hidden(net)
    net.dqa(2, step=0.3)
    net.node("Pad", integers(net, [0, 0, 1, 1, 0, 0, 1, 1], np.int64), net.number(np.float32(0.5) * np.float32(0.3)))
    net.shape = (3, net.shape[1] + 2, net.shape[2] + 2)
    net.conv(3, 3, 0, 3, group=3)
    net.quant(0.5, 0, 3)


def shape_chain(net: NetworkWriter) -> None:
    """torch's `x.view(x.shape[0], -1)`."""
    hidden(net)
    net.quant(0.25, 0, 3)
    tensor = net.tensor
    size = constant_node(net, "Shape", tensor)
    first = constant_node(net, "Gather", size, integers(net, 0, np.int64), axis=0)
    first = constant_node(net, "Unsqueeze", first, integers(net, [0], np.int64))
    target = constant_node(net, "Concat", first, integers(net, [-1], np.int64), axis=0)
    net.node("Reshape", target)
    net.shape = (36,)


def channels(*values: float) -> np.ndarray:
    return np.reshape(values, (len(values), 1, 1))


TURNED = channels(-0.5, 0.75, -1.0)


def behind(*parts: Build) -> Build:
    """A layer, `parts`, and a batch norm of which some factors are negative."""

    def build(net: NetworkWriter) -> None:
        hidden(net)
        for part in parts:
            part(net)
        net.node("Mul", net.number(TURNED))
        net.node("Add", net.number(channels(0.3, 0.1, -0.2)))
        net.quant(0.25, 0, 3)

    return build


def quant(net: NetworkWriter) -> None:
    net.quant(0.25, 0, 3)


def pool(kernel: tuple[int, int], strides: tuple[int, int], pads: tuple = (0, 0, 0, 0), **options: object) -> Build:
    def build(net: NetworkWriter) -> None:
        net.node("MaxPool", kernel_shape=list(kernel), strides=list(strides), pads=list(pads), **options)
        extra = [s - 1 if options.get("ceil_mode") else 0 for s in strides]
        sides = zip(net.shape[1:], kernel, strides, pads[:2], pads[2:], extra, strict=True)
        net.shape = (net.shape[0], *((n + a + b + more - k) // s + 1 for n, k, s, a, b, more in sides))

    return build


def factors(*values: float) -> Build:
    return lambda net: net.node("Mul", net.number(channels(*values)))


def quantizer_of(scale: object) -> Build:
    return lambda net: net.quant(scale, 0, 3)


branch_scales = quantizer_of(channels(0.25, 0.5, 0.125)[None])


def average(net: NetworkWriter) -> None:
    net.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.shape = (3, 1, 2)


def two_quantizers(join: str, first: Build, second: Build, **options: object) -> Build:
    """Of the same sums, and what joins them."""

    def build(net: NetworkWriter) -> None:
        start = net.tensor
        first(net)
        one, net.tensor = net.tensor, start
        second(net)
        net.node(join, one, **options)
        net.shape = (net.shape[0] * (1 + (join == "Concat")), *net.shape[1:])

    return build


def turned_quantizer(net: NetworkWriter) -> None:
    net.node("Mul", net.number(channels(-1, 0.5, 0.5)))
    net.quant(0.25, 0, 3)


def chain(*parts: Build) -> Build:
    def build(net: NetworkWriter) -> None:
        for part in parts:
            part(net)

    return build


def negative_weight(kind: str, *numbers: float, **options: object) -> Callable[[NetworkWriter], str]:
    def build(net: NetworkWriter) -> str:
        values = net.random.integers(-3, 4, (3, 2, 2, 2)) * 0.25 + 0.125
        scale = net.number(np.reshape([-0.25, 0.25, -0.5], (3, 1, 1, 1)))
        return constant_node(net, kind, net.number(values), scale, *map(net.number, numbers), domain=QONNX, **options)

    return build


def weight_with_zero_point(net: NetworkWriter) -> str:
    values = integers(net, net.random.integers(100, 150, (3, 2, 2, 2)), np.uint8)
    return constant_node(net, "DequantizeLinear", values, net.number(0.25), integers(net, 128, np.uint8))


def turned_weights_of_eight_full_bits(net: NetworkWriter) -> None:
    """Negated they would need nine."""
    values = net.random.integers(-128, 128, (3, 2, 2, 2))
    values[:, 0] = -128
    numbers = [net.number(value) for value in (values, 1.0, 0, 8)]
    full = constant_node(net, "Quant", *numbers, domain=QONNX, signed=1, narrow=0, rounding_mode="ROUND")
    net.node("Conv", full, kernel_shape=[2, 2], pads=[0] * 4, strides=[1, 1])
    net.shape = (3, 3, 4)
    net.node("Mul", net.number(TURNED / 512))
    net.quant(0.25, 0, 3)


def prelu_per_channel(net: NetworkWriter) -> None:
    net.node("PRelu", net.number(channels(0.25, 0.5, 0.125)))
    net.quant(0.25, 0, 3)


def later_trunc(net: NetworkWriter) -> None:
    net.qonnx_opset = 2
    net.quant(0.5, 0, 5)
    net.node("Mul", net.number(channels(-1, 1, -1)))
    options = {"rounding_mode": "FLOOR", "signed": 1, "narrow": 0}
    net.node("Trunc", *map(net.number, (0.5, 0, 5, 2.0, 3)), domain=QONNX, **options)


def bipolar_with_scales(net: NetworkWriter) -> None:
    net.node("BipolarQuant", net.number(channels(-0.5, 0.5, -1.0)[None]), domain=QONNX)


def negative_scales(net: NetworkWriter) -> None:
    net.quant(channels(-0.25, 0.5, -0.125)[None], 0, 3)


def another_conv(net: NetworkWriter) -> None:
    net.conv(3, 2, 0, 3)
    net.quant(0.25, 0, 3)


NODES: dict[str, Build] = {
    "turned, behind codes": behind(quant),
    "turned, behind a bipolar one": behind(lambda net: net.node("BipolarQuant", net.number(0.5), domain=QONNX)),
    "turned, behind a sum": behind(two_quantizers("Add", quant, quantizer_of(0.5))),
    "turned, behind an average": behind(quant, average),
    "turned, behind a max-pool": behind(quant, pool((2, 2), (2, 2))),
    "turned, behind a max-pool of sums": behind(pool((2, 2), (2, 2))),
    "turned in front of and behind a max-pool": behind(factors(-0.5, 0.75, 1.0), pool((2, 2), (2, 2))),
    "turned codes in a max-pool": chain(hidden, quant, factors(-0.5, 0.75, -1.0), pool((2, 2), (2, 2)), quant),
    "turned, behind a concatenation": chain(
        hidden, two_quantizers("Concat", quant, quantizer_of(0.5), axis=1), factors(-1, 1, -0.5, 0.5, -1, 1), quant
    ),
    "turned weights of eight full bits": turned_weights_of_eight_full_bits,
    "turned pixels": chain(factors(-0.5, 0.75), quant, another_conv),
    "turned in one of two branches": chain(hidden, two_quantizers("Add", quant, turned_quantizer), quant),
    "turned, behind codes, in front of trunc": chain(hidden, later_trunc),
    "scales per channel in a branch": chain(hidden, two_quantizers("Add", quant, branch_scales), quant),
    "scales per channel behind an offset": chain(hidden, lambda net: net.dqa(2), factors(0.5, 1, 0.25), another_conv),
    "negative scales": chain(hidden, negative_scales),
    "negative bipolar scales": chain(hidden, bipolar_with_scales),
    "negative weight scales": conv_of(negative_weight("Quant", 0, 3, signed=1, narrow=0, rounding_mode="ROUND")),
    "negative scales of bipolar weights": conv_of(negative_weight("BipolarQuant")),
    "weight with a zero point": conv_of(weight_with_zero_point),
    "prelu with a slope per channel": chain(hidden, prelu_per_channel),
    "max-pool with windows that overlap": chain(hidden, quant, pool((3, 3), (2, 1))),
    "max-pool that is not square": chain(hidden, quant, pool((1, 2), (1, 2))),
    "max-pool of sums with a border": chain(hidden, pool((3, 3), (2, 2), (1, 1, 1, 1)), quant),
    "max-pool with a half window": chain(hidden, quant, pool((2, 2), (2, 2), ceil_mode=1)),
    **{f"rounding {mode}": quantizer(0.25, 0, 3, mode=mode) for mode in ("ROUND", "FLOOR", "CEIL", "HALF_UP", "DOWN")},
    "signed zero point": quantizer(0.25, 2, 4),
    "unsigned zero point": quantizer(0.25, 5, 4, signed=0),
    "narrow": quantizer(0.25, 0, 3, narrow=1),
    "one signed bit": quantizer(0.25, 0, 1),
    "scale per channel": lambda net: quantizer(np.reshape([0.25, 0.5, 0.75], (1, 3, 1, 1)), 0, 3)(net),
    "bipolar activation": bipolar,
    "sign": sign,
    "input quantizer": input_quantizer,
    "bipolar input": input_bipolar,
    "batch norm": batch_norm,
    "hard tanh": step("Clip", -1.0, 1.0),
    "hard sigmoid": step("HardSigmoid", alpha=0.25, beta=0.5),
    "leaky relu": step("LeakyRelu", alpha=0.125),
    "prelu": step("PRelu", [[[0.25]]]),
    "neg": step("Neg"),
    "division": step("Div", 2.0),
    "subtraction": step("Sub", np.reshape([0.5, 1.0, -0.25], (3, 1, 1))),
    "weights of full range": conv_of(weight((3, 2, 2, 2), 0.25, 3, signed=1, narrow=0)),
    "unsigned weights": conv_of(weight((3, 2, 2, 2), 0.25, 3, signed=0, narrow=0)),
    "weight scales per channel": conv_of(weight((3, 2, 2, 2), PER_CHANNEL, 3, signed=1, narrow=0)),
    "bias": conv_of(weight((3, 2, 2, 2), 0.25, 3, signed=1, narrow=0), lambda net: net.number([0.5, -0.3, 2.0])),
    "quantized bias": conv_of(weight((3, 2, 2, 2), 0.25, 3, signed=1, narrow=0), quantized_bias),
    "QCDQ weight": conv_of(qcdq_weight),
    "integer weight and bias": conv_of(integer_weight, integer_bias),
    "QCDQ int8": qcdq(True, 0, None),
    "QCDQ uint8 with zero point": qcdq(False, 9, None),
    "QCDQ of 3 bits": qcdq(True, 0, (-4, 3)),
    "trunc": trunc(1, "FLOOR"),
    "trunc of version 2": trunc(2, "FLOOR"),
    "trunc that rounds": trunc(2, "ROUND"),
    "channels last": channels_last,
    "dense per pixel": dense_per_pixel,
    "same padding": same_padding,
    "pad node": pad_node,
    "padding with a zero point": padded_zero_point,
    "reduce mean": reduce_mean,
    "reduce sum": reduce_sum,
    "reduce sum that keeps its axes": reduce_sum_kept,
    "padding with the lowest level": padded_with_the_lowest_level,
    "padding with a level that float32 rounds": padded_with_a_level_between,
    "shape chain": shape_chain,
}


def write(build: Build, path: Path) -> Path:
    net = NetworkWriter(SHAPE, 5)
    net.node("Mul", net.number(2.0**-7))
    build(net)
    if len(net.shape) == 3:
        net.flatten()
    net.linear(3, 4)
    return net.save(path, SHAPE)


@pytest.mark.parametrize("name", list(NODES))
def test_golden_is_the_reference(name: str, tmp_path: Path) -> None:
    agree(write(NODES[name], tmp_path / "model.onnx"), SHAPE)
