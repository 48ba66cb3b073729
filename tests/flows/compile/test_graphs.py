"""Branches, groups, pools and geometries of foreign networks: each equals the reference executor, one also in RTL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.flows.compile.agree import agree
from tests.flows.compile.qonnx_networks import NetworkWriter

SHAPE = (2, 6, 6)


def stem(net: NetworkWriter, channels: int = 4) -> str:
    net.conv(channels, 3, 1, 3)
    net.relu(2, 0.5)
    return net.tensor


def quantize(net: NetworkWriter, scale: float, bits: int, signed: int = 1) -> str:
    net.quant(scale, 0, bits, signed=signed)
    return net.tensor


def residual(net: NetworkWriter) -> None:
    shortcut = stem(net)
    net.conv(4, 3, 1, 3)
    quantize(net, 0.25, 4)
    net.node("Add", shortcut)
    net.relu(3, 0.5)


def residual_of_accumulators(net: NetworkWriter) -> None:
    """The wide sums of one branch and the codes of the other, on one grid, then a batch norm."""
    shortcut = stem(net)
    net.conv(4, 3, 1, 3)
    net.node("Add", shortcut)
    net.affine(4, 2.0, 2, negative=0)
    net.relu(3, 0.25)


def residual_downsampled(net: NetworkWriter) -> None:
    start = stem(net)
    net.conv(6, 3, 1, 3, stride=2)
    left, shape = quantize(net, 0.25, 4), net.shape
    net.tensor, net.shape = start, (4, 6, 6)
    net.conv(6, 1, 0, 3, stride=2)
    quantize(net, 0.5, 4)
    assert net.shape == shape
    net.node("Add", left)
    net.relu(2, 1.0)


def subtraction(net: NetworkWriter) -> None:
    other = stem(net)
    net.conv(4, 3, 1, 3)
    quantize(net, 0.5, 3)
    net.node("Sub", other)
    quantize(net, 0.5, 4)


def two_residuals(net: NetworkWriter) -> None:
    residual(net)
    shortcut = net.tensor
    net.conv(4, 3, 1, 3)
    quantize(net, 1.0, 4)
    net.node("Add", shortcut)
    net.relu(2, 1.0)


def concatenation(net: NetworkWriter) -> None:
    start = stem(net)
    net.conv(4, 3, 1, 3)
    net.relu(2, 0.5)
    left = net.tensor
    net.tensor, net.shape = start, (4, 6, 6)
    net.conv(2, 1, 0, 3)
    net.relu(2, 0.5)
    net.node("Concat", left, axis=1)
    net.shape = (6, 6, 6)
    net.conv(3, 3, 0, 3)
    net.relu(2, 2.0)


def concatenation_of_scales(net: NetworkWriter) -> None:
    """Scales 1/2 and 1/4 and types of 2 and 3 bits: the factor goes into the weights behind."""
    start = stem(net)
    net.conv(4, 1, 0, 3)
    quantize(net, 0.25, 3, signed=1)
    net.node("Concat", start, axis=1)
    net.shape = (8, 6, 6)
    net.conv(3, 3, 0, 3)
    net.relu(2, 2.0)


def depthwise(net: NetworkWriter) -> None:
    stem(net)
    net.conv(4, 3, 1, 3, group=4)
    net.affine(4, 1.0, 2)
    net.relu(2, 0.5)
    net.conv(6, 1, 0, 3)
    net.relu(2, 1.0)


def depthwise_of_concatenation(net: NetworkWriter) -> None:
    """A scale per channel in front of a depthwise convolution needs no common grid."""
    start = stem(net)
    net.conv(4, 1, 0, 3)
    net.relu(2, 0.75)
    net.node("Concat", start, axis=1)
    net.shape = (8, 6, 6)
    net.conv(8, 3, 0, 3, group=8)
    net.relu(2, 1.0)


def groups(net: NetworkWriter) -> None:
    stem(net)
    net.conv(6, 3, 0, 3, group=2)
    net.relu(2, 1.0)


def rectangle(net: NetworkWriter) -> None:
    stem(net)
    net.conv(3, (2, 3), 0, 3, stride=(1, 2), dilation=(2, 1))
    net.relu(2, 1.0)


def average(net: NetworkWriter) -> None:
    stem(net)
    net.node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    net.shape = (4, 3, 3)
    quantize(net, 0.25, 3, signed=0)
    net.conv(5, 2, 0, 3)
    net.relu(2, 1.0)
    net.node("GlobalAveragePool")
    net.shape = (5, 1, 1)
    quantize(net, 0.125, 5, signed=0)


def pool_of_sums(net: NetworkWriter) -> None:
    """A max-pool in front of the activation, behind a batch norm with negative factors."""
    net.conv(4, 3, 0, 3)
    net.affine(4, 1.0, 2)
    net.pool(2)
    net.relu(2, 0.5)


def relu_behind_the_quantizer(net: NetworkWriter) -> None:
    stem(net)
    net.conv(4, 3, 0, 3)
    quantize(net, 0.5, 4)
    net.node("Relu")
    net.conv(3, 3, 0, 3)
    net.relu(2, 1.0)


def border_of_codes(net: NetworkWriter) -> None:
    """A border filled with the value of code 0, which is not 0.0, in front of a convolution and of a branch."""
    stem(net)
    net.conv(4, 1, 0, 3)
    net.dqa(2)
    start = net.tensor
    net.node("Pad", net.integers(0, 0, 1, 1, 0, 0, 1, 1), net.number(-0.75))
    net.shape = (4, 8, 8)
    net.conv(4, 3, 0, 3)
    net.dqa(2)
    left = net.tensor
    net.tensor, net.shape = start, (4, 6, 6)
    net.conv(4, 1, 0, 3)
    quantize(net, 0.125, 4)
    net.node("Add", left)
    net.relu(3, 0.5)


def global_sum(net: NetworkWriter) -> None:
    stem(net)
    net.node("ReduceSum", net.integers(2, 3), keepdims=0)
    net.shape = (4,)


NETWORKS: dict[str, Callable[[NetworkWriter], None]] = {
    "residual": residual,
    "residual of accumulators": residual_of_accumulators,
    "residual with stride": residual_downsampled,
    "subtraction": subtraction,
    "two residuals": two_residuals,
    "concatenation": concatenation,
    "concatenation of scales": concatenation_of_scales,
    "depthwise": depthwise,
    "depthwise of a concatenation": depthwise_of_concatenation,
    "groups": groups,
    "rectangles, stride, dilation": rectangle,
    "average pools": average,
    "max-pool of sums": pool_of_sums,
    "border of codes": border_of_codes,
    "global sum": global_sum,
    "relu behind the quantizer": relu_behind_the_quantizer,
}


def write(build: Callable[[NetworkWriter], None], path: Path) -> Path:
    net = NetworkWriter(SHAPE, 2)
    net.node("Mul", net.number(2.0**-7))
    build(net)
    net.flatten()
    net.linear(3, 4)
    return net.save(path, SHAPE)


CIRCUITS = (
    "two residuals", "residual with stride", "concatenation of scales", "depthwise", "average pools",
    "rectangles, stride, dilation",
)  # fmt: skip


@pytest.mark.sim
@pytest.mark.parametrize("name", CIRCUITS)
def test_the_circuit_is_the_reference(name: str, tmp_path: Path) -> None:
    agree(write(NETWORKS[name], tmp_path / "model.onnx"), SHAPE, circuit=True)


IN_FINN = (
    "residual", "residual of accumulators", "residual with stride", "two residuals", "depthwise", "border of codes",
    "global sum", "rectangles, stride, dilation",
)  # fmt: skip


@pytest.mark.parametrize("name", list(NETWORKS))
def test_finns_graph_is_there_or_the_record_says_why_not(name: str, tmp_path: Path) -> None:
    _, record = agree(write(NETWORKS[name], tmp_path / "model.onnx"), SHAPE)
    assert (record["finn"] is not None) == (name in IN_FINN), record["finn_reason"]
    assert (tmp_path / "finn.onnx").exists() == (name in IN_FINN)
    assert bool(record["finn_reason"]) == (name not in IN_FINN)


def test_groups_of_several_channels_are_one_product_with_zeros(tmp_path: Path) -> None:
    dataflow, _ = agree(write(groups, tmp_path / "model.onnx"), SHAPE)
    weights = next(op for op in dataflow.ops if op.name == "conv1").weights.reshape(6, 9, 4)
    assert not weights[:3, :, 2:].any() and not weights[3:, :, :2].any() and np.any(weights)
