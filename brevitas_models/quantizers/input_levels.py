"""A coarse quantizer of the pixels themselves: fewer input levels, so that small changes of a pixel meet no threshold.

Bit-depth reduction (Xu et al. 2018, "feature squeezing", arXiv 1704.01155) as the circuit's first operator. Where the
pixels are almost black or white (MNIST), most of them cannot be moved over a threshold within the budget.
"""

from __future__ import annotations

import torch
from brevitas.inject import ExtendedInjector
from torch import Tensor

from brevitas_models.quantizers.backward import SelectableBackward
from brevitas_models.quantizers.dqa import DQAProxy, Stairs
from brevitas_models.quantizers.input_grid import UNIT
from brevitas_models.quantizers.levels import Levels
from brevitas_models.quantizers.staircase import Staircase


class InputStaircase(SelectableBackward):
    """The tensor quantizer: `2**bit_width` levels `count * 2**-bit_width` of grid values `code * 2**-8`, 1 to 7 bits.

    The thresholds halve the distances between evenly spread levels 255 k / n, n = 2**bits - 1, rounded up to codes:
    ceil(255 (2k - 1) / (2n)). One bit: codes from 128 on are the upper level.
    """

    thresholds: Tensor

    def __init__(self, bit_width: int) -> None:
        super().__init__()
        top = 2**bit_width - 1
        self.bits, self.levels = bit_width, Levels(2.0**-bit_width, 0.0, top)
        codes = [-(-255 * (2 * k - 1) // (2 * top)) for k in range(1, top + 1)]
        self.register_buffer("thresholds", torch.tensor(codes, dtype=torch.float32) * UNIT)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """float32 of any shape -> (levels of the same shape, step, zero point, bits), Brevitas' four answers."""
        y = Staircase.apply(x, self.thresholds, self.levels.step, 0.0, self.backward_mode)
        return y, torch.tensor(self.levels.step), torch.tensor(0.0), torch.tensor(float(self.bits))


class InputInjector(ExtendedInjector):
    """Brevitas injector: `QuantIdentity(act_quant=InputInjector, bit_width=1)`."""

    proxy_class = DQAProxy
    tensor_quant = InputStaircase
    signed = False
    narrow_range = False


class InputLevels(Stairs):
    """The layer in front of a network: grid values float32, any shape -> levels of the same shape."""

    def __init__(self, bits: int) -> None:
        super().__init__(act_quant=InputInjector, bit_width=bits)
