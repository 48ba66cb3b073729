"""DQA: fixed and dynamic quantized activation (arXiv 1807.06714) as a Brevitas activation quantizer."""

from __future__ import annotations

import math

import numpy as np
import torch
from brevitas.inject import ExtendedInjector
from brevitas.nn import QuantIdentity
from brevitas.proxy.runtime_quant import ActQuantProxyFromInjectorBase
from torch import Tensor, nn

from brevitas_models.config import Scale
from brevitas_models.quantizers.backward import SelectableBackward
from brevitas_models.quantizers.levels import Levels
from brevitas_models.quantizers.staircase import Staircase

MIN_GAP = 2.0**-10  # keeps learned thresholds strictly apart, also after rounding to float32


def fixed_thresholds(bits: int) -> np.ndarray:
    """Where round((2**m - 1) * (tanh(x) + 1) / 2) steps: T_k = atanh((2k - 1 - n) / n), k = 1..n, n = 2**m - 1.

    float64 (n,), ascending, antisymmetric. m = 1 has the one threshold 0: sign(x).
    """
    n = 2**bits - 1
    return np.array([math.atanh((2 * k - 1 - n) / n) for k in range(1, n + 1)])


def levels(bits: int, scale: Scale) -> Levels:
    """`Scale.FLOAT`: 2**m levels from -1 to 1, step 2/n. `POWER_OF_TWO`: step 2**(1-m), lowest -n * 2**-m, so that
    every level is an odd multiple of 2**-m, exact in float32."""
    n = 2**bits - 1
    if scale is Scale.POWER_OF_TWO:
        return Levels(2.0 ** (1 - bits), -n * 2.0**-bits, n)
    return Levels(float(np.float32(2 / n)), -1.0, n)


class DQA(SelectableBackward):
    """The tensor quantizer: `2**bit_width` levels, thresholds fixed or learned ("dynamic").

    Learned thresholds are stored as the first one and the softplus of every gap, so they stay sorted whatever the
    optimizer does. They start where the fixed quantizer has them. All of a layer's channels share the thresholds.
    """

    def __init__(self, bit_width: int, level_scale: Scale, dynamic: bool) -> None:
        super().__init__()
        self.bits, self.dynamic = bit_width, dynamic
        self.levels = levels(bit_width, level_scale)
        start = torch.from_numpy(fixed_thresholds(bit_width))
        if dynamic:
            self.first = nn.Parameter(start[:1].float())
            gaps = start.diff() - MIN_GAP
            self.gaps = nn.Parameter((gaps + torch.log(-torch.expm1(-gaps))).float())
        else:
            self.register_buffer("fixed", start.float())

    @property
    def thresholds(self) -> Tensor:
        """float32 (n,), ascending; differentiable to the learned parameters."""
        if not self.dynamic:
            return self.fixed
        gaps = nn.functional.softplus(self.gaps) + MIN_GAP
        return torch.cat([self.first, self.first + torch.cumsum(gaps, 0)])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """float32 of any shape -> (levels of the same shape, step, zero point, bits), Brevitas' four answers."""
        y = Staircase.apply(x, self.thresholds, self.levels.step, self.levels.top / 2, self.backward_mode)
        zero_point = torch.tensor(self.levels.top / 2)
        return y, torch.tensor(self.levels.step), zero_point, torch.tensor(float(self.bits))


class DQAProxy(ActQuantProxyFromInjectorBase):
    """Brevitas proxy of a DQA; gives plain tensors, for the half-integer zero point is not one of a QuantTensor."""

    @property
    def dqa(self) -> DQA:
        return self.fused_activation_quant_proxy.tensor_quant

    def create_quant_tensor(self, qt_args: tuple[Tensor, ...], x: Tensor) -> Tensor:
        return qt_args[0]


class Stairs(QuantIdentity):
    """An activation layer around a tensor quantizer that is a staircase."""

    @property
    def levels(self) -> Levels:
        return self.act_quant.dqa.levels

    @property
    def thresholds(self) -> Tensor:
        """float32 (n,), ascending."""
        return self.act_quant.dqa.thresholds


class DQAInjector(ExtendedInjector):
    """Brevitas injector: `QuantIdentity(act_quant=DQAInjector, bit_width=2, level_scale=..., dynamic=True)`."""

    proxy_class = DQAProxy
    tensor_quant = DQA
    signed = True
    narrow_range = False


class QuantDQA(Stairs):
    """The activation layer: float32 of any shape -> levels of the same shape."""

    def __init__(self, bits: int, scale: Scale, dynamic: bool) -> None:
        super().__init__(act_quant=DQAInjector, bit_width=bits, level_scale=scale, dynamic=dynamic)
