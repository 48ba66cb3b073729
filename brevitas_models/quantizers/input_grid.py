"""The 8-bit grid of the sensor: what the circuit can see of a picture."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brevitas_models.quantizers.levels import Levels

UNIT = 2.0**-8


class _Snap(torch.autograd.Function):
    """Rounding to codes, straight-through (identity up to the factor 255/256 of the unit)."""

    @staticmethod
    def forward(ctx, pixels: Tensor) -> Tensor:
        return torch.round(pixels * 255).clamp_(0, 255).mul_(UNIT)

    @staticmethod
    def backward(ctx, upstream: Tensor) -> Tensor:
        return upstream * (255 * UNIT)


class InputGrid(nn.Module):
    """Pixels float32 in [0, 1], any shape -> round(255 x) * 2**-8: integer codes times a power of two."""

    levels = Levels(UNIT, 0.0, 255)

    def forward(self, pixels: Tensor) -> Tensor:
        return _Snap.apply(pixels)
