"""From configuration to a network."""

from __future__ import annotations

from dataclasses import replace

from torch import nn

from brevitas_models.config import GRID_BITS, Activation, Architecture, NetworkConfig, QuantConfig
from brevitas_models.errors import ModelError
from brevitas_models.networks import dscnn, lenet5, mlp, resnet8
from brevitas_models.networks.ensemble import Ensemble
from brevitas_models.networks.layer import make_linear
from brevitas_models.networks.network import Network
from brevitas_models.quantizers.input_levels import InputLevels

ARCHITECTURES = {
    Architecture.MLP: mlp,
    Architecture.LENET5: lenet5,
    Architecture.RESNET8: resnet8,
    Architecture.DSCNN: dscnn,
}


def _per_layer(name: str, bits: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    if isinstance(bits, int):
        return (bits,) * count
    if len(bits) != count:
        raise ModelError(f"{name}: expected one number or {count} of them, one per layer, got {len(bits)}: {bits}")
    return tuple(bits)


def build(
    config: NetworkConfig, quant: QuantConfig, input_shape: tuple[int, int, int], classes: int
) -> Network | Ensemble:
    """An untrained network, or ensemble where `quant.members` asks for one, for pictures of `input_shape` (C, H, W),
    its weights drawn from torch's global generator.

    `Activation.FLOAT` gives the plain floating-point twin of the same shape. Raises ModelError where a list of bits
    has another length than the network has layers, or where pictures get too small.
    """
    if len(input_shape) != 3 or min(input_shape) < 1 or classes < 2:
        raise ModelError(f"network: expected a shape (C, H, W) and 2 classes or more, got {input_shape} and {classes}")
    if quant.members:
        each = [replace(quant, weight_bits=bits, activation_bits=bits, members=()) for bits in quant.members]
        members = [build(config, member, input_shape, classes) for member in each]
        return Ensemble(members, (config, quant, tuple(input_shape), classes))
    architecture = ARCHITECTURES[config.architecture]
    weight_bits = _per_layer("quant.weight_bits", quant.weight_bits, architecture.weight_count(config) + 1)
    activations = architecture.activation_count(config)
    activation_bits = _per_layer("quant.activation_bits", quant.activation_bits, activations)
    blocks, features = architecture.blocks(config, quant, weight_bits[:-1], activation_bits, input_shape)
    floating = quant.activation is Activation.FLOAT
    last = make_linear(nn.Linear, (classes, features), weight_bits[-1], floating, quant.scale)
    entry = None if floating or quant.input_bits == GRID_BITS else InputLevels(quant.input_bits)
    return Network(blocks, last, (config, quant, tuple(input_shape), classes), entry)
