"""Uniform quantizers of Brevitas with this project's bits and scales: weights, the ordinary ReLU, branches."""

from __future__ import annotations

import math

import torch
from brevitas.inject import ExtendedInjector
from brevitas.nn import QuantIdentity, QuantReLU
from brevitas.quant import (
    Int8ActPerTensorFloatMinMaxInit,
    Int8WeightPerTensorFixedPoint,
    Int8WeightPerTensorFloat,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFixedPointMaxInit,
    Uint8ActPerTensorFloatMaxInit,
)
from brevitas.quant.base import IntQuant, ParamMinMaxInitScaling, PerTensorPoTScaling8bit
from brevitas.quant.solver.act import ActQuantSolver
from torch import Tensor

from brevitas_models.config import Scale
from brevitas_models.quantizers.backward import SelectableBackward, WithSlope, slope
from brevitas_models.quantizers.fused import FusedIntQuant
from brevitas_models.quantizers.levels import Levels

START_MAXIMUM = 1.5  # of the learned ReLU range; a power-of-two scale rounds it up to 2


def weight_quantizer(bits: int, scale: Scale, outputs: int, inputs: int) -> type[ExtendedInjector]:
    """Brevitas injector for weights of a layer with `outputs` x `inputs` weights (inputs: all of one output's).

    1 bit: bipolar, +-s with constant s near 1/sqrt(max(outputs, inputs)), where a random sign matrix has spectral
    norm about 2 at most. 2 to 8 bits: signed narrow range, scale from the largest weight, per tensor.
    """
    if bits == 1:
        constant = 1 / math.sqrt(max(outputs, inputs))
        if scale is Scale.POWER_OF_TWO:
            constant = 2.0 ** round(math.log2(constant))
        return SignedBinaryWeightPerTensorConst.let(scaling_const=constant)
    base = Int8WeightPerTensorFixedPoint if scale is Scale.POWER_OF_TWO else Int8WeightPerTensorFloat
    return base.let(bit_width=bits, int_quant=FusedIntQuant)


class _SignedPowerOfTwo(IntQuant, ParamMinMaxInitScaling, PerTensorPoTScaling8bit, ActQuantSolver):
    """Brevitas has the signed, learned range only with free scales: the same parts with power-of-two ones."""


class UniformIdentity(QuantIdentity, SelectableBackward):
    """A signed, symmetric uniform quantizer of `bits` bits (2 to 8) with a learned range: float32 -> same shape.

    Levels -(2**(bits-1) - 1) to 2**(bits-1) - 1 steps. Backward passes as for `UniformReLU`.
    """

    def __init__(self, bits: int, scale: Scale) -> None:
        base = _SignedPowerOfTwo if scale is Scale.POWER_OF_TWO else Int8ActPerTensorFloatMinMaxInit
        quantizer = base.let(
            bit_width=bits,
            int_quant=FusedIntQuant,
            narrow_range=True,
            min_val=-START_MAXIMUM,
            max_val=START_MAXIMUM,
            scaling_min_val=2.0**-8,
        )
        QuantIdentity.__init__(self, act_quant=quantizer)
        self.bits = bits

    @property
    def levels(self) -> Levels:
        top = 2**self.bits - 2
        step = self.act_quant.scale().item()
        return Levels(step, -top / 2 * step, top)

    def forward(self, x: Tensor) -> Tensor:
        return _selected(self, x, super().forward(x))


class UniformReLU(QuantReLU, SelectableBackward):
    """ReLU and an unsigned uniform quantizer of `bits` bits with a learned range: float32 -> same shape.

    Backward `clipped`: Brevitas' own (1 inside the range, and the learned scale gets its gradient). The other passes
    are for attacks: only the input gets a gradient.
    """

    def __init__(self, bits: int, scale: Scale) -> None:
        base = Uint8ActPerTensorFixedPointMaxInit if scale is Scale.POWER_OF_TWO else Uint8ActPerTensorFloatMaxInit
        quantizer = base.let(bit_width=bits, int_quant=FusedIntQuant, max_val=START_MAXIMUM, scaling_min_val=2.0**-8)
        QuantReLU.__init__(self, act_quant=quantizer)
        self.bits = bits

    @property
    def levels(self) -> Levels:
        return Levels(self.act_quant.scale().item(), 0.0, 2**self.bits - 1)

    def forward(self, x: Tensor) -> Tensor:
        if self.act_quant.export_mode:
            return super().forward(x)
        # Rounding to levels from 0 up is a ReLU already: Brevitas' own in front of it would be one more pass.
        y, *_ = self.act_quant.fused_activation_quant_proxy.tensor_quant(x)
        return _selected(self, x, y)


def _selected(quantizer: UniformReLU | UniformIdentity, x: Tensor, y: Tensor) -> Tensor:
    """`y`, the quantizer's answer to `x`, with the gradient that its backward mode asks for."""
    if quantizer.backward_mode == "clipped" or not torch.is_grad_enabled():
        return y
    grid = quantizer.levels
    thresholds = (torch.arange(grid.top) + 0.5) * grid.step + grid.lowest
    highest = grid.lowest + grid.top * grid.step
    derivative = slope(x.detach(), thresholds, grid.step, grid.lowest, highest, quantizer.backward_mode)
    return WithSlope.apply(x, y.detach(), derivative)
