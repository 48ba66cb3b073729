"""Global pooling by an exact sum."""

from __future__ import annotations

import math

from torch import Tensor, nn

from brevitas_models.networks.layer import Layer
from brevitas_models.quantizers.levels import Levels


class GlobalSum(nn.Module):
    """Sum over the whole picture times a power of two near 1 / (H W): an average pool up to a constant below 2.

    A division by H W would round; what this gives is exact in float32, and the next layer's weights take up the
    constant. `height`, `width`: of what comes in.
    """

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.elements = height * width
        self.factor = 2.0 ** -round(math.log2(self.elements))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C)."""
        return x.sum(dim=(2, 3)) * self.factor

    @property
    def layers(self) -> list[Layer]:
        return []

    def after(self, incoming: Levels) -> Levels:
        """Levels of what it gives; `incoming`: of what it gets."""
        scale = self.factor
        return Levels(incoming.step * scale, incoming.lowest * self.elements * scale, incoming.top * self.elements)
