from __future__ import annotations

import pytest
import torch
from torch import nn

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.deploy import integer_weight
from brevitas_models.errors import ModelError
from brevitas_models.networks import build
from brevitas_models.networks.frozen import frozen
from brevitas_models.quantizers.stochastic import silenced

SHAPE = (1, 8, 8)


@pytest.mark.parametrize("activation", Activation)
def test_every_activation_gives_logits_and_gradients(
    activation: Activation, lenet: NetworkConfig, mlp: NetworkConfig
) -> None:
    for config in (lenet, mlp):
        network = build(config, QuantConfig(activation=activation), SHAPE, 10)
        logits = network(torch.rand(7, *SHAPE))
        assert logits.shape == (7, 10)
        logits.square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
        assert all(linear.bias is None for linear in network.linears)


def test_lenet_layers(lenet: NetworkConfig) -> None:
    network = build(lenet, QuantConfig(), SHAPE, 10)
    weights = [tuple(linear.weight.shape) for linear in network.linears]
    assert weights == [(4, 1, 3, 3), (6, 4, 3, 3), (12, 6 * 2 * 2), (10, 12)]
    assert [linear.padding for linear in network.linears[:2]] == [(1, 1), (0, 0)]


def test_lenet5_of_mnist_has_the_classic_widths() -> None:
    network = build(NetworkConfig(), QuantConfig(), (1, 28, 28), 10)
    shapes = [tuple(linear.weight.shape) for linear in network.linears]
    assert shapes == [(6, 1, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (10, 84)]


def test_bits_per_layer(mlp: NetworkConfig) -> None:
    quant = QuantConfig(weight_bits=(8, 1, 2), activation_bits=(3, 1))
    network = build(mlp, quant, SHAPE, 10)
    ranges = [integer_weight(linear)[0].abs().max().item() for linear in network.linears]
    assert 64 <= ranges[0] <= 127 and ranges[1:] == [1, 1]
    assert [layer.activation.levels.top for layer in network.layers] == [7, 1]


@pytest.mark.parametrize(
    ("quant", "text"),
    [
        (QuantConfig(weight_bits=(4, 4)), "quant.weight_bits: expected one number or 3 of them, one per layer, got 2"),
        (QuantConfig(activation_bits=(2, 2, 2)), "quant.activation_bits: expected one number or 2 of them"),
    ],
)
def test_wrong_count_of_bits_is_refused(quant: QuantConfig, text: str, mlp: NetworkConfig) -> None:
    with pytest.raises(ModelError, match=text):
        build(mlp, quant, SHAPE, 10)


def test_a_picture_that_gets_too_small_is_refused() -> None:
    with pytest.raises(ModelError, match="convolution 1 leaves 0x0 of 8x8; use smaller kernels"):
        build(NetworkConfig(), QuantConfig(), SHAPE, 10)


def test_a_wrong_input_shape_is_refused(mlp: NetworkConfig) -> None:
    with pytest.raises(ModelError, match=r"expected a shape \(C, H, W\) and 2 classes or more"):
        build(mlp, QuantConfig(), (8, 8), 10)


@pytest.mark.parametrize("activation", Activation)
def test_pooling_first_gives_the_same_bits(activation: Activation, lenet: NetworkConfig, digits, settle) -> None:
    network = settle(build(lenet, QuantConfig(activation=activation), SHAPE, 10), digits)
    x = torch.from_numpy(digits.test_x).float() / 255
    with torch.no_grad(), silenced(network):
        first = network(x)
        for layer in network.layers:
            layer.pool_first = False
        assert isinstance(network.layers[0].pool, nn.MaxPool2d)
        assert torch.equal(network(x), first)


def test_frozen_weights_give_the_same_bits_and_thaw(lenet: NetworkConfig) -> None:
    torch.manual_seed(2)
    network = build(lenet, QuantConfig(), SHAPE, 10).eval()
    x = torch.rand(5, *SHAPE)
    with torch.no_grad():
        before = network(x)
        with frozen(network.linears):
            assert torch.equal(network(x), before)
            network.last.weight.zero_()
            assert torch.equal(network(x), before)
        assert network(x).abs().max() == 0
