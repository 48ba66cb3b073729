"""ResNet-8 of MLPerf Tiny (Banbury et al. 2021, arXiv 2106.07597), for CIFAR-10 and SVHN.

A 3x3 convolution, then one residual block per entry of `channels`, the second and later ones with stride 2 and a 1x1
convolution on the shortcut, a global sum and the last linear layer.
"""

from __future__ import annotations

from torch import nn

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.errors import ModelError
from brevitas_models.networks.layer import Layer, lowest, make_activation, make_linear, make_requantizer
from brevitas_models.networks.network import Block
from brevitas_models.networks.pooling import GlobalSum
from brevitas_models.networks.residual import Residual

BRANCH_BITS = 2  # what a branch keeps more than an activation: its values have a sign and meet others


def weight_count(config: NetworkConfig) -> int:
    """Convolutions: the first, two per block, one more per block that changes the shape."""
    return 1 + 2 * len(config.channels) + len(config.channels) - 1


def activation_count(config: NetworkConfig) -> int:
    """Activations; the requantizers in front of an addition take the bits of the activation behind it, and two more."""
    return 1 + 2 * len(config.channels)


def blocks(
    config: NetworkConfig,
    quant: QuantConfig,
    weight_bits: tuple[int, ...],
    activation_bits: tuple[int, ...],
    input_shape: tuple[int, int, int],
) -> tuple[list[Block], int]:
    """All blocks and the width of what the last layer sees. Raises ModelError where a picture gets too small."""
    floating = quant.activation is Activation.FLOAT
    (inputs, height, width), weights, activations = input_shape, iter(weight_bits), iter(activation_bits)

    def layer(shape: tuple[int, ...], stride: int, activation: nn.Module, fill: float) -> Layer:
        linear = make_linear(nn.Conv2d, shape, next(weights), floating, quant.scale, stride=stride)
        border = (1, 1, 1, 1) if shape[-1] == 3 else (0, 0, 0, 0)
        return Layer(linear, nn.BatchNorm2d(shape[0]), activation, border=border, fill=fill)

    def activation() -> nn.Module:
        return make_activation(quant.activation, next(activations), quant.scale)

    first = layer((config.channels[0], inputs, 3, 3), 1, activation(), 0.0)
    result: list[Block] = [first]
    inputs, incoming = config.channels[0], first.activation
    for index, outputs in enumerate(config.channels):
        stride = 1 if index == 0 else 2
        inner, bits = activation(), next(activations)
        branch = min(bits + BRANCH_BITS, 8)
        body = [
            layer((outputs, inputs, 3, 3), stride, inner, lowest(incoming)),
            layer((outputs, outputs, 3, 3), 1, make_requantizer(quant.activation, branch, quant.scale), lowest(inner)),
        ]
        shortcut = None
        if stride != 1 or inputs != outputs:
            requantizer = make_requantizer(quant.activation, branch, quant.scale)
            shortcut = layer((outputs, inputs, 1, 1), stride, requantizer, 0.0)
        incoming = make_activation(quant.activation, bits, quant.scale)
        result.append(Residual(body, shortcut, incoming))
        height, width = (height - 1) // stride + 1, (width - 1) // stride + 1
        inputs = outputs
    if min(height, width) < 2:
        raise ModelError(f"network: {len(config.channels)} blocks leave {height}x{width} of the picture; use fewer")
    return [*result, GlobalSum(height, width)], inputs
