"""What the reader makes of exported layers, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from flows.compile.read.network import read_network
from flows.errors import FlowError
from tests.flows.compile.qonnx_networks import NetworkWriter, lenet, mlp


def test_lenet_nodes(tmp_path: Path) -> None:
    network = read_network(lenet(tmp_path / "net.onnx"))
    names = ["conv0", "act_conv0", "pool0", "conv1", "act_conv1", "fc0", "act_fc0", "fc1"]
    assert [node.name for node in network.nodes] == names
    act = network.activations["act_conv0"]
    assert act.step == (Fraction(1),) and act.lowest == (Fraction(0),)  # the graph's Add and Mul come behind it
    assert network.products[1].weights.shape == (8, 54) and network.products[0].weight_type.name == "INT4"
    assert network.scores.source == "fc1" and network.scores.ordered


def test_bipolar_weights(tmp_path: Path) -> None:
    network = read_network(mlp(tmp_path / "net.onnx", weight_bits=1))
    assert {product.weight_type.name for product in network.products} == {"BIPOLAR"}
    assert set(network.products[0].weights.reshape(-1)) == {-1, 1}


def refused(tmp_path: Path, build) -> str:
    net = NetworkWriter((1, 4, 4), 0)
    net.node("Mul", net.number(2.0**-8))
    net.flatten()
    build(net)
    path = net.save(tmp_path / "net.onnx", (1, 4, 4))
    with pytest.raises(FlowError) as error:
        read_network(path)
    return str(error.value)


def test_an_unsupported_layer_is_named_with_a_remedy(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.linear(4, 4)
        net.node("Sigmoid")

    text = refused(tmp_path, build)
    assert text.startswith("layer 'n4' (Sigmoid) is not supported: the circuit has no operator for it; use only Add")


def test_a_missing_weight_quantizer_is_named(tmp_path: Path) -> None:
    text = refused(tmp_path, lambda net: net.node("MatMul", net.number([[1.0]] * 16)))
    assert "its weight has no quantizer; train it with a Brevitas weight quantizer" in text


def test_two_layers_without_activation_are_refused(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.linear(4, 4)
        net.linear(4, 4)

    assert "its input is not quantized; put an activation quantizer in front of it" in refused(tmp_path, build)


def test_more_steps_than_a_threshold_has_are_refused(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.linear(4, 4)
        net.relu(12, 2.0**-12)
        net.linear(3, 4)

    assert "steps; quantize to at most 8 bits" in refused(tmp_path, build)
