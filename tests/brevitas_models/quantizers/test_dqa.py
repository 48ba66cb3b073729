from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from brevitas_models.config import Scale
from brevitas_models.quantizers.dqa import QuantDQA, fixed_thresholds, levels

BITS = range(1, 9)


def test_one_bit_is_the_sign() -> None:
    x = torch.tensor([-2.0, -1e-6, 0.0, 1e-6, 3.0])
    assert QuantDQA(1, Scale.FLOAT, dynamic=False)(x).tolist() == [-1, -1, 1, 1, 1]
    assert QuantDQA(1, Scale.POWER_OF_TWO, dynamic=False)(x).tolist() == [-0.5, -0.5, 0.5, 0.5, 0.5]


def test_two_bits_by_hand() -> None:
    # n = 3: the decision points are atanh(-2/3), atanh(0), atanh(2/3), and atanh(2/3) = ln(5) / 2.
    assert np.allclose(fixed_thresholds(2), [-math.log(5) / 2, 0, math.log(5) / 2], rtol=0, atol=1e-15)
    x = torch.tensor([-0.81, -0.80, -0.01, 0.0, 0.80, 0.81])
    assert QuantDQA(2, Scale.POWER_OF_TWO, dynamic=False)(x).tolist() == [-0.75, -0.25, -0.25, 0.25, 0.25, 0.75]
    third = float(np.float32(2 / 3))
    got = QuantDQA(2, Scale.FLOAT, dynamic=False)(x).double()
    assert torch.equal(got, ((torch.tensor([0.0, 1, 1, 2, 2, 3]) - 1.5) * third).double())


@pytest.mark.parametrize("bits", BITS)
def test_fixed_equals_rounded_tanh(bits: int) -> None:
    n = 2**bits - 1
    x = np.linspace(-4, 4, 4001)
    x = x[np.abs(x[:, None] - fixed_thresholds(bits)).min(axis=1) > 1e-5]  # away from the steps themselves
    expected = np.round(n * (np.tanh(x) + 1) / 2)
    y = QuantDQA(bits, Scale.POWER_OF_TWO, dynamic=False)(torch.from_numpy(x).float()).double().numpy()
    assert np.array_equal((y + n * 2.0**-bits) / 2.0 ** (1 - bits), expected)


@pytest.mark.parametrize("bits", BITS)
def test_power_of_two_levels_are_odd_multiples_of_one_unit(bits: int) -> None:
    grid = levels(bits, Scale.POWER_OF_TWO)
    units = (grid.step * np.arange(2**bits) + grid.lowest) / grid.unit
    assert grid.unit == 2.0**-bits
    assert np.array_equal(units, np.arange(-grid.magnitude, grid.magnitude + 1, 2))


@pytest.mark.parametrize("bits", BITS)
def test_dynamic_starts_as_fixed(bits: int) -> None:
    learned = QuantDQA(bits, Scale.FLOAT, dynamic=True).thresholds.detach().double().numpy()
    assert np.abs(learned - fixed_thresholds(bits)).max() < 2e-6 * 2**bits
    assert len(learned) == 2**bits - 1


def test_thresholds_stay_sorted_whatever_the_gradient() -> None:
    activation = QuantDQA(3, Scale.POWER_OF_TWO, dynamic=True)
    optimizer = torch.optim.SGD(activation.parameters(), lr=50.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(30):
        x = torch.randn(200, generator=generator)
        optimizer.zero_grad()
        (activation(x) * torch.randn(200, generator=generator)).sum().backward()
        optimizer.step()
        assert (activation.thresholds.diff() > 0).all()


def test_the_input_gradient_covers_thresholds_beyond_one() -> None:
    activation = QuantDQA(4, Scale.POWER_OF_TWO, dynamic=False)  # outermost threshold atanh(14/15) = 1.68
    x = torch.tensor([-1.7, -1.6, 0.0, 1.6, 1.7], requires_grad=True)
    activation(x).sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 0]


def test_learning_moves_a_threshold_where_it_belongs() -> None:
    """The teacher's one threshold is 0.7; the student starts at 0 and sees only the teacher's answers."""
    activation = QuantDQA(1, Scale.FLOAT, dynamic=True)
    optimizer = torch.optim.Adam(activation.parameters(), lr=0.02)
    x = torch.linspace(-2, 2, 2001)
    target = torch.where(x >= 0.7, 1.0, -1.0)
    for _ in range(200):
        optimizer.zero_grad()
        (activation(x) - target).square().mean().backward()
        optimizer.step()
    assert abs(activation.thresholds.item() - 0.7) < 0.03
