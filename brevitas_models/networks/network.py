"""A feed-forward network: the input grid, blocks of layers, and a last linear layer that gives the logits."""

from __future__ import annotations

from torch import Tensor, nn

from brevitas_models.config import NetworkConfig, QuantConfig
from brevitas_models.networks.frozen import apply_linear
from brevitas_models.networks.layer import Layer
from brevitas_models.networks.pooling import GlobalSum
from brevitas_models.networks.residual import Residual
from brevitas_models.quantizers.input_grid import InputGrid
from brevitas_models.quantizers.input_levels import InputLevels
from brevitas_models.quantizers.levels import Levels

Block = Layer | Residual | GlobalSum


class Network(nn.Module):
    """`forward`: pixels float32 (N, C, H, W) in [0, 1] -> logits float32 (N, classes).

    `entry`: the quantizer behind the input grid, None where the network sees all 256 codes. `recipe`: what `build` was
    called with; checkpoints keep it. `exact`: set by `deploy`: every float32 operation of the deployed network is free
    of rounding, so any engine computes the same bits.
    """

    def __init__(
        self,
        blocks: list[Block],
        last: nn.Module,
        recipe: tuple[NetworkConfig, QuantConfig, tuple[int, int, int], int],
        entry: InputLevels | None = None,
    ) -> None:
        super().__init__()
        self.grid = InputGrid()
        self.entry = entry
        self.blocks = nn.ModuleList(blocks)
        self.last = last
        self.recipe = recipe
        self.exact = False

    @property
    def layers(self) -> list[Layer]:
        """Every hidden layer, in the order in which the blocks hold them."""
        return [layer for block in self.blocks for layer in block.layers]

    @property
    def linears(self) -> list[nn.Module]:
        """Every convolution and linear layer, in order; the last one gives the logits."""
        return [*(layer.linear for layer in self.layers), self.last]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return self.recipe[2]

    @property
    def input_levels(self) -> Levels:
        """Levels of what the first block sees."""
        return (self.entry or self.grid).levels

    def enter(self, values: Tensor) -> Tensor:
        """Grid values `code * 2**-8` (N, C, H, W) -> what the first block sees."""
        return values if self.entry is None else self.entry(values)

    def hidden(self, values: Tensor) -> Tensor:
        """Grid values `code * 2**-8` (N, C, H, W) -> what the last layer sees, (N, features)."""
        values = self.enter(values)
        for block in self.blocks:
            values = block(values)
        return values.flatten(1)

    @property
    def last_levels(self) -> Levels:
        """Levels of what the last layer sees. A quantized network's only."""
        levels = self.input_levels
        for block in self.blocks:
            levels = block.after(levels)
        return levels

    def trace(self, pixels: Tensor) -> list[Tensor]:
        """Every block's output, then the logits, for pixels float32 (N, C, H, W)."""
        values, outputs = self.enter(self.grid(pixels)), []
        for block in self.blocks:
            values = block(values)
            outputs.append(values)
        return [*outputs, apply_linear(self.last, values.flatten(1))]

    def forward(self, pixels: Tensor) -> Tensor:
        return self.logits(self.grid(pixels))

    def logits(self, values: Tensor) -> Tensor:
        """Grid values (N, C, H, W) -> logits (N, classes): everything behind the input grid."""
        return apply_linear(self.last, self.hidden(values))
