"""Networks that have no circuit: each must be refused with FlowError, by name, with a reason and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from tests.flows.compile.qonnx_networks import QONNX, NetworkWriter

Build = Callable[[NetworkWriter], None]


def conv(net: NetworkWriter, channels: int = 3, **changes: object) -> None:
    """A 2x2 convolution with these attributes instead of the plain ones."""
    c, h, w = net.shape
    inputs = c // int(changes.get("group", 1))
    plain = {"kernel_shape": [2, 2], "pads": [0] * 4, "strides": [1, 1], "group": 1, "dilations": [1, 1]}
    net.node("Conv", net.weight((channels, inputs, 2, 2), 4, 0.125), **plain | changes)
    pads, gap = (plain | changes)["pads"], (plain | changes)["dilations"][0]
    net.shape = (channels, h + pads[0] + pads[2] - gap, w + pads[1] + pads[3] - gap)


def hidden(net: NetworkWriter, kind: str = "dqa") -> None:
    conv(net)
    net.activation(kind, 2)


def end(net: NetworkWriter, classes: int = 3) -> None:
    net.flatten()
    net.linear(classes, 4)


def then_end(build: Build) -> Build:
    """`build` on an image of a hidden layer, and a linear layer behind it."""

    def run(net: NetworkWriter) -> None:
        hidden(net)
        build(net)
        end(net)

    return run


def pool(
    net: NetworkWriter, kind: str = "MaxPool", kernel: int = 2, stride: int = 2, pad: int = 0, **more: object
) -> None:
    net.node(kind, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, **more)
    rounding = stride - 1 if more.get("ceil_mode") else 0
    net.shape = (net.shape[0], *((n + 2 * pad - kernel + rounding) // stride + 1 for n in net.shape[1:]))


def swap(net: NetworkWriter, perm: list[int]) -> None:
    net.node("Transpose", perm=perm)
    net.shape = tuple(net.shape[p - 1] for p in perm[1:])


def weight_quantizer(scale: object, zero: float = 0, bits: float = 4, signed: int = 1) -> Build:
    def run(net: NetworkWriter) -> None:
        net.flatten()
        real = net.random.integers(-7, 8, (3, net.shape[0])) * 0.25
        operands = [net.number(real), net.number(scale), net.number(zero), net.number(bits)]
        options = {"narrow": 1, "signed": signed, "rounding_mode": "ROUND"}
        node = onnx.helper.make_node("Quant", operands, ["weight"], "weight", domain=QONNX, **options)
        net.nodes.append(node)
        net.node("Gemm", "weight", transB=1)
        net.shape = (3,)

    return run


def thresholds(table: object, **changes: object) -> Build:
    def run(net: NetworkWriter) -> None:
        conv(net)
        plain = {"out_dtype": "UINT2", "out_scale": 1.0, "out_bias": 0.0, "data_layout": "NCHW"}
        net.node("MultiThreshold", net.number(table), domain=QONNX, **plain | changes)
        end(net)

    return run


def activation_quantizer(scale: float, bits: float, zero: float = 0.0) -> Build:
    def run(net: NetworkWriter) -> None:
        conv(net)
        net.node("Relu")
        operands = [net.number(v) for v in (scale, zero, bits)]
        net.node("Quant", *operands, domain=QONNX, narrow=0, signed=0, rounding_mode="ROUND")
        end(net)

    return run


def factor(value: object, kind: str = "Mul") -> Build:
    def run(net: NetworkWriter) -> None:
        conv(net)
        net.node(kind, net.number(value))
        net.activation("dqa", 2)
        end(net)

    return run


def factor_of(net: NetworkWriter, value: float) -> None:
    net.node("Mul", net.number(value))


def behind_last(kind: str, value: object) -> Build:
    def run(net: NetworkWriter) -> None:
        hidden(net)
        end(net)
        net.node(kind, net.number(value))

    return run


def branch(net: NetworkWriter) -> None:
    hidden(net)
    net.node("Add", net.tensor)
    end(net)


REFUSED: dict[str, Build] = {
    "sigmoid": then_end(lambda net: net.node("Sigmoid")),
    "overlapping average pool": then_end(lambda net: pool(net, "AveragePool", stride=1)),
    "pool padded by its kernel": then_end(lambda net: pool(net, pad=2)),
    "dilated pool": then_end(lambda net: pool(net, dilations=[2, 2])),
    "padded DQA": lambda net: (hidden(net), conv(net, pads=[1] * 4), net.dqa(2), end(net)),
    "auto_pad": lambda net: (conv(net, auto_pad="SAME_UPPER"), net.dqa(2), end(net)),
    "kernel beyond the image": lambda net: (net.conv(3, 6, 0, 4), net.dqa(2), end(net)),
    "one class": lambda net: (hidden(net), end(net, 1)),
    "image of scores": lambda net: (hidden(net), conv(net)),
    "no layer": lambda net: net.flatten(),
    "weight scale zero": weight_quantizer(0.0),
    "weight scale nan": weight_quantizer(np.nan),
    "weight zero point between integers": weight_quantizer(0.25, zero=0.5),
    "weight of 9 bits": weight_quantizer(0.25, bits=9),
    "weight of 2.5 bits": weight_quantizer(0.25, bits=2.5),
    "weight of 0 bits": weight_quantizer(0.25, bits=0),
    "thresholds descending": thresholds([[2.0, 1.0, 0.0]]),
    "thresholds nan": thresholds([[0.0, np.nan, 1.0]]),
    "thresholds for other channels": thresholds(np.zeros((2, 3))),
    "thresholds of no type": thresholds([[0.0, 1.0, 2.0]], out_dtype="FLOAT32"),
    "thresholds more than the type holds": thresholds([np.arange(300.0)]),
    "no thresholds": thresholds(np.zeros((1, 0))),
    "activation of 2.5 bits": activation_quantizer(0.25, 2.5),
    "activation of 0 bits": activation_quantizer(0.25, 0),
    "activation scale zero": activation_quantizer(0.0, 2),
    "activation scale nan": activation_quantizer(np.nan, 2),
    "activation scale infinite": activation_quantizer(np.inf, 2),
    "factor nan": factor([[[1.0]], [[np.nan]], [[1.0]]]),
    "factor infinite": factor(np.inf),
    "factor for other channels": factor(np.ones((2, 1, 1))),
    "factor per column": factor(np.arange(1, 4.0)),
    "offset nan": factor(np.nan, "Add"),
    "division by zero": factor(0.0, "Div"),
    "two layers in a row": lambda net: (conv(net), conv(net), net.dqa(2), end(net)),
}


UNUSUAL: dict[str, Build] = {
    "pool before the activation": lambda net: (conv(net), pool(net), net.dqa(2), end(net)),
    "flattened before the activation": lambda net: (conv(net), net.flatten(), net.dqa(2), net.linear(3, 4)),
    "pool of the scores": lambda net: (hidden(net), conv(net), pool(net)),
    "falling activation": lambda net: (conv(net), net.node("Relu"), factor_of(net, -1), net.dqa(2), end(net)),
    "overlapping pool": then_end(lambda net: pool(net, kernel=2, stride=1)),
    "pool with gaps": then_end(lambda net: pool(net, kernel=1, stride=2)),
    "padded pool": then_end(lambda net: pool(net, pad=1)),
    "pool that rounds up": then_end(lambda net: pool(net, ceil_mode=1)),
    "weight scale negative": weight_quantizer(-0.25),
    "weight zero point": weight_quantizer(0.25, zero=1),
    "average pool": then_end(lambda net: pool(net, "AveragePool")),
    "swapped axes": then_end(lambda net: swap(net, [0, 1, 3, 2])),
    "channels last": then_end(lambda net: swap(net, [0, 2, 3, 1])),
    "grouped convolution": lambda net: (hidden(net), conv(net, group=3), net.dqa(2), end(net)),
    "dilated convolution": lambda net: (conv(net, dilations=[2, 2]), net.dqa(2), end(net)),
    "weight scale per channel": weight_quantizer([[0.25], [0.5], [0.25]]),
    "activation of 9 bits": activation_quantizer(0.25, 9),
    "branch": branch,
    "negative scale of the scores": behind_last("Mul", -1.0),
    "scale per score": behind_last("Mul", [1.0, 2.0, 3.0]),
    "bias between accumulator steps": behind_last("Add", [0.1, 0.2, 0.3]),
    "activation of the scores": lambda net: (hidden(net), end(net), net.relu(2, 0.5)),
    "activation before a layer": lambda net: (net.relu(2, 0.25), end(net)),
    "two activations in a row": lambda net: (hidden(net), net.relu(2, 0.25), end(net)),
    "scale per channel of the input": lambda net: (net.node("Mul", net.number([[[1.0]], [[2.0]]])), end(net)),
}
"""Networks that are no plain chain of ours and have a circuit all the same."""


def write(name: str, path: Path) -> Path:
    """The network of that name, on images (2, 5, 5)."""
    net = NetworkWriter((2, 5, 5), 0)
    net.node("Mul", net.number(2.0**-8))
    (REFUSED | UNUSUAL)[name](net)
    return net.save(path, (2, 5, 5))
