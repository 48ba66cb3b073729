"""Several networks that look at one picture: differently quantized members, whose scores are added."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from brevitas_models.config import Answer, NetworkConfig, QuantConfig
from brevitas_models.networks.layer import Layer
from brevitas_models.networks.network import Network


class Ensemble(nn.Module):
    """`forward`: pixels float32 (N, C, H, W) in [0, 1] -> logits float32 (N, classes).

    `Answer.SUM`: the sum of the members' logits. `Answer.RANDOM`: those of one member, drawn for every picture from
    torch's default generator. `recipe`: of the whole, as `Network.recipe`. `exact`: set by `deploy`.
    """

    def __init__(
        self, members: list[Network], recipe: tuple[NetworkConfig, QuantConfig, tuple[int, int, int], int]
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.recipe = recipe
        self.answer = recipe[1].answer
        self.exact = False

    @property
    def grid(self) -> nn.Module:
        return self.members[0].grid

    @property
    def layers(self) -> list[Layer]:
        return [layer for member in self.members for layer in member.layers]

    @property
    def linears(self) -> list[nn.Module]:
        return [linear for member in self.members for linear in member.linears]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        return self.recipe[2]

    def answers(self, pixels: Tensor) -> list[Tensor]:
        """Every member's logits (N, classes), for pixels float32 (N, C, H, W)."""
        values = self.grid(pixels)
        return [member.logits(values) for member in self.members]

    def forward(self, pixels: Tensor) -> Tensor:
        return self.logits(self.grid(pixels))

    def logits(self, values: Tensor) -> Tensor:
        """Grid values (N, C, H, W) -> logits (N, classes): everything behind the input grid."""
        answers = [member.logits(values) for member in self.members]
        if self.answer is Answer.SUM:
            return sum(answers[1:], answers[0])
        chosen = torch.randint(len(answers), (len(values),))
        return torch.stack(answers)[chosen, torch.arange(len(values))]
