"""Multilayer perceptron: hidden linear layers with batch norm and activation."""

from __future__ import annotations

from math import prod

from torch import nn

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.networks.layer import Layer, make_activation, make_linear


def weight_count(config: NetworkConfig) -> int:
    """Hidden layers."""
    return len(config.hidden)


activation_count = weight_count


def blocks(
    config: NetworkConfig,
    quant: QuantConfig,
    weight_bits: tuple[int, ...],
    activation_bits: tuple[int, ...],
    input_shape: tuple[int, ...],
) -> tuple[list[Layer], int]:
    """The hidden layers and their output width, for an input of any shape, which the first one flattens."""
    floating = quant.activation is Activation.FLOAT
    features, result = prod(input_shape), []
    for width, weights, activations in zip(config.hidden, weight_bits, activation_bits, strict=True):
        linear = make_linear(nn.Linear, (width, features), weights, floating, quant.scale)
        activation = make_activation(quant.activation, activations, quant.scale)
        result.append(Layer(linear, nn.BatchNorm1d(width), activation, 1))
        features = width
    return result, features
