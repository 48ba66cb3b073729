"""LeNet-5 (LeCun et al. 1998) as used today: convolutions with batch norm, activation, max-pool, then an MLP.

Only the first convolution pads: its input is unsigned, so that the padded zero is a code. After a DQA there is no
level zero, and a padded zero would not be a value of the circuit.
"""

from __future__ import annotations

from torch import nn

from brevitas_models.config import Activation, NetworkConfig, QuantConfig
from brevitas_models.errors import ModelError
from brevitas_models.networks import mlp
from brevitas_models.networks.layer import Layer, make_activation, make_linear


def weight_count(config: NetworkConfig) -> int:
    """Convolutions and hidden linear layers."""
    return len(config.channels) + len(config.hidden)


activation_count = weight_count


def blocks(
    config: NetworkConfig,
    quant: QuantConfig,
    weight_bits: tuple[int, ...],
    activation_bits: tuple[int, ...],
    input_shape: tuple[int, int, int],
) -> tuple[list[Layer], int]:
    """All layers but the last and their output width. Raises ModelError where a picture gets too small."""
    floating = quant.activation is Activation.FLOAT
    (inputs, height, width), result = input_shape, []
    convolutions = len(config.channels)
    for index, (outputs, pool) in enumerate(zip(config.channels, config.pools, strict=True)):
        padding = config.padding if index == 0 else 0
        shape = (outputs, inputs, config.kernel, config.kernel)
        linear = make_linear(nn.Conv2d, shape, weight_bits[index], floating, quant.scale, padding=padding)
        activation = make_activation(quant.activation, activation_bits[index], quant.scale)
        result.append(Layer(linear, nn.BatchNorm2d(outputs), activation, pool))
        height, width = ((side + 2 * padding - config.kernel + 1) // pool for side in (height, width))
        inputs = outputs
        if min(height, width) < 1:
            raise ModelError(
                f"network: expected pictures that stay larger than kernel and pool, but convolution {index} leaves "
                f"{height}x{width} of {input_shape[1]}x{input_shape[2]}; use smaller kernels or pools, or padding"
            )
    hidden, features = mlp.blocks(
        config, quant, weight_bits[convolutions:], activation_bits[convolutions:], (inputs, height, width)
    )
    return result + hidden, features
