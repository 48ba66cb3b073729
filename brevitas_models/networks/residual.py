"""A residual block (He et al. 2016, arXiv 1512.03385): two branches, added as integers, then the activation."""

from __future__ import annotations

from torch import Tensor, nn

from brevitas_models.networks.layer import Layer
from brevitas_models.quantizers.levels import Levels


class Residual(nn.Module):
    """activation(body(x) + shortcut(x)); `shortcut` None adds x itself.

    The last layer of `body`, and the shortcut's, end in a requantizer instead of an activation, so that what is added
    are integers times powers of two (networks with such scales), which float32 adds exactly.
    """

    def __init__(self, body: list[Layer], shortcut: Layer | None, activation: nn.Module) -> None:
        super().__init__()
        self.body = nn.ModuleList(body)
        self.shortcut, self.activation = shortcut, activation

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        y = x
        for layer in self.body:
            y = layer(y)
        return self.activation(y + (x if self.shortcut is None else self.shortcut(x)))

    @property
    def layers(self) -> list[Layer]:
        return [*self.body, *([] if self.shortcut is None else [self.shortcut])]

    def after(self, incoming: Levels) -> Levels:
        """Levels of what it gives; `incoming`: of what it gets."""
        return self.activation.levels

    def sum_magnitude(self, incoming: Levels) -> tuple[int, float]:
        """(largest |sum|, unit) of the addition, the sum counted in the unit: the finer one of the two branches.

        Both units are powers of two where the network is exact; elsewhere the answer is not used.
        """
        first = self.body[-1].activation.levels
        second = incoming if self.shortcut is None else self.shortcut.activation.levels
        unit = min(first.unit, second.unit)
        return sum(int(levels.magnitude * round(levels.unit / unit)) for levels in (first, second)), unit
