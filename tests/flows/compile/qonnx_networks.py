"""Small QONNX networks with random weights, in the form that the exporter promises; needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QONNX = "qonnx.custom_op.general"


class NetworkWriter:
    """Appends nodes to one chain of float tensors that starts at `codes`."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.shape, self.nodes, self.constants, self.tensor = shape, [], [], "codes"
        self.qonnx_opset = 1

    def number(self, value: object) -> str:
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def integers(self, *values: int) -> str:
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.array(values, dtype=np.int64), name))
        return name

    def node(self, kind: str, *operands: str, domain: str = "", **attributes: object) -> None:
        output = f"t{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(
                kind, [self.tensor, *operands], [output], f"n{len(self.nodes)}", domain=domain, **attributes
            )
        )
        self.tensor = output

    def weight(self, shape: tuple[int, ...], bits: int, scale: float) -> str:
        name = f"w{len(self.nodes)}"
        if bits == 1:
            values = np.where(self.random.random(shape) < 0.5, -scale, scale)
            node = helper.make_node(
                "BipolarQuant", [self.number(values), self.number(scale)], [name], name, domain=QONNX
            )
        else:
            high = 2 ** (bits - 1) - 1
            values = self.random.integers(-high, high + 1, shape) * scale
            inputs = [self.number(values), self.number(scale), self.number(0), self.number(bits)]
            node = helper.make_node(
                "Quant", inputs, [name], name, domain=QONNX, narrow=1, signed=1, rounding_mode="ROUND"
            )
        self.nodes.append(node)
        return name

    def affine(self, channels: int, deviation: float, axes: int, negative: float = 0.2) -> None:
        """Roughly a batch norm: brings values of this deviation to about 1; a share of channels gets a negative
        factor."""
        shape = (channels, *[1] * axes)  # no batch axis, as the exporter writes them
        factor = (
            self.random.uniform(0.5, 1.5, shape) / deviation * np.where(self.random.random(shape) < negative, -1, 1)
        )
        self.node("Mul", self.number(np.round(factor * 1024) / 1024 + 1 / 1024))
        self.node("Add", self.number(np.round(self.random.normal(0, 0.5, shape) * 256) / 256))

    def dqa(self, bits: int, step: float = 0.0) -> None:
        count = 2**bits - 1
        table = np.sort(self.random.normal(0, 0.7, (1, count)), axis=1)
        self.node(
            "MultiThreshold", self.number(table), domain=QONNX, out_dtype=f"UINT{bits}", out_scale=1.0, out_bias=0.0,
            data_layout="NCHW" if len(self.shape) == 3 else "NC",
        )  # fmt: skip
        self.node("Add", self.number(-count / 2))
        self.node("Mul", self.number(step or 2.0 ** (1 - bits)))

    def relu(self, bits: int, scale: float) -> None:
        self.node("Relu")
        operands = [self.number(scale), self.number(0), self.number(bits)]
        self.node("Quant", *operands, domain=QONNX, narrow=0, signed=0, rounding_mode="ROUND")

    def quant(
        self, scale: object, zero: float, bits: int, *, signed: int = 1, narrow: int = 0, mode: str = "ROUND"
    ) -> None:
        operands = [self.number(scale), self.number(zero), self.number(bits)]
        self.node("Quant", *operands, domain=QONNX, narrow=narrow, signed=signed, rounding_mode=mode)

    def activation(self, kind: str, bits: int) -> None:
        self.dqa(bits, 2 / 3 if kind == "dqa-float" else 0.0) if kind.startswith("dqa") else self.relu(
            bits, 2.0 ** (1 - bits)
        )

    def conv(
        self, channels: int, kernel: int | tuple, padding: int, bits: int, *,
        stride: int | tuple = 1, dilation: int | tuple = 1, group: int = 1,
    ) -> None:  # fmt: skip
        kernel, stride, dilation = (v if isinstance(v, tuple) else (v, v) for v in (kernel, stride, dilation))
        weight = self.weight((channels, self.shape[0] // group, *kernel), bits, 0.125)
        self.node(
            "Conv", weight, kernel_shape=list(kernel), pads=[padding] * 4, strides=list(stride), group=group,
            dilations=list(dilation),
        )  # fmt: skip
        sides = zip(self.shape[1:], kernel, stride, dilation, strict=True)
        self.shape = (channels, *((n + 2 * padding - (k - 1) * d - 1) // s + 1 for n, k, s, d in sides))

    def pool(self, kernel: int) -> None:
        self.node("MaxPool", kernel_shape=[kernel] * 2, strides=[kernel] * 2, pads=[0] * 4, ceil_mode=0)
        self.shape = (self.shape[0], self.shape[1] // kernel, self.shape[2] // kernel)

    def flatten(self) -> None:
        self.node("Flatten", axis=1)
        self.shape = (int(np.prod(self.shape)),)

    def linear(self, rows: int, bits: int) -> None:
        weight = self.weight((rows, self.shape[0]), bits, 0.25)
        self.node("Gemm", weight, transB=1)
        self.shape = (rows,)

    def save(self, path: Path, input_shape: tuple[int, ...]) -> Path:
        codes = helper.make_tensor_value_info("codes", TensorProto.FLOAT, (1, *input_shape))
        logits = helper.make_tensor_value_info(self.tensor, TensorProto.FLOAT, (1, *self.shape))
        graph = helper.make_graph(self.nodes, "network", [codes], [logits], self.constants)
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid(QONNX, self.qonnx_opset)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
        return path


def lenet(path: Path, *, activation: str = "dqa", bits: int = 2, weight_bits: int = 4, seed: int = 0) -> Path:
    """(1, 8, 8): conv 3x3 pad 1, pool, conv 3x3, flatten, two linear layers; 10 classes."""
    net = NetworkWriter((1, 8, 8), seed)
    net.node("Mul", net.number(2.0**-8))
    net.conv(6, 3, 1, weight_bits)
    net.affine(6, 0.6, 2)
    net.activation(activation, bits)
    net.pool(2)
    net.conv(8, 3, 0, weight_bits)
    net.affine(8, 1.5, 2)
    net.activation(activation, bits)
    net.flatten()
    net.linear(12, weight_bits)
    net.affine(12, 2.0, 0)
    net.activation(activation, bits)
    net.linear(10, weight_bits)
    return net.save(path, (1, 8, 8))


def mlp(path: Path, *, activation: str = "dqa", bits: int = 2, weight_bits: int = 2, seed: int = 0) -> Path:
    """(1, 6, 6): two hidden layers; 10 classes."""
    net = NetworkWriter((1, 6, 6), seed)
    net.node("Mul", net.number(2.0**-8))
    net.flatten()
    for rows in (16, 12):
        net.linear(rows, weight_bits)
        net.affine(rows, 2.0, 0)
        net.activation(activation, bits)
    net.linear(10, weight_bits)
    return net.save(path, (1, 6, 6))
