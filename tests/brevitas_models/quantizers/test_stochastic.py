from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from brevitas_models.config import Scale
from brevitas_models.quantizers.backward import backward_pass
from brevitas_models.quantizers.stochastic import DRAW_BITS, Noise, QuantSQ, drawn_from, silenced

DRAWS = 20_000


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("scale", list(Scale))
def test_the_mean_of_many_draws_is_the_clipped_input(bits, scale) -> None:
    layer = QuantSQ(bits, scale)
    grid = layer.levels
    highest = grid.lowest + grid.top * grid.step
    x = torch.linspace(grid.lowest - 0.4, highest + 0.4, 23)
    torch.manual_seed(0)
    drawn = layer(x.expand(DRAWS, -1))
    counts = (drawn - grid.lowest) / grid.step
    assert torch.allclose(counts, counts.round(), atol=1e-5)
    assert counts.min() >= 0 and counts.max() <= grid.top
    expected = x.clamp(grid.lowest, highest)
    assert (drawn - expected).abs().max() < grid.step * (1 + 1e-5)  # only the two levels around x
    error = 5 * grid.step / 2 / math.sqrt(DRAWS)  # five standard errors of a Bernoulli at its widest
    assert (drawn.mean(0) - expected).abs().max() < error


def test_a_seed_repeats_the_draws_in_both_modes_and_another_does_not() -> None:
    layer, x = QuantSQ(3, Scale.POWER_OF_TWO), torch.randn(50, 8)

    def draw(seed: int, training: bool) -> torch.Tensor:
        layer.train(training)
        torch.manual_seed(seed)
        return layer(x)

    for training in (True, False):
        assert torch.equal(draw(1, training), draw(1, training))
        assert not torch.equal(draw(1, training), draw(2, training))
    assert not torch.equal(layer(x), layer(x))


def test_silence_rounds_to_nearest() -> None:
    layer = QuantSQ(2, Scale.POWER_OF_TWO)
    x = torch.tensor([[-3.0, -0.51, -0.49, 0.0, 0.49, 0.51, 3.0]])
    with silenced(layer):
        assert torch.equal(layer(x), torch.tensor([[-0.75, -0.75, -0.25, 0.25, 0.25, 0.75, 0.75]]))
    assert not layer.quantizer.silent


def test_the_gradient_is_that_of_the_expectation() -> None:
    layer = QuantSQ(2, Scale.POWER_OF_TWO)
    x = torch.tensor([[-0.8, -0.7, 0.0, 0.7, 0.8]], requires_grad=True)
    layer(x).sum().backward()
    assert torch.equal(x.grad, torch.tensor([[0.0, 1.0, 1.0, 1.0, 0.0]]))
    x.grad = None
    with backward_pass(layer, "identity"):
        layer(x).sum().backward()
    assert torch.equal(x.grad, torch.ones(1, 5))


def test_integer_noise_has_its_spread_and_takes_given_draws_channel_last() -> None:
    noise = Noise(torch.tensor([1, 4, 7]), torch.tensor([1.0, 0.5, 2.0]), seed=9)
    torch.manual_seed(0)
    d = noise.sample(torch.Size([400, 3, 2, 2])) / noise.gain[:, None, None]
    for channel, expected in enumerate(([0], [-2, -1, 0, 1], [-3, -2, -1, 0, 1, 2, 3])):
        assert sorted(set(d[:, channel].flatten().tolist())) == expected
    layer = QuantSQ(2, Scale.POWER_OF_TWO)
    layer.quantizer.noise = noise
    asked: list[tuple[int, int]] = []

    def generator(seed: int):
        def draw(count: int, bits: int) -> np.ndarray:
            asked.append((count, bits))
            return np.arange(count) * seed % 2**bits

        return draw

    with drawn_from(layer, generator):
        got = noise.sample(torch.Size([1, 3, 1, 2]))
    assert asked == [(6, DRAW_BITS)] and noise.draw is None
    r = (np.arange(6) * 9 % 256).reshape(2, 3)  # two pixels, then channels
    d = (r * [1, 4, 7] >> 8) - np.array([0, 2, 3])
    assert np.array_equal(got[0, :, 0].numpy(), (d * [1.0, 0.5, 2.0]).T)
