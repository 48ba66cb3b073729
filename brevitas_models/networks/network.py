"""A feed-forward network: the input grid, layers, and a last linear layer that gives the logits."""

from __future__ import annotations

from torch import Tensor, nn

from brevitas_models.config import NetworkConfig, QuantConfig
from brevitas_models.networks.frozen import apply_linear
from brevitas_models.networks.layer import Layer
from brevitas_models.quantizers.input_grid import InputGrid


class Network(nn.Module):
    """`forward`: pixels float32 (N, C, H, W) in [0, 1] -> logits float32 (N, classes).

    `recipe`: what `build` was called with; checkpoints keep it. `exact`: set by `deploy`: every float32 operation
    of the deployed network is free of rounding, so any engine computes the same bits.
    """

    def __init__(
        self,
        layers: list[Layer],
        last: nn.Module,
        recipe: tuple[NetworkConfig, QuantConfig, tuple[int, int, int], int],
    ) -> None:
        super().__init__()
        self.grid = InputGrid()
        self.layers = nn.ModuleList(layers)
        self.last = last
        self.recipe = recipe
        self.exact = False

    @property
    def linears(self) -> list[nn.Module]:
        """Every convolution and linear layer, in order; the last one gives the logits."""
        return [*(layer.linear for layer in self.layers), self.last]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return self.recipe[2]

    def hidden(self, values: Tensor) -> Tensor:
        """Grid values `code * 2**-8` (N, C, H, W) -> what the last layer sees, (N, features)."""
        for layer in self.layers:
            values = layer(values)
        return values.flatten(1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.logits(self.grid(pixels))

    def logits(self, values: Tensor) -> Tensor:
        """Grid values (N, C, H, W) -> logits (N, classes): everything behind the input grid."""
        return apply_linear(self.last, self.hidden(values))
