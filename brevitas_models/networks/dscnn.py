"""DS-CNN (Zhang et al. 2017, arXiv 1711.07128; MLPerf Tiny): depthwise-separable convolutions for keywords.

The first convolution (10x4, stride 2) gives `channels[0]` channels; each further entry of `channels` is a 3x3 depthwise
convolution followed by a 1x1 one of that many channels; then a global sum and the last linear layer.
"""

from __future__ import annotations

from torch import nn

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.errors import ModelError
from brevitas_models.networks.layer import Layer, lowest, make_activation, make_linear
from brevitas_models.networks.network import Block
from brevitas_models.networks.pooling import GlobalSum

KERNEL, STRIDE = (10, 4), 2


def weight_count(config: NetworkConfig) -> int:
    """Convolutions."""
    return 2 * len(config.channels) - 1


def activation_count(config: NetworkConfig) -> int:
    """One behind every convolution."""
    return weight_count(config)


def _same(side: int, kernel: int) -> tuple[int, int, int]:
    """Zeros before and behind a side so that a stride of 2 gives half of it, rounded up; and that half."""
    half = -(-side // STRIDE)
    missing = max((half - 1) * STRIDE + kernel - side, 0)
    return missing // 2, missing - missing // 2, half


def blocks(
    config: NetworkConfig,
    quant: QuantConfig,
    weight_bits: tuple[int, ...],
    activation_bits: tuple[int, ...],
    input_shape: tuple[int, int, int],
) -> tuple[list[Block], int]:
    """All blocks and the width of what the last layer sees. Raises ModelError where a picture is too small."""
    floating = quant.activation is Activation.FLOAT
    inputs, height, width = input_shape
    if height < KERNEL[0] or width < KERNEL[1]:
        raise ModelError(f"network: expected pictures of at least {KERNEL}, got {height}x{width}")
    activations = [make_activation(quant.activation, bits, quant.scale) for bits in activation_bits]
    top, bottom, rows = _same(height, KERNEL[0])
    left, right, columns = _same(width, KERNEL[1])

    def layer(index: int, shape: tuple[int, ...], border: tuple[int, int, int, int], **options: int) -> Layer:
        linear = make_linear(nn.Conv2d, shape, weight_bits[index], floating, quant.scale, **options)
        fill = lowest(activations[index - 1]) if index else 0.0
        return Layer(linear, nn.BatchNorm2d(shape[0]), activations[index], border=border, fill=fill)

    channels = config.channels[0]
    result: list[Block] = [layer(0, (channels, inputs, *KERNEL), (left, right, top, bottom), stride=STRIDE)]
    for index, outputs in enumerate(config.channels[1:]):
        result.append(layer(2 * index + 1, (channels, 1, 3, 3), (1, 1, 1, 1), groups=channels))
        result.append(layer(2 * index + 2, (outputs, channels, 1, 1), (0, 0, 0, 0)))
        channels = outputs
    return [*result, GlobalSum(rows, columns)], channels
