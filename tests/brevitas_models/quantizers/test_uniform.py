from __future__ import annotations

import math

import pytest
import torch
from brevitas.nn import QuantLinear

from brevitas_models.config import Scale
from brevitas_models.deploy import integer_weight
from brevitas_models.quantizers.uniform import UniformReLU, weight_quantizer


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("bits", range(1, 9))
def test_weights_are_integers_times_one_scale(bits: int, scale: Scale) -> None:
    torch.manual_seed(bits)
    linear = QuantLinear(20, 30, bias=False, weight_quant=weight_quantizer(bits, scale, 30, 20))
    integers, step = integer_weight(linear)
    largest = 2 ** (bits - 1) - 1 if bits > 1 else 1
    assert integers.abs().max() <= largest
    assert bits > 1 or set(integers.unique().tolist()) == {-1, 1}
    if scale is Scale.POWER_OF_TWO:
        assert math.frexp(step)[0] == 0.5
    else:
        assert bits == 1 or integers.abs().max() == largest


@pytest.mark.parametrize("scale", Scale)
@pytest.mark.parametrize("bits", range(1, 9))
def test_relu_levels(bits: int, scale: Scale) -> None:
    activation = UniformReLU(bits, scale)
    y = activation(torch.linspace(-1, 5, 4000)).detach()
    grid = activation.levels
    assert grid.top == 2**bits - 1 and grid.lowest == 0
    expected = (torch.arange(2**bits) * torch.tensor(grid.step)).unique()
    assert torch.equal(y.unique(), expected)
    assert scale is Scale.FLOAT or math.frexp(grid.step)[0] == 0.5


def test_the_relu_range_learns() -> None:
    activation = UniformReLU(3, Scale.FLOAT)
    optimizer = torch.optim.Adam(activation.parameters(), lr=0.05)
    x = torch.rand(500, generator=torch.Generator().manual_seed(0)) * 4
    first = (activation(x) - x).square().mean().item()
    for _ in range(100):
        optimizer.zero_grad()
        (activation(x) - x).square().mean().backward()
        optimizer.step()
    assert (activation(x) - x).square().mean().item() < first / 10
