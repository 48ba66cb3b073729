"""What the reader makes of exported layers, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from flows.compile.layers import read_layers
from flows.errors import FlowError
from hw.inttype import IntType
from tests.flows.compile.qonnx_networks import NetworkWriter, lenet, mlp

PIXEL = IntType(8, False)


def test_lenet_layers(tmp_path: Path) -> None:
    layers = read_layers(lenet(tmp_path / "net.onnx"), PIXEL)
    assert [layer.name for layer in layers] == ["conv", "conv", "fc", "fc"]
    assert layers[0].codes.step == Fraction(1, 256) and layers[0].codes.lowest == 0
    assert layers[1].codes.step == Fraction(1, 2) and layers[1].codes.lowest == Fraction(-3, 4)
    assert layers[1].rows.shape == (8, 54) and layers[0].weight_type.name == "INT4"
    assert layers[3].stairs is None


def test_bipolar_weights(tmp_path: Path) -> None:
    layers = read_layers(mlp(tmp_path / "net.onnx", weight_bits=1), PIXEL)
    assert {layer.weight_type.name for layer in layers} == {"BIPOLAR"}
    assert set(layers[0].weights.reshape(-1)) == {-1, 1}


def refused(tmp_path: Path, build) -> str:
    net = NetworkWriter((1, 4, 4), 0)
    net.node("Mul", net.number(2.0**-8))
    net.flatten()
    build(net)
    path = net.save(tmp_path / "net.onnx", (1, 4, 4))
    with pytest.raises(FlowError) as error:
        read_layers(path, PIXEL)
    return str(error.value)


def test_an_unsupported_layer_is_named_with_a_remedy(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.linear(4, 4)
        net.node("Sigmoid")

    text = refused(tmp_path, build)
    assert text.startswith("layer 'n4' (Sigmoid) is not supported: the circuit has no operator for it; use only Conv")


def test_a_missing_weight_quantizer_is_named(tmp_path: Path) -> None:
    text = refused(tmp_path, lambda net: net.node("MatMul", net.number([[1.0]] * 16)))
    assert "its weight has no quantizer; train it with a Brevitas weight quantizer" in text


def test_two_layers_without_activation_are_refused(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.linear(4, 4)
        net.linear(4, 4)

    assert "its input is not quantized; put an activation quantizer in front of it" in refused(tmp_path, build)


def test_nine_bit_activations_are_refused(tmp_path: Path) -> None:
    def build(net: NetworkWriter) -> None:
        net.linear(4, 4)
        net.relu(9, 0.125)

    assert "9 bits" in refused(tmp_path, build)
